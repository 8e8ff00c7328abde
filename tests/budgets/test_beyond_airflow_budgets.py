"""What keys and pages cost beyond what Airflow's own requests do."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.settings import Settings
from tests.budgets.deployment import MeteredDeployment
from tests.meter import Meter
from tests.scripted.asking import Answer
from tests.scripted.dags import ScriptedDag, Shape

RUNS = "/dags/scripted/dag_runs"
_seconds = count()

POOL = {"name": "p", "slots": 20, "description": None}


@pytest.fixture
def warm(deployment: MeteredDeployment) -> MeteredDeployment:
    deployment.deploy(ScriptedDag([Shape("a")]))
    return deployment


def post(deployment: MeteredDeployment, stage: Settings, path: str, body: Any) -> tuple[Answer, Meter]:
    """A request with a key, a second after the one before."""
    headers = {"Idempotency-Key": "k"}
    moment = deployment.engine.now() + timedelta(seconds=next(_seconds))
    engine = replace(deployment.engine, now=lambda: moment)
    with bootstrap.use(engine=engine, settings=stage), Meter() as meter:
        answer = deployment.api.send("POST", f"/experimental{path}", headers, json.dumps(body).encode())
    return answer, meter


def test_a_trigger_with_a_key_takes_as_many_requests_as_one_without(
    warm: MeteredDeployment, stage: Settings
) -> None:
    first, meter = post(warm, stage, RUNS, {})
    assert first.status == 200
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+kept_answers+unfinished_runs"): 1,
        ("UpdateItem", "dags"): 1,
    }
    again, meter = post(warm, stage, RUNS, {})
    assert again == first
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+kept_answers+unfinished_runs"): 1,
        ("GetItem", "kept_answers"): 1,
    }
    assert meter.sqs_messages == 0


def test_a_pool_with_a_key_takes_as_many_requests_as_one_without(
    warm: MeteredDeployment, stage: Settings
) -> None:
    first, meter = post(warm, stage, "/pools", POOL)
    assert first.status == 200
    assert meter.dynamodb == {
        ("Query", "pools"): 1,
        ("TransactWriteItems", "kept_answers+pools"): 1,
    }
    again, meter = post(warm, stage, "/pools", POOL)
    assert again == first
    assert meter.dynamodb == {
        ("Query", "pools"): 1,
        ("TransactWriteItems", "kept_answers"): 1,
        ("GetItem", "kept_answers"): 1,
    }


def test_a_page_reads_what_it_shows(warm: MeteredDeployment) -> None:
    for second in range(60):
        date = f"2025-01-01T00:00:{second:02d}"
        warm.post(RUNS, {"execution_date": date, "conf": {"key": "x" * 4000}})
    page, meter = warm.get(f"{RUNS}?limit=3&execution_date_gte=2025-01-01T00:00:07")
    assert [run["execution_date"][17:19] for run in page.body] == ["07", "08", "09"]
    assert meter.dynamodb == Counter({("GetItem", "dags"): 1, ("Query", "dag_runs"): 1})
    assert meter.read_units <= 1 + 5, "the DAG, and four runs of some 4.5 kB"
    _, whole = warm.get(RUNS)
    assert whole.dynamodb_requests == 2
    assert whole.read_units > 60
