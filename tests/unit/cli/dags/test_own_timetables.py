"""Commands for a DAG whose own timetable decides: they ask its file on this machine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.messages import BackfillByTimetable, BackfillDag, PlanNextRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.custom import PlannedRun
from chalicelib.domain.schedule.timetables import CUSTOM, Schedule
from chalicelib.engine import dispatch
from chalicelib.engine.engine import Engine
from chalicelib.simulation.one_run import Laboratory
from chalicelib.simulation.queue import Queue
from tests.scripted.engines import engine_in_memory
from tests.scripted.memory_sender import MemorySender

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

FILE = """
from datetime import datetime, timedelta

from airflow import DAG
from airflow.timetables.base import DagRunInfo, Timetable


class EveryOtherDay(Timetable):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        last = last_automated_data_interval
        start = last.end + timedelta(days=1) if last else restriction.earliest
        if restriction.latest and start > restriction.latest:
            return None
        return DagRunInfo.interval(start, start + timedelta(days=1))


class Fails(EveryOtherDay):
    def next_dagrun_info(self, **arguments):
        raise ValueError("no such day")


own = DAG("own", schedule=EveryOtherDay(), start_date=datetime(2026, 1, 1))
fails = DAG("fails", schedule=Fails(), start_date=datetime(2026, 1, 1))
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that knows two DAGs of a file; the next run of one is planned."""
    (tmp_path / "own.py").write_text(FILE)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")
    made = engine_in_memory(lambda: NOON)
    dag = Dag(dag_id="own", generation=1, is_paused=False, version="v1", fileloc="own.py")
    own = made.store.dags.save(replace(dag, schedule=Schedule(expression=CUSTOM, is_custom=True)))
    planned = PlannedRun(start=NOON, end=NOON + DAY, due=NOON + DAY, run_id="own__1")
    made.store.dags.set_next_run(own, planned, None)
    fails = made.store.dags.save(replace(own, dag_id="fails"))
    made.store.dags.set_next_run(fails, None, None, ask_at=NOON, error="ValueError: no such day")
    return made


def dags(engine: Engine, *arguments: str) -> Result:
    with bootstrap.use(engine=engine):
        return CliRunner().invoke(updraft, ["dags", *arguments])


def test_what_follows_the_planned_run_is_asked_of_the_file(engine: Engine) -> None:
    result = dags(engine, "next-execution", "own", "-n", "3")
    assert result.output.splitlines() == [
        "2026-03-01T12:00:00+00:00",
        "2026-03-03T12:00:00+00:00",
        "2026-03-05T12:00:00+00:00",
    ]
    failed = dags(engine, "next-execution", "fails")
    assert failed.exit_code == 1
    assert "The timetable of fails failed: ValueError: no such day" in failed.output


def test_a_timetable_that_fails_is_listed_with_its_file(engine: Engine) -> None:
    result = dags(engine, "list-import-errors", "-o", "plain")
    assert result.exit_code == 1
    assert "the timetable of fails failed: ValueError: no such day" in result.output
    assert "own failed" not in result.output


def test_a_backfill_goes_to_a_worker_that_asks_the_timetable(engine: Engine) -> None:
    result = dags(engine, "backfill", "own", "-s", "2026-01-01", "-e", "2026-01-05", "--dry-run")
    assert [line.split(":")[0] for line in result.output.splitlines()] == [
        "own 2026-01-01T00",
        "own 2026-01-03T00",
        "own 2026-01-05T00",
    ]
    assert dags(engine, "backfill", "own", "-s", "2026-01-01", "-e", "2026-01-05", "--no-wait").exit_code == 0
    assert isinstance(engine.sender, MemorySender)
    (outgoing,) = engine.sender.sent
    assert isinstance(outgoing.message, BackfillDag)
    dispatch.handle(engine, outgoing.message)
    assert engine.sender.sent[-1].message == BackfillByTimetable(backfill=outgoing.message)


def test_a_run_in_process_asks_no_other_timetable(tmp_path: Path) -> None:
    """Another DAG's may hang, and a run by hand needs its data interval only."""
    (tmp_path / "own.py").write_text(FILE)
    laboratory = Laboratory(tmp_path)
    sent = laboratory.engine.sender
    assert isinstance(sent, Queue)
    assert sent.waiting == []
    assert sum(isinstance(message, PlanNextRun) for message in sent.sent) == 2
