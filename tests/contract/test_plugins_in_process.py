"""Plugins, through the loader and the worker: listeners hear of runs and tries as in Airflow 2.10.5."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.simulation.one_run import Laboratory, WantedRun

PLUGIN = """
from pathlib import Path

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

NOTES = Path(__file__).parent.parent / "notes"


class Listener:
    def note(self, *words):
        with NOTES.open("a") as file:
            print(*words, file=file)

    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance, session):
        self.note(task_instance.task_id, "running")

    @hookimpl
    def on_task_instance_success(self, previous_state, task_instance, session):
        self.note(task_instance.task_id, "success")

    @hookimpl
    def on_task_instance_failed(self, previous_state, task_instance, error, session):
        self.note(task_instance.task_id, "failed")

    @hookimpl
    def on_dag_run_running(self, dag_run, msg):
        self.note("run", dag_run.state, msg or "-")

    @hookimpl
    def on_dag_run_success(self, dag_run, msg):
        self.note("run", dag_run.state, msg)

    @hookimpl
    def on_dag_run_failed(self, dag_run, msg):
        self.note("run", dag_run.state, msg)


class ListenerPlugin(AirflowPlugin):
    name = "listener"
    listeners = [Listener()]
"""

DAG_FILE = """
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

with DAG("heard", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="empty") >> PythonOperator(task_id="good", python_callable=lambda: 1)
    BashOperator(
        task_id="bad",
        bash_command="exit {{ dag_run.conf['code'] }}",
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
"""


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    for folder, name, text in (("plugins", "listener.py", PLUGIN), ("dags", "heard.py", DAG_FILE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    return Laboratory(tmp_path / "dags")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, ["bad running", "bad success", "run success success"]),
        (1, ["bad failed", "bad failed", "bad running", "bad running", "run failed task_failure"]),
    ],
)
def test_listeners_hear_of_each_try_and_of_the_run(
    laboratory: Laboratory, tmp_path: Path, code: int, expected: list[str]
) -> None:
    laboratory.run(
        WantedRun(dag_id="heard", execution_date=datetime(2024, 5, 1, tzinfo=UTC), conf={"code": code})
    )
    told = (tmp_path / "notes").read_text().splitlines()
    assert told[-1] == expected[-1]
    assert sorted(told) == sorted(["run running -", "good running", "good success", *expected])
