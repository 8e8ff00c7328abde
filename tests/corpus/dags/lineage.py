"""Inlets and outlets that are told as lineage, and change nothing of the run."""

from datetime import datetime

from airflow import DAG
from airflow.lineage.entities import File
from airflow.operators.bash import BashOperator

with DAG("lineage", start_date=datetime(2026, 1, 1), schedule=None):
    BashOperator(
        task_id="copy",
        bash_command="true",
        inlets=[File(url="s3://shop/in.csv")],
        outlets=[File(url="s3://shop/{{ ds }}.csv")],
    )
