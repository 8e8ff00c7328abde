"""A DAG that triggers another one, waits for it, and gives it a conf."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator

with DAG("trigger_dag_run", start_date=datetime(2026, 1, 1), schedule=None):
    TriggerDagRunOperator(
        task_id="trigger",
        trigger_dag_id="trigger_dag_run_child",
        conf={"day": "{{ ds }}"},
        wait_for_completion=True,
        poke_interval=1,
    ) >> BashOperator(task_id="after", bash_command="true")

with DAG("trigger_dag_run_child", start_date=datetime(2026, 1, 1), schedule=None):
    BashOperator(task_id="show", bash_command="echo {{ dag_run.conf['day'] }}")
