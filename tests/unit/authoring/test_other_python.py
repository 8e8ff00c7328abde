"""Functions that run in another Python: a virtual environment of their own, or one that is there."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.other_python import (
    BranchExternalPythonOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)
from chalicelib.authoring.operators.python_scripts import _SERIALIZERS, write_python_script
from chalicelib.authoring.running.context import Context
from chalicelib.authoring.taskflow.decorators import DecoratedOperator, task, task_decorator_factory
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


class Container(BaseOperator):
    """What an operator of a provider package is that runs a command elsewhere."""

    template_fields: Sequence[str] = ("image",)

    def __init__(self, *, image: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image = image

    def execute(self, context: Context) -> Any:
        raise NotImplementedError


class DecoratedContainer(DecoratedOperator, Container):
    """What ``@task.docker`` makes: a script with its input, by the names that packages use."""

    custom_operator_name = "@task.container"
    template_fields = (*DecoratedOperator.template_fields, *Container.template_fields)

    def execute(self, context: Context) -> Any:
        with TemporaryDirectory() as folder:
            script, given, output = (Path(folder, name) for name in ("script.py", "script.in", "script.out"))
            pickler = _SERIALIZERS["pickle"]
            given.write_bytes(pickler.dumps({"args": self.op_args, "kwargs": self.op_kwargs}))
            values = {
                "op_args": self.op_args,
                "op_kwargs": self.op_kwargs,
                "pickling_library": pickler.__name__,
                "python_callable": self.python_callable.__name__,
                "python_callable_source": self.get_python_source(),
                "expect_airflow": False,
                "string_args_global": False,
            }
            write_python_script(jinja_context=values, filename=str(script))
            files = [str(each) for each in (script, given, output)]
            subprocess.run([sys.executable, *files, "none", f"{folder}/error"], check=True)
            return [self.image, pickler.loads(output.read_bytes())]


def container_task(python_callable: Any = None, multiple_outputs: bool | None = None, **kwargs: Any) -> Any:
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=DecoratedContainer,
        **kwargs,
    )


def test_a_decorator_of_a_package_runs_the_function_by_a_script_of_its_own() -> None:
    task: Any = SimpleNamespace(container=container_task)

    @task.container(image="python:{{ ds }}", task_id="a")  # type: ignore[untyped-decorator]
    def joined(first: str, *, second: str) -> str:
        import sys

        return f"{first}-{second}-{len(sys.argv)}"

    xcoms = FakeXComs()
    with a_dag() as dag:
        joined("{{ ds_nodash }}", second="b")
    assert run(dag, "a", xcoms).result is TryResult.SUCCESS
    assert xcoms.value("a") == ["python:2024-05-06", "20240506-b-5"]
    assert dag.get_task("a").operator_name == "@task.container"
