"""Tasks that take their process down beside tasks that do not."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta

from airflow import DAG
from airflow.operators.python import PythonOperator


def segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


def work():
    time.sleep(1)


with DAG(
    dag_id="crashing",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    default_args={"retries": 0, "retry_delay": timedelta(0)},
) as dag:
    exits = PythonOperator(task_id="exits", python_callable=lambda: os._exit(1), retries=1)
    segfaults = PythonOperator(task_id="segfaults", python_callable=segfault)
    works = PythonOperator(task_id="works", python_callable=work)
    after_crashes = PythonOperator(task_id="after_crashes", python_callable=work)
    after_works = PythonOperator(task_id="after_works", python_callable=lambda: None)
    [exits, segfaults] >> after_crashes
    works >> after_works
