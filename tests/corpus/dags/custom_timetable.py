"""A timetable of one's own, from a plugin."""

import pendulum
from airflow import DAG
from airflow.decorators import task
from workdays import WorkdayTimetable

with DAG(
    "custom_timetable",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=WorkdayTimetable(),
    catchup=False,
):

    @task
    def interval(data_interval_start=None, data_interval_end=None, dag=None):
        return [data_interval_start.isoformat(), data_interval_end.isoformat(), dag.timetable.description]

    interval()
