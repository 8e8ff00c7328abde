"""Retries with growing delays, a failure that is final, and a time limit."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.exceptions import AirflowFailException
from airflow.operators.python import PythonOperator


def third_time(ti):
    if ti.try_number < 3:
        raise ValueError("not yet")


def final():
    raise AirflowFailException("never")


def slow():
    import time

    time.sleep(30)


with DAG("retries", start_date=datetime(2026, 1, 1), schedule=None):
    PythonOperator(
        task_id="third_time",
        python_callable=third_time,
        retries=3,
        retry_delay=timedelta(seconds=1),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(seconds=2),
    )
    PythonOperator(task_id="final", python_callable=final, retries=3)
    PythonOperator(task_id="slow", python_callable=slow, execution_timeout=timedelta(seconds=1))
