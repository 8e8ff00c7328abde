"""Commands of a shell: environment, working folder, result, and a task that makes its command."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.bash import BashOperator
from airflow.sensors.bash import BashSensor

with DAG("bash", start_date=datetime(2026, 1, 1), schedule=None):
    BashOperator(
        task_id="environment",
        bash_command='echo "$WHO in $PWD"',
        env={"WHO": "{{ params.who }}"},
        append_env=True,
        cwd="/",
        params={"who": "ada"},
    )

    @task.bash
    def made():
        return "echo {{ ds }}"

    made()
    BashSensor(task_id="true", bash_command="true")
