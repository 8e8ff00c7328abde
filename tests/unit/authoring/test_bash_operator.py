"""What a shell command sees, says, and how it ends."""

import logging
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import bash
from tests.waiting import wait_for


def test_bash_logs_its_output_and_returns_the_last_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow.task")
    outcome, value = bash("echo one; echo two >&2; echo 'three  '")
    assert (outcome.result, value) == (TryResult.SUCCESS, "three")
    messages = [record.getMessage() for record in caplog.records]
    start = messages.index("Output:")
    assert messages[start + 1 : start + 5] == ["one", "two", "three", "Command exited with return code 0"]
    assert bash("true")[1] == ""
    assert bash("echo 7", output_processor=int)[1] == 7


def test_bash_sees_the_environment_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OUTER", "outer")
    assert bash("echo $OUTER $AIRFLOW_CTX_DAG_ID $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_TRY_NUMBER")[1] == (
        "outer x a 1"
    )
    assert bash("echo _${OUTER}_$A", env={"A": "{{ ds }}"})[1] == "__2024-05-06"
    assert bash("echo $OUTER $A", env={"A": "a"}, append_env=True)[1] == "outer a"
    assert bash("pwd", cwd=str(tmp_path))[1] == str(tmp_path)
    assert bash("pwd", cwd="/no/such")[0].reason == "AirflowException: Can not find the cwd: /no/such"


@pytest.mark.parametrize(
    ("command", "skip_on", "result"),
    [
        ("exit 99", 99, TryResult.SKIPPED),
        ("exit 5", [4, 5], TryResult.SKIPPED),
        ("exit 99", None, TryResult.FAILED),
        ("exit 1", 99, TryResult.FAILED),
        ("kill -9 $$", 99, TryResult.FAILED),
    ],
)
def test_exit_codes(command: str, skip_on: Any, result: TryResult) -> None:
    assert bash(command, skip_on_exit_code=skip_on)[0].result is result


def test_a_timeout_ends_the_command_and_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    outcome, _ = bash(f"sleep 600 & echo $! > {note}; sleep 600", execution_timeout=timedelta(seconds=2))
    assert outcome.result is TryResult.FAILED
    assert outcome.reason == "AirflowTaskTimeout: Task a ran longer than 0:00:02"
    wait_for(lambda: _is_gone(int(note.read_text())))


def test_sigterm_ends_the_command_and_fails_the_try() -> None:
    before = signal.getsignal(signal.SIGTERM)
    outcome, _ = bash("kill -TERM $PPID; sleep 60")
    assert outcome.result is TryResult.FAILED
    assert outcome.reason == "AirflowTaskTerminated: Task received SIGTERM signal"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_while_the_command_starts_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]  # its own, and not described

    def execute_and_interrupt(process: Any, *arguments: Any) -> None:
        execute(process, *arguments)
        started.append(process.pid)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(subprocess.Popen, "_execute_child", execute_and_interrupt)
    outcome, _ = bash("sleep 600")
    assert outcome.reason == "AirflowTaskTerminated: Task received SIGTERM signal"
    assert [_is_gone(pid) for pid in started] == [True]


def _is_gone(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
