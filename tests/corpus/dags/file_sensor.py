"""A sensor that looks for a file."""

from datetime import datetime

from airflow import DAG
from airflow.sensors.filesystem import FileSensor

with DAG("file_sensor", start_date=datetime(2026, 1, 1), schedule=None):
    FileSensor(task_id="there", filepath=__file__, poke_interval=1, timeout=5)
    FileSensor(task_id="nowhere", filepath="/nowhere/at/all", poke_interval=0.1, timeout=0.2)
