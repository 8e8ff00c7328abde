"""``dags backfill``: what it asks the scheduler for, and what it refuses."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.messages import BackfillDag
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.engine.engine import Engine
from tests.scripted.engines import engine_in_memory
from tests.scripted.memory_sender import MemorySender


@pytest.fixture
def engine() -> Engine:
    made = engine_in_memory(lambda: datetime(2026, 3, 1, tzinfo=UTC))
    dag = Dag(dag_id="sales", generation=1, is_paused=True, version="v1", fileloc="sales.py")
    made.store.dags.save(replace(dag, schedule=Schedule(expression="@daily")))
    return made


def backfill(engine: Engine, *arguments: str) -> Result:
    with bootstrap.use(engine=engine), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT__AWS__STAGE", "dev")
        return CliRunner().invoke(updraft, ["dags", "backfill", "--no-wait", *arguments])


def test_a_backfill_is_asked_for(engine: Engine) -> None:
    result = backfill(engine, "sales", "-s", "2026-01-01T06:00", "-e", "2026-01-05", "-c", '{"n": 1}')
    assert result.output == "The runs of sales from 2026-01-02T00:00:00+00:00 on are being made.\n"
    assert isinstance(engine.sender, MemorySender)
    (outgoing,) = engine.sender.sent
    assert isinstance(outgoing.message, BackfillDag)
    assert outgoing.message.conf.text == '{"n": 1}'


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("other", "-s", "2026-01-01", "-e", "2026-01-05"), "Dag id other not found in DagModel"),
        (("sales", "-s", "2026-01-01T01:00", "-e", "2026-01-01T02:00"), "No run dates were found"),
        (("sales", "-s", "yesterday", "-e", "2026-01-05"), "could not be identified as a date"),
        (("sales", "-s", "2026-01-01", "-e", "2026-01-05", "-c", "[]"), "--conf has to be a JSON object"),
        (("sales", "-s", "2026-01-01", "-e", "2026-01-05", "-c", "{"), "--conf is no JSON"),
    ],
)
def test_what_cannot_be_backfilled_is_said(engine: Engine, arguments: tuple[str, ...], text: str) -> None:
    result = backfill(engine, *arguments)
    assert result.exit_code != 0
    assert text in result.output
