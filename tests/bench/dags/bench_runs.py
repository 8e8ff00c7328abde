"""DAGs to be timed as whole runs, on Updraft and on Airflow alike."""

from datetime import UTC, datetime
from itertools import pairwise

from airflow import DAG
from airflow.operators.python import PythonOperator


def one():
    return 1


def dag(dag_id):
    return DAG(
        dag_id=dag_id,
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        default_args={"owner": "bench"},
    )


with dag("bench_chain_of_ten") as chain:
    tasks = [PythonOperator(task_id=f"t{number}", python_callable=one) for number in range(10)]
    for before, after in pairwise(tasks):
        before >> after

with dag("bench_thirty_side_by_side") as fan:
    for number in range(30):
        PythonOperator(task_id=f"t{number:02d}", python_callable=one)
