"""A DAG that is paused once as many of its runs in a row have failed."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "stop_after_failures", start_date=datetime(2026, 1, 1), schedule=None, max_consecutive_failed_dag_runs=2
):
    BashOperator(task_id="fails", bash_command="false")
