"""Branches: an operator, a task and a class; what is not chosen is skipped, a join goes on."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.branch import BaseBranchOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator


class ByDay(BaseBranchOperator):
    def choose_branch(self, context):
        return "odd" if context["logical_date"].day % 2 else "even"


with DAG("branching", start_date=datetime(2026, 1, 1), schedule=None):
    first = BranchPythonOperator(task_id="first", python_callable=lambda: ["a", "b"])
    a, b, c = (EmptyOperator(task_id=name) for name in "abc")
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    first >> [a, b, c] >> join

    @task.branch
    def second():
        return None

    join >> second() >> EmptyOperator(task_id="never")
    join >> ByDay(task_id="by_day") >> [EmptyOperator(task_id="odd"), EmptyOperator(task_id="even")]
