"""Schedules as texts and spans: cron, presets, a timedelta, none."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task

SCHEDULES = {
    "cron": "0 6 * * MON-FRI",
    "daily": "@daily",
    "once": "@once",
    "delta": timedelta(hours=6),
    "none": None,
}

for name, schedule in SCHEDULES.items():
    with DAG(f"schedules_{name}", start_date=datetime(2026, 1, 1), schedule=schedule, catchup=False) as made:

        @task
        def interval(data_interval_start=None, data_interval_end=None):
            return [data_interval_start.isoformat(), data_interval_end.isoformat()]

        interval()
    globals()[made.dag_id] = made
