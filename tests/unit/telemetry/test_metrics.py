"""The lines from which CloudWatch makes metrics (embedded metric format)."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.observations import (
    MessagePutAside,
    Observation,
    PoolUse,
    RunEnded,
    TaskEnded,
    TryStarted,
)
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.telemetry.bound import bound
from chalicelib.telemetry.log_lines import JsonLines
from chalicelib.telemetry.metrics import EmbeddedMetrics

OF_THE_TRY: dict[str, Any] = {
    "dag_id": "etl",
    "run_id": "manual__1",
    "task_id": "load",
    "map_index": -1,
    "try_number": 2,
}


def line_of(observation: Observation, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The line as CloudWatch gets it."""
    caplog.set_level(logging.INFO)
    EmbeddedMetrics("dev")(observation)
    (record,) = caplog.records
    with bound(request_id="r-1", dag_id="of the message"):
        document: dict[str, Any] = json.loads(JsonLines("updraft-dev-worker").format(record))
    return document


CASES: list[tuple[Observation, list[tuple[str, str, float]], dict[str, str], dict[str, Any]]] = [
    (
        RunEnded(
            dag_id="etl",
            run_id="manual__1",
            execution_date=datetime(2026, 1, 1, tzinfo=UTC),
            state=DagRunState.FAILED,
        ),
        [("RunsEnded", "Count", 1)],
        {"state": "failed"},
        {"dag_id": "etl", "run_id": "manual__1", "execution_date": "2026-01-01T00:00:00+00:00"},
    ),
    (
        TaskEnded(**OF_THE_TRY, state=TaskInstanceState.UP_FOR_RETRY),
        [("TasksEnded", "Count", 1)],
        {"state": "up_for_retry"},
        OF_THE_TRY,
    ),
    (
        TryStarted(**OF_THE_TRY, waited=timedelta(milliseconds=1250)),
        [("QueueToStartSeconds", "Seconds", 1.25)],
        {},
        OF_THE_TRY,
    ),
    (
        TryStarted(**OF_THE_TRY, waited=timedelta(milliseconds=-3)),
        [("QueueToStartSeconds", "Seconds", 0)],
        {},
        OF_THE_TRY,
    ),
    (
        PoolUse(pool="gpu", slots=8, used=3),
        [("PoolSlots", "Count", 8), ("PoolSlotsUsed", "Count", 3)],
        {"pool": "gpu"},
        {},
    ),
    (
        PoolUse(pool="Größe 1", slots=8, used=3),
        [("PoolSlots", "Count", 8), ("PoolSlotsUsed", "Count", 3)],
        {"pool": r"Gr\xf6\xdfe 1"},
        {},
    ),
    (
        PoolUse(pool="\N{GRINNING FACE}" * 256, slots=8, used=3),
        [("PoolSlots", "Count", 8), ("PoolSlotsUsed", "Count", 3)],
        {"pool": (r"\U0001f600" * 256)[:1024]},
        {},
    ),
    (
        MessagePutAside(queue="updraft-dev-events", code="dag_not_found"),
        [("DeadLetters", "Count", 1)],
        {"queue": "updraft-dev-events"},
        {"code": "dag_not_found"},
    ),
]


@pytest.mark.parametrize(("observation", "metrics", "dimensions", "properties"), CASES)
def test_an_observation_is_one_line_in_cloudwatchs_format(
    observation: Observation,
    metrics: list[tuple[str, str, float]],
    dimensions: dict[str, str],
    properties: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = line_of(observation, caplog)
    meta = line["_aws"]
    assert abs(meta["Timestamp"] / 1000 - datetime.now(UTC).timestamp()) < 60
    (directive,) = meta["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Updraft",
        "Dimensions": [["stage", *dimensions]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit, _ in metrics],
    }
    values = {name: value for name, _, value in metrics}
    assert {**values, **dimensions, **properties, "stage": "dev", "request_id": "r-1"}.items() <= line.items()
    # CloudWatch takes numbers as values and texts as dimensions, at the top of the line.
    assert all(isinstance(line[name], int | float) for name in values)
    assert all(isinstance(line[name], str) and line[name].isascii() for name in directive["Dimensions"][0])


def test_what_tells_runs_and_tasks_apart_is_no_dimension() -> None:
    allowed = {"state", "pool", "queue"}
    assert {name for _, _, dimensions, _ in CASES for name in dimensions} == allowed
