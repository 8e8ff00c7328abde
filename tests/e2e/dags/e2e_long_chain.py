"""25 tasks in a row, each of which counts one further than the one before."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.python import PythonOperator

LENGTH = 25


def count(ti, number, **_):
    before = ti.xcom_pull(task_ids=f"task_{number - 1}") if number > 1 else 0
    if before != number - 1:
        raise ValueError(f"The task before has counted to {before}, not to {number - 1}")
    return number


with DAG(dag_id="e2e_long_chain", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    before = None
    for number in range(1, LENGTH + 1):
        task = PythonOperator(task_id=f"task_{number}", python_callable=count, op_kwargs={"number": number})
        if before:
            before >> task
        before = task
