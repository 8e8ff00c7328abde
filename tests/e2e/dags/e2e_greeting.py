"""Two tasks that hand a value of any size on, with lineage."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.lineage.entities import File
from airflow.operators.python import PythonOperator


def read_name(dag_run, **_):
    return dag_run.conf["name"]


def write_greeting(ti, dag_run, **_):
    if ti.xcom_pull(task_ids="read") != dag_run.conf["name"]:
        raise ValueError("The name has not arrived as it was sent")


with DAG(dag_id="e2e_greeting", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    read = PythonOperator(task_id="read", python_callable=read_name)
    write = PythonOperator(
        task_id="write", python_callable=write_greeting, outlets=[File(url="s3://e2e/greeting.txt")]
    )
    read >> write
