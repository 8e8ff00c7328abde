"""A hundred tasks that do nothing, side by side in default_pool (128 slots)."""

from airflow import DAG
from airflow.operators.python import PythonOperator

with DAG("bench_many_short", schedule=None, max_active_runs=1, max_active_tasks=100):
    for number in range(100):
        PythonOperator(task_id=f"task_{number}", python_callable=int)
