"""The worker finds the task in its deployed file, runs it and keeps its log."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.domain.graph.callbacks import CallbackKind, CallbackRequest, EndedInstance
from chalicelib.domain.runs.outcomes import TryRequest, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.variables import StoredVariable
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.runner import run_callbacks, run_try
from tests.scripted.one_run import XComsOfOneRun

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator

def hello(**context):
    print("hello", context["run_id"])

def bye(context):
    print("bye", context["ti"].task_id, context["exception"])

with DAG("greeter", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="hello", python_callable=hello, on_failure_callback=bye)
"""


class NoXComs(XComsOfOneRun):
    def push(self, key: str, value: str) -> None:
        raise AssertionError(f"nothing is pushed, not {key}")

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        raise AssertionError(f"nothing is pulled, not {task_id} {key}")

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        raise AssertionError(f"nothing is pulled, not {task_id} {key}")


def request(dag_id: str = "greeter", task_id: str = "hello", fileloc: str = "greeter.py") -> TryRequest:
    return TryRequest(
        dag_id=dag_id,
        fileloc=fileloc,
        run_id="manual__1",
        run_uid="uid",
        run_type="manual",
        task_id=task_id,
        map_index=-1,
        try_number=1,
        max_tries=0,
        execution_date=NOON,
        data_interval_start=NOON,
        data_interval_end=NOON,
        run_start_date=NOON,
        start_date=NOON,
        external_trigger=True,
    )


def test_a_task_runs_and_its_log_is_kept(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(FILE)
    report = run_try(tmp_path, MemoryStore().variables)(request(), NoXComs())
    assert report.outcome.result is TryResult.SUCCESS
    assert b"INFO - hello manual__1\n" in report.log


@pytest.mark.parametrize(
    "wrong", [{"task_id": "gone"}, {"dag_id": "gone"}, {"fileloc": "gone.py"}], ids=["task", "dag", "file"]
)
def test_what_is_deployed_no_more_is_removed_with_a_reason(tmp_path: Path, wrong: dict[str, str]) -> None:
    (tmp_path / "greeter.py").write_text(FILE)
    outcome = run_try(tmp_path, MemoryStore().variables)(request(**wrong), NoXComs()).outcome
    assert outcome.result is TryResult.REMOVED
    assert "gone" in outcome.reason or "any more" in outcome.reason


def test_a_file_that_cannot_be_loaded_fails_the_try_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text("import airflow.nowhere  # dag")
    report = run_try(tmp_path, MemoryStore().variables)(request(), NoXComs())
    assert report.outcome.result is TryResult.FAILED
    assert "airflow.nowhere" in report.outcome.reason
    assert b"airflow.nowhere" in report.log
    assert str(tmp_path) not in report.outcome.reason


def test_an_xcom_backend_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(FILE)
    environ = {**os.environ, "AIRFLOW__CORE__XCOM_BACKEND": "my.Backend"}
    report = run_try(tmp_path, MemoryStore().variables, lambda: environ)(request(), NoXComs())
    assert report.outcome.result is TryResult.FAILED
    assert "XCom backends: take AIRFLOW__CORE__XCOM_BACKEND=my.Backend away" in report.outcome.reason


def test_a_changed_file_is_loaded_anew(tmp_path: Path) -> None:
    path = tmp_path / "greeter.py"
    path.write_text(FILE)
    run = run_try(tmp_path, MemoryStore().variables)
    run(request(), NoXComs())
    path.write_text(FILE.replace('hello", context', 'good evening", context'))
    assert b"good evening manual__1" in run(request(), NoXComs()).log


def failure(**changes: str) -> CallbackRequest:
    asked = request(**changes)
    ended = EndedInstance(
        request=asked, state=TaskInstanceState.FAILED, start_date=NOON, end_date=NOON, duration=0.0
    )
    return CallbackRequest(
        dag_id=asked.dag_id,
        fileloc=asked.fileloc,
        kind=CallbackKind.FAILURE,
        of_dag=False,
        reason="its worker is gone",
        run_state=DagRunState.RUNNING,
        run_end_date=None,
        instances=(ended,),
    )


def test_callbacks_are_called_as_the_file_defines_them_and_their_log_is_kept(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(FILE)
    log = run_callbacks(tmp_path, MemoryStore().variables)(failure(), NoXComs())
    assert b"INFO - bye hello its worker is gone\n" in log


@pytest.mark.parametrize(
    ("file", "dag_id", "text"),
    [
        ("import airflow.nowhere  # dag", "greeter", b"on_failure_callback is not called: greeter.py cannot"),
        (FILE, "gone", b"on_failure_callback is not called: greeter.py does not define the DAG gone any"),
    ],
)
def test_where_a_dag_is_not_deployed_any_more_there_is_only_a_log(
    tmp_path: Path, file: str, dag_id: str, text: bytes
) -> None:
    (tmp_path / "greeter.py").write_text(file)
    assert text in run_callbacks(tmp_path, MemoryStore().variables)(failure(dag_id=dag_id), NoXComs())


SECRETIVE = """
from datetime import datetime
from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.models import Variable
from airflow.operators.python import PythonOperator

CITY = Variable.get("city")

def tell():
    print(CITY, "by", Variable.get("api_token"))
    print(BaseHook.get_connection("db").password)
    print(Variable.get("api_token"), end="")
    raise ValueError(Variable.get("api_token"))

with DAG("greeter", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="hello", python_callable=tell)
"""


def test_a_stored_variable_is_read_by_file_and_task_and_secrets_are_in_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://leo:karenina@host")
    (tmp_path / "greeter.py").write_text(SECRETIVE)
    variables = MemoryStore().variables
    variables.save(StoredVariable(key="city", value="Ulm"))
    variables.save(StoredVariable(key="api_token", value="tolstoy-1869"))
    report = run_try(tmp_path, variables)(request(), NoXComs())
    assert report.outcome.reason == "ValueError: ***"
    assert b"INFO - Ulm by ***\n" in report.log
    assert b"ValueError: ***" in report.log
    assert b"tolstoy" not in report.log
    assert b"karenina" not in report.log
