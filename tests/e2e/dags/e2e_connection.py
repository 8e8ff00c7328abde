"""A task that needs a connection of the stage, and looks whether it could read them all."""

import os
from datetime import UTC, datetime

from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.operators.python import PythonOperator


def connect():
    found = BaseHook.get_connection("shop")
    print("to", found.host, "by", found.password)
    if not found.password.startswith("tolstoy"):
        raise ValueError("The password has not arrived as it was kept")
    if any("FERNET" in name or name.startswith("AWS_SECRET") for name in os.environ):
        raise ValueError("The engine's keys are in the environment")


with DAG(dag_id="e2e_connection", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    PythonOperator(task_id="connect", python_callable=connect)
