"""A DAG that operators are given, as in Airflow 1.10, with relations set by methods."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator

default_args = {
    "owner": "data",
    "depends_on_past": False,
    "start_date": datetime(2026, 1, 1),
    "retries": 1,
    "retry_delay": timedelta(minutes=5),
}

dag = DAG("dag_constructor", default_args=default_args, schedule_interval="0 6 * * *", catchup=False)
begin = DummyOperator(task_id="begin", dag=dag)
work = BashOperator(task_id="work", bash_command="echo {{ ds_nodash }} {{ task.owner }}", dag=dag)
work.set_upstream(begin)
