"""Waits until this file is replaced by that in `updated_dags`, and is busy all the while."""

import time
from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator
from airflow.sensors.python import PythonSensor

SECONDS = 1


def is_updated():
    time.sleep(SECONDS)
    return False


def work(ti, dag_run, **_):
    print(f"begun: {ti.task_id} of {dag_run.run_id}")
    time.sleep(SECONDS)


with DAG(dag_id="e2e_update", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    begin = PythonOperator(task_id="begin", python_callable=work)
    wait = PythonSensor(task_id="wait", python_callable=is_updated, mode="reschedule", poke_interval=0.1)
    tasks = [PythonOperator(task_id=f"task_{number}", python_callable=work) for number in (1, 2, 3)]
    begin >> wait >> tasks[0] >> tasks[1] >> tasks[2]
