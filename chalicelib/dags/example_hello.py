"""A shell command and Python functions in a row: templates, XComs, params and a retry."""

import logging
from datetime import UTC, datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

log = logging.getLogger("airflow.task")


def shout(ti, params):
    greeting = ti.xcom_pull(task_ids="greet")
    return f"{greeting.upper()}{'!' * params['marks']}"


def count_letters(text, ds):
    log.info("%s: counting the letters of %r", ds, text)
    return sum(character.isalpha() for character in text)


with DAG(
    dag_id="example_hello",
    description="say hello, loudly, and count the letters",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"who": "world", "marks": 3},
    default_args={"owner": "examples", "retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["example"],
) as dag:
    # What comes with a trigger goes through the environment: in the command itself it would be commands.
    greet = BashOperator(
        task_id="greet",
        bash_command='echo "hello $WHO"',
        env={"WHO": "{{ params.who }}"},
        append_env=True,
    )
    shout_it = PythonOperator(task_id="shout", python_callable=shout)
    count = PythonOperator(
        task_id="count",
        python_callable=count_letters,
        op_kwargs={"text": "{{ ti.xcom_pull(task_ids='shout') }}"},
    )
    report = BashOperator(
        task_id="report",
        bash_command='echo "run $RUN: $COUNT letters"',
        env={"RUN": "{{ run_id }}", "COUNT": "{{ ti.xcom_pull(task_ids='count') }}"},
        append_env=True,
    )
    greet >> shout_it >> count >> report
