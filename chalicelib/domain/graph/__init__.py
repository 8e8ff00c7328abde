"""The graph of one DAG version: tasks, their order, and the joins where their ends meet."""
