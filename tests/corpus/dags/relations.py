"""Relations between tasks: shifts, lists, chain, chain_linear and cross_downstream."""

from datetime import datetime

from airflow import DAG
from airflow.models.baseoperator import chain, chain_linear, cross_downstream
from airflow.operators.empty import EmptyOperator

with DAG("relations", start_date=datetime(2026, 1, 1), schedule=None):
    a, b, c, d, e, f, g, h = (EmptyOperator(task_id=name) for name in "abcdefgh")
    a >> [b, c] >> d
    chain(d, [e, f])
    cross_downstream([e, f], [g])
    chain_linear([g], h)
