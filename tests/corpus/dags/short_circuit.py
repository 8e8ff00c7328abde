"""A short circuit skips all that comes after it, or only the next ones."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import ShortCircuitOperator

with DAG("short_circuit", start_date=datetime(2026, 1, 1), schedule=None):
    (
        ShortCircuitOperator(task_id="stop", python_callable=lambda: False)
        >> EmptyOperator(task_id="next")
        >> EmptyOperator(task_id="last", trigger_rule="all_done")
    )
    (
        ShortCircuitOperator(
            task_id="stop_next", python_callable=lambda: False, ignore_downstream_trigger_rules=False
        )
        >> EmptyOperator(task_id="only_next")
        >> EmptyOperator(task_id="goes_on", trigger_rule="all_done")
    )
