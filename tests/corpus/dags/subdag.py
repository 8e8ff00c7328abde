"""A DAG as a task of another one, as in Airflow 1.10."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.subdag import SubDagOperator

args = {"owner": "data", "start_date": datetime(2026, 1, 1)}


def of_region(parent, region):
    subdag = DAG(f"{parent}.{region}", default_args=args, schedule_interval="@daily")
    for step in ("extract", "load"):
        BashOperator(task_id=step, bash_command=f"echo {region} {step}", dag=subdag)
    return subdag


dag = DAG("subdag", default_args=args, schedule_interval="@daily", catchup=False)
SubDagOperator(task_id="north", subdag=of_region("subdag", "north"), dag=dag)
