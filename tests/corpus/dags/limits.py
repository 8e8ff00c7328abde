"""Limits of a DAG, of its runs and of a task; a time for the whole run."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task

with DAG(
    "limits",
    start_date=datetime(2026, 1, 1),
    schedule="@daily",
    catchup=False,
    max_active_runs=1,
    max_active_tasks=2,
    dagrun_timeout=timedelta(hours=1),
):

    @task(max_active_tis_per_dag=1, max_active_tis_per_dagrun=1)
    def one_by_one(number):
        return number

    one_by_one.expand(number=[1, 2, 3])
