"""Arguments of the DAG that all of its tasks have, unless they say otherwise."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.python import PythonOperator


def fail(**context):
    raise ValueError(f"try {context['ti'].try_number}")


with DAG(
    "default_args",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10), "python_callable": fail},
):
    PythonOperator(task_id="tried_three_times")
    PythonOperator(task_id="tried_once", retries=0)
