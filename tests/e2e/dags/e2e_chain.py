"""Three tasks in a row that hand a value on: each runs in an invocation of its own."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def name_somebody(dag_run, **_):
    print("greeting somebody")
    return dag_run.conf["name"]


def check_greeting(ti, dag_run, **_):
    greeting = ti.xcom_pull(task_ids="greet")
    expected = f"Hello {dag_run.conf['name']}"
    if greeting != expected:
        raise ValueError(f"{greeting!r} is not {expected!r}")


with DAG(dag_id="e2e_chain", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    name = PythonOperator(task_id="name", python_callable=name_somebody)
    greet = BashOperator(
        task_id="greet",
        bash_command='echo "Hello $NAME"',
        env={"NAME": "{{ ti.xcom_pull(task_ids='name') }}"},
        append_env=True,
    )
    check = PythonOperator(task_id="check", python_callable=check_greeting)
    name >> greet >> check
