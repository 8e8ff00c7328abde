"""``dags backfill`` over an engine in memory."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.runs.dag_runs import DagRunType
from chalicelib.domain.states import DagRunState
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.runs.end import fail_run
from chalicelib.settings import Settings
from chalicelib.simulation.one_run import Laboratory, WantedRun

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

def fail():
    raise ValueError("no")

with DAG("daily", schedule="@daily", start_date=datetime(2020, 1, 1)):
    EmptyOperator(task_id="first") >> PythonOperator(task_id="second", python_callable=fail)
with DAG("never", schedule=None, start_date=datetime(2020, 1, 1)):
    EmptyOperator(task_id="first")
"""

DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
RANGE = ("-s", "2026-01-01", "-e", "2026-01-03")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    """The run of the second day is there, and has failed."""
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    (tmp_path / "daily.py").write_text(FILE)
    laboratory = Laboratory(tmp_path)
    laboratory.run(WantedRun(dag_id="daily", execution_date=DAYS[1]))
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    with bootstrap.use(engine=laboratory.engine, settings=settings):
        yield laboratory.engine


def backfill(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(updraft, ["dags", "backfill", *arguments], input=stdin)


def states(engine: Engine) -> list[str]:
    return [str(run.state) for run in engine.store.dag_runs.list("daily")]


def test_a_dry_run_tells_which_runs_are_there_and_which_would_be_made(engine: Engine) -> None:
    result = backfill("daily", *RANGE, "--dry-run", "--reset-dagruns")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "daily 2026-01-01T00:00:00+00:00: to be made",
        "daily 2026-01-02T00:00:00+00:00: there already, failed",
        "daily 2026-01-03T00:00:00+00:00: to be made",
    ]
    assert states(engine) == ["failed"]


@pytest.mark.parametrize("option", ["-s", "-e"])
def test_one_date_stands_for_both(engine: Engine, option: str) -> None:
    result = backfill("daily", option, "2026-01-03", "-n")
    assert result.stdout == "daily 2026-01-03T00:00:00+00:00: to be made\n"


@pytest.mark.parametrize(
    ("option", "cleared"),
    [("--reset-dagruns", ["first", "second"]), ("--rerun-failed-tasks", ["second"])],
)
def test_runs_that_are_there_are_cleared_after_a_yes(engine: Engine, option: str, cleared: list[str]) -> None:
    refused = backfill("daily", *RANGE, option, stdin="n\n")
    assert (refused.exit_code, states(engine)) == (1, ["failed"])
    result = backfill("daily", *RANGE, option, "--yes", "--no-wait")
    lines = result.stdout.splitlines()
    assert [line.split()[2].rstrip(":") for line in lines[:-2]] == cleared
    assert lines[-2:] == [
        f"{len(cleared)} task instances cleared",
        "The runs of daily from 2026-01-01T00:00:00+00:00 on are being made.",
    ]
    assert states(engine) == ["queued"]


def test_the_end_of_all_runs_is_waited_for_and_a_failure_is_exit_code_1(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter([DAYS[0], DAYS[2]])
    monkeypatch.setattr(time, "sleep", lambda _seconds: make_failed_run(engine, next(coming)))
    result = backfill("daily", *RANGE)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "The runs of daily from 2026-01-01T00:00:00+00:00 on are being made.",
        "2026-01-02T00:00:00+00:00: failed",
        "2026-01-01T00:00:00+00:00: failed",
        "2026-01-03T00:00:00+00:00: failed",
    ]
    assert result.stderr == (
        "Error: 3 of 3 runs failed. 'dags list-runs -d daily --state failed' shows them, "
        "--rerun-failed-tasks has what failed run again\n"
    )


def test_it_returns_at_once_where_that_is_wanted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", no_wait)
    result = backfill("daily", *RANGE, "--no-wait")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "The runs of daily from 2026-01-01T00:00:00+00:00 on are being made.\n"


def no_wait(_seconds: float) -> None:
    raise AssertionError("it waits")


def interrupted_after(looks: int) -> Callable[[float], None]:
    """A sleep that so many looks come after, and then Ctrl-C."""
    left = iter(range(looks))

    def sleep(_seconds: float) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return sleep


def test_ctrl_c_stops_waiting_and_the_runs_go_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", interrupted_after(0))
    result = backfill("daily", *RANGE)
    assert result.exit_code == 130
    assert result.stderr == "\nThe runs go on: 'dags list-runs -d daily' shows them.\n"
    assert states(engine) == ["failed"]


def test_what_a_run_waits_for_that_does_not_go_on_is_told_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = create_run(engine, RunRequest(dag_id="daily", execution_date=DAYS[2], triggered_by="test"))
    set_paused(engine, "daily", paused=True, changed_by="ada")
    monkeypatch.setattr(time, "sleep", interrupted_after(6))
    result = backfill("daily", "-s", "2026-01-03")
    assert day.run_type is DagRunType.MANUAL
    assert result.stdout.splitlines()[1:] == ["2026-01-03T00:00:00+00:00 waits: the DAG is paused by ada"]


def test_runs_that_are_long_in_the_making_are_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", interrupted_after(5))
    result = backfill("daily", *RANGE)
    assert result.stdout.splitlines()[1:] == [
        "2026-01-02T00:00:00+00:00: failed",
        "2026-01-01T00:00:00+00:00 waits: its run is not made yet",
    ]


def test_runs_that_nobody_will_make_are_not_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: engine.store.dags.set_active("daily", False))
    result = backfill("daily", *RANGE)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Dag id daily not found")


def make_failed_run(engine: Engine, date: datetime) -> None:
    request = RunRequest(
        dag_id="daily", execution_date=date, triggered_by="test", run_type=DagRunType.BACKFILL
    )
    made = create_run(engine, request)
    fail_run(engine, made, "for this test", from_states=frozenset({DagRunState.QUEUED}))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("daily",), 2, "Provide a start_date and/or end_date"),
        (("never", *RANGE), 1, "No run dates were found"),
        (("nowhere", *RANGE), 1, "Dag id nowhere not found"),
        (("daily", *RANGE, "--run-backwards"), 2, "No such option"),
    ],
)
def test_what_cannot_be_made_is_said(
    engine: Engine, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = backfill(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
