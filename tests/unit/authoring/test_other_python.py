"""Functions that run in another Python: a virtual environment of their own, or one that is there."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.other_python import (
    BranchExternalPythonOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)
from chalicelib.authoring.taskflow.decorators import task
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from tests.unit.authoring.running import FakeXComs, a_dag, run


def look(given: int, ds: str, logical_date: datetime, params: Any) -> Any:
    import sys

    day, virtualenv_string_args = logical_date.isoformat(), globals()["virtualenv_string_args"]
    return [given, ds, day, params, virtualenv_string_args, sys.prefix != sys.base_prefix]


def refuse() -> None:
    raise RuntimeError("not so")


def leave() -> None:
    raise SystemExit(42)


def choose() -> str:
    return "left"


def tried(operator: Any, function: Any, **arguments: Any) -> tuple[TryOutcome, Any]:
    xcoms = FakeXComs()
    with a_dag(params={"n": 1}) as dag:
        fork = operator(task_id="a", python_callable=function, **arguments)
        fork >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    return run(dag, "a", xcoms), xcoms.value("a")


def test_a_function_runs_in_a_virtual_environment_of_its_own(tmp_path: Path) -> None:
    arguments = {"op_args": [7], "string_args": ["x", "y"], "venv_cache_path": str(tmp_path)}
    for _ in range(2):  # the second finds the environment of the first
        outcome, value = tried(PythonVirtualenvOperator, look, **arguments)
        assert outcome.result is TryResult.SUCCESS
        assert value == [7, "2024-05-06", "2024-05-06T07:08:09+00:00", {"n": 1}, ["x", "y"], True]
    assert len([each for each in tmp_path.iterdir() if each.is_dir()]) == 1


def test_on_lambda_a_virtual_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "worker")
    outcome, _ = tried(PythonVirtualenvOperator, refuse, requirements=["colorama==0.4.0"])
    assert outcome.result is TryResult.FAILED_FOR_GOOD
    assert "put colorama==0.4.0 into requirements.txt in the DAGs folder and use Python" in outcome.reason


@pytest.mark.parametrize(
    ("function", "arguments", "result", "reason"),
    [
        (refuse, {}, TryResult.FAILED, "AirflowException: Process returned non-zero exit status 1."),
        (leave, {"skip_on_exit_code": 42}, TryResult.SKIPPED, "Process exited with code 42. Skipping."),
        (leave, {"skip_on_exit_code": [1, 2]}, TryResult.FAILED, "CalledProcessError"),
        (choose, {"python": "/no/such/python"}, TryResult.FAILED, "must exists"),
        (choose, {"python": "/usr"}, TryResult.FAILED, "must be a file"),
    ],
)
def test_how_the_other_python_ends_is_how_the_task_ends(
    function: Any, arguments: dict[str, Any], result: TryResult, reason: str
) -> None:
    outcome, _ = tried(ExternalPythonOperator, function, **{"python": sys.executable, **arguments})
    assert outcome.result is result
    assert reason in outcome.reason


def test_a_branch_is_chosen_in_the_other_python() -> None:
    outcome, _ = tried(BranchExternalPythonOperator, choose, python=sys.executable)
    assert outcome.skip == {"right"}


def test_a_decorated_function_runs_without_its_decorator() -> None:
    xcoms = FakeXComs()
    with a_dag() as dag:

        @task.external_python(python=sys.executable, expect_airflow=False)  # type: ignore[untyped-decorator]
        def double(x: int) -> int:
            return 2 * x

        double(21)
    run(dag, "double", xcoms)
    assert xcoms.value("double") == 42


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"python_callable": lambda: 1}, "only supports functions"),
        ({"python_callable": choose, "serializer": "json"}, "Unsupported serializer 'json'"),
        ({"python_callable": choose, "serializer": "dill", "use_dill": True}, "set only one of them"),
    ],
)
def test_what_cannot_run_in_another_python_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        ExternalPythonOperator(task_id="a", python=sys.executable, **arguments)
