"""A task that needs more slots than its pool has at first."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator

with DAG(dag_id="narrow_pool", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
    PythonOperator(task_id="wide", python_callable=lambda: "through", pool="narrow", pool_slots=3)
