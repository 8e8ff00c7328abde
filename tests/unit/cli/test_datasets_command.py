"""``datasets``: what is known of datasets and their events, over an engine in memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.messages import RegisterDatasetEvents
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dataset_changes import DatasetChange, changes_text
from chalicelib.domain.runs.dataset_events import EventSource
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.engine import dispatch
from chalicelib.engine.datasets.references import keep_references
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.engines import engine_in_memory
from tests.scripted.examples import HOUR, NOON, a_dag, a_run

URI = "s3://shop/prices"
FOUND_BY = "alias:found"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = engine_in_memory(lambda: NOON)
    told = {f"dataset:{URI}": {"extra": '{"team": "v1"}', "name": "prices", "group": "g"}}
    producer = {
        "dag_id": "producer",
        "tasks": [{"task_id": "make", "dataset_outlets": [f"dataset:{URI}", FOUND_BY]}],
        "datasets": told,
    }
    consumers = {"consumer": {"any": [URI]}, "by_alias": {"any": [{"alias": "found"}]}}
    documents = [
        {"dag_id": name, "tasks": [], "dataset_condition": condition} for name, condition in consumers.items()
    ]
    for name, condition in consumers.items():
        made.store.dags.save(a_dag(name, dataset_condition=DatasetCondition.of(condition)))
    keep_references(made, [producer, *documents], set())
    with bootstrap.use(engine=made, settings=Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})):
        yield made


def change(engine: Engine, origin: str, hours: int, source: EventSource | None, *aliases: str) -> None:
    changes = changes_text((DatasetChange(uri=URI, extra={"n": hours}, aliases=aliases),))
    message = RegisterDatasetEvents(
        origin=origin, timestamp=NOON + hours * HOUR, changes=Payload(text=changes), source=source
    )
    dispatch.handle(engine, message)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(updraft, ["datasets", *arguments])


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "-o", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_datasets_are_listed_with_those_that_refer_to_them(engine: Engine) -> None:
    (kept,) = (each for each in engine.store.datasets.list() if each.uri)
    assert rows("list") == [
        {
            "id": str(kept.id),
            "uri": URI,
            "name": "prices",
            "group": "g",
            "extra": {"team": "v1"},
            "consuming_dags": ["consumer"],
            "producing_tasks": ["producer.make"],
            "aliases": [],
            "created_at": NOON.isoformat(),
            "updated_at": NOON.isoformat(),
        }
    ]


def test_events_are_listed_with_the_runs_that_they_have_made(engine: Engine) -> None:
    source = EventSource.of(a_run().facts(NOON), "make", 4)
    change(engine, "one", 1, source, "found")
    change(engine, "two", 2, None)
    latest, first = rows("events", URI)
    assert (latest["extra"], latest["source_dag_id"], latest["source_map_index"]) == ({"n": "2"}, None, "-1")
    assert (first["source_task_id"], first["source_map_index"]) == ("make", "4")
    moment = (NOON + HOUR).isoformat()
    assert first["created_dagruns"] == [
        f"by_alias.dataset_triggered__{moment}",
        f"consumer.dataset_triggered__{moment}",
    ]
    assert rows("events", URI, "-n", "1") == [latest]


def test_a_dataset_that_is_not_there_is_told(engine: Engine) -> None:
    result = run("events", "unknown")
    assert (result.exit_code, result.stderr) == (1, "Error: Dataset with uri: 'unknown' not found\n")
