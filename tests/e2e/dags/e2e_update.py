"""Waits, busily, until this file is updated; it then has a task more."""

import time
from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator
from airflow.sensors.python import PythonSensor

SECONDS = 1
UPDATED = False  # what the update changes


def is_updated():
    time.sleep(SECONDS)
    return UPDATED


def work(ti, dag_run, **_):
    print(f"begun: {ti.task_id} of {dag_run.run_id}")
    time.sleep(SECONDS)


with DAG(dag_id="e2e_update", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    begin = PythonOperator(task_id="begin", python_callable=work)
    wait = PythonSensor(task_id="wait", python_callable=is_updated, mode="reschedule", poke_interval=0.1)
    tasks = [PythonOperator(task_id=f"task_{number}", python_callable=work) for number in (1, 2, 3)]
    begin >> wait >> tasks[0] >> tasks[1] >> tasks[2]
    if UPDATED:
        tasks[2] >> PythonOperator(task_id="added", python_callable=work)
