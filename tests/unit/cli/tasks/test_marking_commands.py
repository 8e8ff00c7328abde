"""``tasks set-state`` and ``dags set-state`` over an engine in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.domain.states import DagRunState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.engine.engine import Engine
from chalicelib.engine.lookup import get_dag_run
from tests.scripted.command_line import run
from tests.unit.cli.tasks.failed_runs import DAG_ID, failed_runs

DATES = [datetime(2025, 5, day, tzinfo=UTC) for day in (1, 2, 3)]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    with failed_runs(monkeypatch, tmp_path, DATES) as made:
        yield made


def states(engine: Engine, task_id: str) -> list[str]:
    """Of a task in all runs."""
    runs = [get_dag_run(engine, DAG_ID, date) for date in DATES]
    items = [engine.store.task_instances.get(run.run_uid, task_key(task_id)) for run in runs]
    return [str(item.state) for item in items if item is not None]


def run_states(engine: Engine) -> list[DagRunState]:
    return [get_dag_run(engine, DAG_ID, date).state for date in DATES]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["failed", "success", "failed"]),
        (("--past",), ["success", "success", "failed"]),
        (("--future",), ["failed", "success", "success"]),
        (("--past", "--future"), ["success", "success", "success"]),
    ],
)
def test_a_task_is_set_in_one_run_or_in_earlier_and_later_ones_too(
    engine: Engine, options: tuple[str, ...], expected: list[str]
) -> None:
    result = run("tasks", "set-state", DAG_ID, "broken", "2025-05-02", "success", "--yes", *options)
    assert result.exit_code == 0
    count = expected.count("success")
    assert result.stdout.splitlines()[-1] == f"{count} task instances set to success"
    assert result.stdout.count("broken: failed\n") == count
    assert states(engine, "broken") == expected


def test_what_failed_after_a_task_set_to_success_runs_again(engine: Engine) -> None:
    run("tasks", "set-state", DAG_ID, "broken", "2025-05-02", "success", "-y")
    assert states(engine, "after_broken") == ["upstream_failed", "None", "upstream_failed"]
    assert run_states(engine) == [DagRunState.FAILED, DagRunState.QUEUED, DagRunState.FAILED]


def test_what_comes_after_is_set_with_it(engine: Engine) -> None:
    result = run("tasks", "set-state", DAG_ID, "broken", "2025-05-01", "skipped", "--downstream", "--yes")
    assert result.stdout.splitlines() == [
        "contract_retry 2025-05-01T00:00:00+00:00 broken: failed",
        "contract_retry 2025-05-01T00:00:00+00:00 after_broken: upstream_failed",
        "2 task instances set to skipped",
    ]
    assert states(engine, "after_broken")[0] == "skipped"


@pytest.mark.parametrize(("arguments", "code"), [(("--dry-run",), 0), ((), 1)])
def test_a_dry_run_and_a_no_set_nothing(engine: Engine, arguments: tuple[str, ...], code: int) -> None:
    of_task = run("tasks", "set-state", DAG_ID, "broken", "2025-05-02", "success", *arguments, stdin="n\n")
    of_run = run("dags", "set-state", DAG_ID, "2025-05-02", "success", *arguments, stdin="n\n")
    assert (of_task.exit_code, of_run.exit_code) == (code, code)
    assert states(engine, "broken") == ["failed"] * 3
    assert run_states(engine) == [DagRunState.FAILED] * 3


def test_what_has_the_state_already_is_left_alone(engine: Engine) -> None:
    result = run("tasks", "set-state", DAG_ID, "broken", "2025-05-02", "failed", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Nothing to set to failed.\n")


def test_a_run_is_set_to_success_with_all_of_its_tasks(engine: Engine) -> None:
    run_id = get_dag_run(engine, DAG_ID, DATES[1]).run_id
    result = run("dags", "set-state", DAG_ID, run_id, "success", "--yes")
    assert "broken: failed\n" in result.stdout
    assert result.stdout.splitlines()[-1] == f"Run {run_id} set to success"
    assert run_states(engine) == [DagRunState.FAILED, DagRunState.SUCCESS, DagRunState.FAILED]
    assert states(engine, "after_broken") == ["upstream_failed", "success", "upstream_failed"]


def test_a_run_that_waits_is_set_to_failed(engine: Engine) -> None:
    assert run("dags", "trigger", DAG_ID, "-e", "2025-05-04").exit_code == 0
    assert run("dags", "set-state", DAG_ID, "2025-05-04", "failed", "--yes").exit_code == 0
    assert get_dag_run(engine, DAG_ID, datetime(2025, 5, 4, tzinfo=UTC)).state is DagRunState.FAILED


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("tasks", "set-state", DAG_ID, "nowhere", "2025-05-02", "success"), 1, "Task nowhere not found"),
        (("tasks", "set-state", DAG_ID, "broken", "2024-05-02", "success"), 1, "Dag Run for date"),
        (("tasks", "set-state", DAG_ID, "broken", "2025-05-02", "running"), 2, "'running' is not one of"),
        (("dags", "set-state", DAG_ID, "2025-05-02", "queued"), 2, "'queued' is not one of"),
    ],
)
def test_what_cannot_be_set_is_said(engine: Engine, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run(*arguments, "--yes")
    assert result.exit_code == code
    assert said in result.stderr


def test_a_run_that_is_over_is_not_cancelled(engine: Engine) -> None:
    assert run("dags", "set-state", DAG_ID, "2025-05-02", "success", "--yes").exit_code == 0
    result = run("runs", "cancel", DAG_ID, "2025-05-02", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith(" is over: success\n")
    assert run_states(engine) == [DagRunState.FAILED, DagRunState.SUCCESS, DagRunState.FAILED]
