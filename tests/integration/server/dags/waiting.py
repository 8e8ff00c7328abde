"""Sensors that wait for a file, more of them than there are workers; and a run that waits for too long."""

import os
from datetime import UTC, datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.operators.python import PythonOperator
from airflow.sensors.base import PokeReturnValue

SENSORS = 5


def arrived(dag_run):
    return PokeReturnValue(os.path.exists(dag_run.conf["file"]), xcom_value=dag_run.conf["file"])


for mode in ("poke", "reschedule"):
    with DAG(f"waiting_{mode}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
        wait = task.sensor(arrived, task_id="wait", mode=mode, poke_interval=3)
        for _ in range(SENSORS):
            found = wait()
        PythonOperator(task_id="use", python_callable=lambda file: file, op_args=[found])
        PythonOperator(task_id="meanwhile", python_callable=lambda: None)

with DAG(
    "waiting_too_long",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    dagrun_timeout=timedelta(seconds=2),
):
    never = task.sensor(lambda: False, task_id="never", mode="reschedule", poke_interval=300)()
    PythonOperator(task_id="use", python_callable=lambda: None, op_args=[never])
