"""``tasks clear`` and ``runs cancel`` over an engine in memory."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.lookup import get_dag_run
from tests.scripted.command_line import run
from tests.unit.cli.tasks.failed_runs import DAG_ID, failed_runs

DATES = [datetime(2025, 5, day, tzinfo=UTC) for day in (1, 2)]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    with failed_runs(monkeypatch, tmp_path, DATES) as made:
        yield made


def states(engine: Engine) -> list[DagRunState]:
    return [get_dag_run(engine, DAG_ID, date).state for date in DATES]


@pytest.mark.parametrize("command", [("tasks", "clear"), ("clear",)])
def test_tasks_of_chosen_runs_are_cleared(engine: Engine, command: tuple[str, ...]) -> None:
    result = run(*command, DAG_ID, "-t", "^broken$", "-d", "-e", "2025-05-01", "-y")
    assert result.stdout.splitlines() == [
        "contract_retry 2025-05-01T00:00:00+00:00 broken: failed",
        "contract_retry 2025-05-01T00:00:00+00:00 after_broken: upstream_failed",
        "2 task instances cleared",
    ]
    assert states(engine) == [DagRunState.QUEUED, DagRunState.FAILED]


def test_only_failed_ones_are_cleared_of_all_runs(engine: Engine) -> None:
    result = run("tasks", "clear", DAG_ID, "--only-failed", "--yes")
    assert "6 task instances cleared" in result.stdout
    assert ": success" not in result.stdout
    assert states(engine) == [DagRunState.QUEUED, DagRunState.QUEUED]


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--dry-run",), 0), ((), 1), (("-t", "nothing", "--yes"), 0)]
)
def test_a_dry_run_a_no_and_a_choice_of_nothing_clear_nothing(
    engine: Engine, arguments: tuple[str, ...], code: int
) -> None:
    assert run("tasks", "clear", DAG_ID, *arguments, stdin="n\n").exit_code == code
    assert states(engine) == [DagRunState.FAILED, DagRunState.FAILED]


def test_what_is_no_regular_expression_is_wrong_usage(engine: Engine) -> None:
    assert run("tasks", "clear", DAG_ID, "-t", "(").exit_code == 2


def test_a_run_is_cancelled_after_a_yes(engine: Engine) -> None:
    assert run("dags", "trigger", DAG_ID, "-e", "2025-05-03", "-r", "mine").exit_code == 0
    waiting = replace(get_dag_run(engine, DAG_ID, datetime(2025, 5, 3, tzinfo=UTC)))
    assert waiting.state is DagRunState.QUEUED
    assert run("runs", "cancel", DAG_ID, "mine", "--dry-run").exit_code == 0
    assert run("runs", "cancel", DAG_ID, "mine", stdin="n\n").exit_code == 1
    assert get_dag_run(engine, DAG_ID, waiting.execution_date).state is DagRunState.QUEUED
    result = run("runs", "cancel", DAG_ID, "mine", "--yes")
    assert result.stdout.splitlines()[-1] == "Run mine cancelled"
    assert get_dag_run(engine, DAG_ID, waiting.execution_date).state is DagRunState.FAILED
