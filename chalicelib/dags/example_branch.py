"""A branch chosen by the run's conf; the join runs whichever side was taken."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator, ShortCircuitOperator
from airflow.utils.edgemodifier import Label


def choose(params):
    return "full_load" if params["full"] else "increment"


def may_notify(params):
    return params["notify"]


with DAG(
    dag_id="example_branch",
    description="trigger it with {'full': true} for the other branch",
    schedule="@daily",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"full": False, "notify": True},
    default_args={"owner": "examples"},
    tags=["example"],
) as dag:
    fork = BranchPythonOperator(task_id="fork", python_callable=choose)
    full_load = BashOperator(task_id="full_load", bash_command="echo 'loading everything'")
    increment = BashOperator(task_id="increment", bash_command="echo 'loading {{ ds }}'")
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    ask = ShortCircuitOperator(task_id="ask", python_callable=may_notify)
    notify = BashOperator(task_id="notify", bash_command="echo 'done with {{ ds }}'")

    fork >> Label("full") >> full_load >> join
    fork >> Label("otherwise") >> increment >> join
    join >> ask >> notify
