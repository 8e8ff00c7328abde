"""When a failed try is followed by the next one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.graph.graph import Task
from chalicelib.domain.tasks.retries import retry_at, retry_delay
from tests.scripted.dags import ScriptedDag, Shape

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED = json.loads((Path(__file__).parent / "airflow_retry_delays.json").read_text())
"""Of ``TaskInstance.next_retry_datetime`` of Airflow 2.10.5: DAG, task, date, try number, ``retry_delay``,
``retry_exponential_backoff``, ``max_retry_delay`` and the delay that came of it, in seconds."""


def task_of(task_id: str, retry_delay: float, exponential: bool, longest: float | None) -> Task:
    shape = Shape(
        task_id,
        retry_delay=retry_delay,
        retry_exponential_backoff=exponential,
        max_retry_delay=longest,
        retries=3,
    )
    return ScriptedDag([shape]).graph.task(task_id)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: "-".join(map(str, recorded[:4])))
def test_delays_are_those_of_airflow(recorded: list[Any]) -> None:
    dag_id, task_id, date, try_number, base, exponential, longest, seconds = recorded
    task = task_of(task_id, base, exponential, longest)
    delay = retry_delay(task, dag_id, datetime.fromisoformat(date), try_number)
    assert delay.total_seconds() == seconds


def test_the_same_instant_in_another_zone_gives_the_same_delay() -> None:
    task = task_of("t", 300, True, None)
    in_utc = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    elsewhere = in_utc.astimezone(datetime.fromisoformat("2024-01-01T00:00:00+09:00").tzinfo)
    assert retry_delay(task, "d", in_utc, 2) == retry_delay(task, "d", elsewhere, 2)


@pytest.mark.parametrize("try_number", [100, 1025, 5000])
def test_a_delay_that_doubled_beyond_all_numbers_is_a_day(try_number: int) -> None:
    task = task_of("t", 300, True, None)
    assert retry_delay(task, "d", NOW, try_number) == timedelta(days=1)


def test_a_delay_beyond_the_calendar_ends_with_it() -> None:
    task = task_of("t", timedelta.max.total_seconds() // 2, False, None)
    assert retry_at(task, "d", NOW, 1, NOW) == datetime.max.replace(tzinfo=UTC)
