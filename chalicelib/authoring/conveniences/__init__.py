"""Small functions that DAG files and provider packages import of ``airflow.utils``."""
