"""Tasks that want to be told how they ended, each in its way; the notes go to the folder in the conf."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow import DAG
from airflow.exceptions import AirflowSkipException
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator


def note(kind):
    def callback(context):
        ti = context["ti"]
        name = context["reason"] if kind.startswith("dag") else ti.task_id
        folder = Path(context["dag_run"].conf["folder"])
        (folder / f"{kind} {name} {ti.try_number}").write_text(str(context.get("exception")))
        print(f"{kind} of {ti.task_id} was called")

    return callback


def fail_of_dag(context):
    failed = sorted(ti.task_id for ti in context["dag_run"].get_task_instances(state="failed"))
    (Path(context["dag_run"].conf["folder"]) / "failed").write_text(" ".join(failed))
    note("dag_failure")(context)


def raise_in_callback(context):
    raise RuntimeError("a broken callback")


def hang(context):
    (Path(context["dag_run"].conf["folder"]) / "hangs").touch()
    time.sleep(3600)


def skip():
    raise AirflowSkipException("not today")


def fail_once(ti):
    if ti.try_number == 1:
        raise ValueError("not at once")


with DAG(
    dag_id="calling_back",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    on_success_callback=note("dag_success"),
    on_failure_callback=fail_of_dag,
    default_args={
        "retry_delay": timedelta(0),
        "on_failure_callback": [raise_in_callback, note("failure")],
        "on_retry_callback": note("retry"),
        "on_skipped_callback": note("skipped"),
        "on_success_callback": note("success"),
    },
) as dag:
    flaky = PythonOperator(task_id="flaky", python_callable=fail_once, retries=1)
    skips = PythonOperator(task_id="skips", python_callable=skip)
    dies = PythonOperator(task_id="dies", python_callable=lambda: os._exit(1))
    hangs = PythonOperator(task_id="hangs", python_callable=lambda: None, on_success_callback=hang)
    empty = EmptyOperator(task_id="empty")
    fork = BranchPythonOperator(task_id="fork", python_callable=lambda: None)
    dies >> EmptyOperator(task_id="upstream_failed")
    fork >> EmptyOperator(task_id="not_chosen")
    flaky >> empty
    hangs >> fork
