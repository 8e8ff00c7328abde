"""A task that begins later than its DAG: runs before that do not have it."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG("task_dates", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    EmptyOperator(task_id="old") >> EmptyOperator(task_id="new", start_date=datetime(2026, 6, 1))
