"""Labels on edges, which change nothing of a run."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.utils.edgemodifier import Label

with DAG("edge_labels", start_date=datetime(2026, 1, 1), schedule=None):
    EmptyOperator(task_id="check") >> Label("no errors") >> EmptyOperator(task_id="save")
