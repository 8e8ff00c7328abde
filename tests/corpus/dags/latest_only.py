"""What runs for the latest interval only: a run of the past skips it."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.latest_only import LatestOnlyOperator

with DAG("latest_only", start_date=datetime(2020, 1, 1), schedule="@daily", catchup=False):
    LatestOnlyOperator(task_id="latest") >> EmptyOperator(task_id="notify")
    EmptyOperator(task_id="always")
