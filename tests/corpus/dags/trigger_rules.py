"""Each trigger rule after a success, a failure and a skip."""

from datetime import datetime

from airflow import DAG
from airflow.exceptions import AirflowSkipException
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

RULES = [
    "all_success",
    "all_failed",
    "all_done",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
]


def fail():
    raise ValueError("no")


def skip():
    raise AirflowSkipException("not today")


with DAG("trigger_rules", start_date=datetime(2026, 1, 1), schedule=None):
    upstream = [
        EmptyOperator(task_id="succeeds"),
        PythonOperator(task_id="fails", python_callable=fail),
        PythonOperator(task_id="skips", python_callable=skip),
    ]
    for rule in RULES:
        upstream >> EmptyOperator(task_id=f"after_{rule}", trigger_rule=rule)
