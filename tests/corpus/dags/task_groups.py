"""Task groups, one in another, with and without prefix, and one made by a function."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task, task_group
from airflow.operators.empty import EmptyOperator
from airflow.utils.task_group import TaskGroup

with DAG("task_groups", start_date=datetime(2026, 1, 1), schedule=None):
    with TaskGroup("extract") as extract:
        with TaskGroup("sources"):
            EmptyOperator(task_id="shop") >> EmptyOperator(task_id="till")
        with TaskGroup("bare", prefix_group_id=False):
            EmptyOperator(task_id="unprefixed")

    @task
    def total(a, b):
        return a + b

    @task_group
    def transform(number):
        return total(number, total(number, 1))

    extract >> transform(3)
