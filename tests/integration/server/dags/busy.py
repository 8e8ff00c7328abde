"""A task in native code that lets no other thread of its process run, until a file is unlocked."""

import ctypes
import fcntl
from datetime import UTC, datetime
from pathlib import Path

from airflow import DAG
from airflow.operators.python import PythonOperator


def compute(dag_run):
    path = Path(dag_run.conf["locked"])
    path.with_suffix(".reached").touch()
    with path.open() as file:
        ctypes.PyDLL(None).flock(file.fileno(), fcntl.LOCK_EX)


with DAG(dag_id="busy", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
    PythonOperator(task_id="compute", python_callable=compute)
