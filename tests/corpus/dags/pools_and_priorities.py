"""Pools with slots, weights and their rule: they order what waits, and change no outcome."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

with DAG("pools_and_priorities", start_date=datetime(2026, 1, 1), schedule=None):
    urgent = PythonOperator(task_id="urgent", python_callable=print, pool="default_pool", priority_weight=10)
    wide = PythonOperator(task_id="wide", python_callable=print, pool_slots=2, weight_rule="upstream")
    [urgent, wide] >> EmptyOperator(task_id="end", weight_rule="absolute")
