"""One run that nobody but the clock starts."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG(
    dag_id="e2e_scheduled",
    schedule="@once",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    is_paused_upon_creation=False,
):
    EmptyOperator(task_id="task")
