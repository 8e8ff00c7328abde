"""A task that computes in native code and does not let another thread of its process run."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator

with DAG(dag_id="busy", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
    PythonOperator(task_id="compute", python_callable=lambda: sum(range(100_000_000)))
