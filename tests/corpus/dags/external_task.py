"""A DAG that waits for a task of another DAG at its own date; one that is not there is a time-out."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor

with DAG("external_task_parent", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    EmptyOperator(task_id="load") >> ExternalTaskMarker(
        task_id="mark", external_dag_id="external_task", external_task_id="wait"
    )

with DAG("external_task", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    ExternalTaskSensor(
        task_id="wait",
        external_dag_id="external_task_parent",
        external_task_id="load",
        poke_interval=0.1,
        timeout=0.3,
        soft_fail=True,
    ) >> EmptyOperator(task_id="after", trigger_rule="none_failed")
