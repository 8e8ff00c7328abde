"""Deleting DAGs, and what is shown of them otherwise: code, latest runs, lineage."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.messages import EraseDag, StartRun
from chalicelib.domain.runs.dag_runs import DagRunChange
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import Expected, TaskInstanceChange
from chalicelib.engine import dispatch
from chalicelib.engine.engine import Engine
from tests.scripted.clock import MovedClock
from tests.scripted.in_process_api import InProcessApi

DATE = "2026-01-01T12:00:00+00:00"
RUNS = "/dags/etl/dag_runs"


@pytest.fixture
def run_uid(api: InProcessApi, engine: Engine) -> str:
    """A run of ``etl``."""
    assert api.post(RUNS, {"execution_date": DATE}).status == 200
    run = engine.store.dag_runs.get("etl", datetime.fromisoformat(DATE))
    assert run is not None
    return run.run_uid


@pytest.mark.parametrize("path", ["/dags/etl", "/dags/etl/delete_dag"])
def test_a_deleted_dag_is_unknown_until_it_was_erased_and_then_comes_back_paused(
    api: InProcessApi, engine: Engine, run_uid: str, path: str
) -> None:
    api.get("/dags/etl/paused/false")
    assert api.delete(path).body == {"count": 2, "message": "Removed 2 record(s)"}
    assert [api.get(f"/dags/etl/{each}").status for each in ("paused", "code")] == [404, 404]
    assert api.post(RUNS, {}).status == 404
    assert api.delete(path).body == {"error": "Dag id etl not found"}

    dispatch.handle(engine, EraseDag(dag_id="etl", generation=2))

    assert api.get("/dags/etl/paused").body == {"is_paused": True}
    assert api.get(RUNS).body == []
    assert api.get("/latest_runs").body == {"items": []}
    assert api.post(RUNS, {"execution_date": DATE}).status == 200


def test_a_dag_is_not_deleted_while_a_live_worker_runs_a_task_of_it(
    api: InProcessApi, engine: Engine, clock: MovedClock, run_uid: str
) -> None:
    change = TaskInstanceChange(
        state=TaskInstanceState.RUNNING, lease_until=clock() + timedelta(minutes=1), updated_at=clock()
    )
    untouched = Expected(states=frozenset({None}))
    engine.store.task_instances.transition(run_uid, task_key("extract"), untouched, change)
    refused = api.delete("/dags/etl")
    assert (refused.status, refused.body) == (409, {"error": "TaskInstances still running"})
    assert api.get("/dags/etl/paused").status == 200

    clock.sleep(61)
    assert api.delete("/dags/etl").status == 200


def test_the_code_is_sent_as_it_is(api: InProcessApi) -> None:
    answer = api.get("/dags/etl/code")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_a_latest_run_shows_when_it_started(api: InProcessApi, engine: Engine, run_uid: str) -> None:
    run = engine.store.dag_runs.get("etl", datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert run is not None
    api.get("/dags/etl/paused/false")
    shown = {
        "dag_id": "etl",
        "dag_run_url": "/airflow/dags/etl/graph?execution_date=2026-01-01+12%3A00%3A00%2B00%3A00",
        "execution_date": DATE,
        "start_date": "",
    }
    assert api.get("/latest_runs").body == {"items": [shown]}
    dispatch.handle(engine, StartRun(run=run.ref))
    started = engine.store.dag_runs.get("etl", run.execution_date)
    assert started is not None
    assert started.start_date is not None
    assert api.get("/latest_runs").body == {
        "items": [{**shown, "start_date": started.start_date.isoformat()}]
    }


def test_lineage_shows_only_the_kinds_that_a_task_has(
    api: InProcessApi, engine: Engine, run_uid: str
) -> None:
    engine.store.lineage.save(run_uid, "extract", -1, [], ["out"])
    engine.store.lineage.save(run_uid, "load", -1, ["in"], ["out"])
    wanted = {"task_ids": {"extract": {"outlets": ["out"]}, "load": {"inlets": ["in"], "outlets": ["out"]}}}
    for path in ("/lineage/etl/2026-01-01T12:00:00", "/lineage/etl/2026-01-01T12:00:00/"):
        assert api.get(path).body == wanted


@pytest.mark.parametrize("path", ["/dags/etl/code/", "/latest_runs/", "/pools/default_pool/"])
def test_a_slash_at_the_end_of_any_other_path_is_unknown(api: InProcessApi, path: str) -> None:
    assert api.get(path).status == 404


def test_a_dag_id_that_cannot_be_is_not_there_to_be_deleted(api: InProcessApi) -> None:
    answer = api.delete("/dags/%00")
    assert (answer.status, answer.body) == (404, {"error": "Dag id \0 not found"})


def test_a_running_task_among_many_waiting_runs_prevents_deletion(
    api: InProcessApi, engine: Engine, clock: MovedClock
) -> None:
    for second in range(30):
        api.post(RUNS, {"execution_date": f"2024-01-01T00:00:{second:02}"})
    run = engine.store.dag_runs.get("etl", datetime(2024, 1, 1, 0, 0, 20, tzinfo=UTC))
    assert run is not None
    engine.store.dag_runs.transition(
        run.ref, frozenset({DagRunState.QUEUED}), DagRunChange(state=DagRunState.RUNNING, start_date=clock())
    )
    change = TaskInstanceChange(
        state=TaskInstanceState.RUNNING, lease_until=clock() + timedelta(minutes=1), updated_at=clock()
    )
    untouched = Expected(states=frozenset({None}))
    engine.store.task_instances.transition(run.run_uid, task_key("extract"), untouched, change)
    assert api.delete("/dags/etl").body == {"error": "TaskInstances still running"}
