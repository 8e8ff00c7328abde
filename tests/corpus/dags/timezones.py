"""Dates with a time zone of their own, in a schedule and in templates."""

import pendulum
from airflow import DAG
from airflow.decorators import task

with DAG(
    "timezones",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Oslo"),
    schedule="0 3 * * *",
    catchup=False,
):

    @task
    def local(logical_date=None, dag=None):
        return [str(dag.timezone), logical_date.in_timezone("Europe/Oslo").isoformat()]

    local()
