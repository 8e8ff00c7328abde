"""What Lambda does not have is said once, after the error, with what to use instead."""

import errno
import logging
import subprocess
from collections.abc import Callable

import pytest

from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import FakeXComs, a_dag, bash, run

NOWHERE = "/no/such/folder"


def start_git() -> None:
    subprocess.run(["git", "clone", "x"], check=True, env={"PATH": NOWHERE})


def ask_docker() -> None:
    try:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")
    except FileNotFoundError as error:
        raise RuntimeError(f"Error while fetching server API version: {error}") from None


def write_anywhere() -> None:
    raise OSError(errno.EROFS, "Read-only file system", "/home/of/nobody/.snowflake")


def start_in_no_folder() -> None:
    subprocess.run(["true"], check=True, cwd=NOWHERE)


def read_data() -> None:
    with open("git"):
        pass


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize(
    ("work", "advice"),
    [
        (start_git, ["There is no git on AWS Lambda: fetch an archive by HTTPS, or "]),
        (ask_docker, ["There is no Docker on AWS Lambda: run it in a container: EcsRunTaskOperator or "]),
        (write_anywhere, ["On AWS Lambda a task may write to its working directory, to $TMPDIR and "]),
        (start_in_no_folder, []),
        (read_data, []),
    ],
)
def test_the_error_of_a_task_is_followed_by_advice(
    work: Callable[[], None], advice: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with a_dag() as dag:
        PythonOperator(task_id="a", python_callable=work)
    assert run(dag, "a", FakeXComs()).result is TryResult.FAILED
    failed, *told = errors(caplog)
    assert failed == "Task failed with exception"
    assert [text[: len(begins)] for text, begins in zip(told, advice, strict=True)] == advice


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("kubectl get pods", "There is no kubectl on AWS Lambda: call the cluster's API"),
        ("no-such-program --at all", "There is no no-such-program where this task runs: "),
        ("echo x; exit 127", None),
        ("kubectl || exit 1", None),
    ],
)
def test_a_command_whose_program_is_not_there_is_told_once(
    command: str, advice: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    outcome, _ = bash(f"PATH={NOWHERE}; {command}")
    assert "non-zero exit code" in outcome.reason
    told = [text for text in errors(caplog) if text.startswith("There is no ")]
    assert [text[: len(advice or "")] for text in told] == ([advice] if advice else [])
