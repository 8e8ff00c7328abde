"""A failure that stops the whole run."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("fail_stop", start_date=datetime(2026, 1, 1), schedule=None, fail_stop=True):
    BashOperator(task_id="fails", bash_command="exit 1") >> BashOperator(task_id="after", bash_command="true")
