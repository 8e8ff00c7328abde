"""DAG files to DAGs, and DAGs to the documents that the engine works on."""
