"""Tasks that sleep: longer than any test waits, the first time; for a while; and two as one mapped task."""

import time
from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def oversleep_once(ti):
    if ti.try_number == 1:
        time.sleep(600)


def nap(dag_run):
    time.sleep(dag_run.conf["seconds"])


with DAG(
    dag_id="oversleeping",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    default_args={"retries": 0, "pool": "one_bed"},
) as dag:
    first = PythonOperator(task_id="first", python_callable=lambda: None)
    sleep = PythonOperator(task_id="sleep", python_callable=oversleep_once)
    last = PythonOperator(task_id="last", python_callable=lambda: None)
    first >> sleep >> last

with DAG(
    dag_id="napping",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
) as napping:
    PythonOperator(task_id="nap", python_callable=nap)

with DAG(
    dag_id="napping_by_turns",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
) as by_turns:
    each = PythonOperator.partial(task_id="each", python_callable=time.sleep).expand(op_args=[[0], [0]])
    each >> PythonOperator(task_id="after", python_callable=lambda: None)
