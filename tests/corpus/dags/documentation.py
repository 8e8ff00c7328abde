"""Documentation of DAGs and tasks."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG(
    "documentation", start_date=datetime(2026, 1, 1), schedule=None, doc_md=__doc__, tags=["docs"]
) as dag:
    task = EmptyOperator(task_id="told", doc_md="# What it does\n\nNothing.")
