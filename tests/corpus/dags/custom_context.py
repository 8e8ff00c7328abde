"""What a task may ask of its run: dates, interval, the task instances, the run before."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task

with DAG("custom_context", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):

    @task
    def ask(
        ti=None, dag_run=None, data_interval_start=None, data_interval_end=None, prev_start_date_success=None
    ):
        others = sorted(each.task_id for each in dag_run.get_task_instances())
        days = (data_interval_end - data_interval_start).days
        return [ti.task_id, dag_run.run_type, days, prev_start_date_success, others]

    ask()
