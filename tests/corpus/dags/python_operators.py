"""Python: arguments, context by name, a decorator with arguments, a generator."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.python import PythonOperator, get_current_context


def add(a, b, ds=None, **context):
    return [a + b, ds, context["task"].task_id]


with DAG("python_operators", start_date=datetime(2026, 1, 1), schedule=None):
    PythonOperator(task_id="add", python_callable=add, op_args=[1], op_kwargs={"b": "{{ 2 }}" and 2})

    @task(task_id="renamed", retries=1)
    def current():
        return get_current_context()["run_id"]

    current()

    @task.run_if(lambda context: context["logical_date"].day == 1)
    @task
    def first_of_month():
        return "first"

    first_of_month()
