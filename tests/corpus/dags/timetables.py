"""Schedules by timetable objects: cron moments, deltas, named events, and with datasets."""

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.datasets import Dataset
from airflow.decorators import task
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.events import EventsTimetable
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

START = pendulum.datetime(2026, 1, 1, tz="UTC")
TIMETABLES = {
    "moment": CronTriggerTimetable("0 6 * * *", timezone="UTC"),
    "interval": CronDataIntervalTimetable("0 6 * * *", timezone="UTC"),
    "delta": DeltaDataIntervalTimetable(timedelta(hours=8)),
    "events": EventsTimetable([START.add(days=7), START.add(days=9)], description="stocktaking"),
    "either": DatasetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), datasets=[Dataset("s3://shop/prices")]
    ),
}

for name, timetable in TIMETABLES.items():
    with DAG(f"timetables_{name}", start_date=START, schedule=timetable, catchup=False) as made:

        @task
        def interval(data_interval_start=None, data_interval_end=None):
            return [data_interval_start.isoformat(), data_interval_end.isoformat()]

        interval()
    globals()[made.dag_id] = made
