"""Tasks that wait for themselves in the run before: the first run has none."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "depends_on_past",
    start_date=datetime(2026, 1, 1),
    schedule="@daily",
    catchup=False,
    default_args={"depends_on_past": True},
):
    BashOperator(task_id="load", bash_command="true", wait_for_downstream=True) >> BashOperator(
        task_id="report", bash_command="true"
    )
