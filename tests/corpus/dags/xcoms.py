"""XComs: returned, pushed by key, several outputs, pulled by tasks and by templates."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def push(ti):
    ti.xcom_push(key="rows", value=7)
    return {"path": "/tmp/x"}


def pull(ti):
    return [ti.xcom_pull(task_ids="push", key="rows"), list(ti.xcom_pull(task_ids=["push", "echo"]))]


with DAG("xcoms", start_date=datetime(2026, 1, 1), schedule=None):
    pushed = PythonOperator(task_id="push", python_callable=push)
    echo = BashOperator(task_id="echo", bash_command="echo {{ ti.xcom_pull('push', key='rows') }}")
    pushed >> echo >> PythonOperator(task_id="pull", python_callable=pull)

    @task(multiple_outputs=True)
    def both():
        return {"left": 1, "right": 2}

    @task
    def difference(left, right):
        return right - left

    outputs = both()
    difference(outputs["left"], outputs["right"])
