"""Several DAGs of one file, made in a loop."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

for country in ("no", "se"):
    with DAG(f"dynamic_dags_{country}", start_date=datetime(2026, 1, 1), schedule=None) as made:
        BashOperator(task_id="report", bash_command=f"echo {country}")
    globals()[made.dag_id] = made
