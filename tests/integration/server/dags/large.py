"""Values that do not fit an item: the run's conf, and what one task leaves for the next."""

import hashlib
from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def take_from_conf(dag_run):
    return {"text": dag_run.conf["text"][::-1]}


def digest(ti):
    text = ti.xcom_pull(task_ids="turn")["text"]
    print(f"{len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()}")


with DAG(dag_id="large", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
    turn = PythonOperator(task_id="turn", python_callable=take_from_conf)
    turn >> PythonOperator(task_id="digest", python_callable=digest)
