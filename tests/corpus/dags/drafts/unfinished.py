raise RuntimeError("no DAG file: it is a draft of one for airflow")
