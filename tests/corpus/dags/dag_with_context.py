"""A DAG made by ``with``: what stands inside belongs to it."""

import pendulum
from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG(
    "dag_with_context", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule="@daily", catchup=False
):
    EmptyOperator(task_id="begin") >> EmptyOperator(task_id="end")
