"""The inputs of a try beyond its request: XComs of other runs, and the run's task instances."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.tasks.inputs import TaskXComs, instances_of_run, task_xcoms
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.engines import engine_in_memory
from tests.scripted.scenarios import start, world_of

NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)


@pytest.fixture
def engine() -> Engine:
    engine = engine_in_memory(lambda: NOON)
    for dag_id in ("own", "other"):
        engine.store.dags.save(Dag(dag_id=dag_id, generation=1, is_paused=False, version="v1", fileloc="x"))
    return engine


def run_on(engine: Engine, dag_id: str, days: int, run_id: str) -> DagRun:
    """A run whose task has pushed the id of the run."""
    date = NOON + timedelta(days=days)
    run = create_run(
        engine, RunRequest(dag_id=dag_id, execution_date=date, run_id=run_id, triggered_by="test")
    )
    engine.store.xcoms.push(run.run_uid, "a", -1, "return_value", f'"{run_id}"')
    return run


def seen_by(engine: Engine, run: DagRun) -> TaskXComs:
    return task_xcoms(engine, TaskInstance(run_uid=run.run_uid, task_id="b"), run.execution_date)


def values(xcoms: TaskXComs, dag_id: str, run_id: str = "r", *, prior: bool = False) -> list[str | None]:
    source = XComSource(dag_id=dag_id, run_id=run_id, include_prior_dates=prior)
    return [run.pull("a", "return_value") for run in xcoms.elsewhere(source)]


def test_prior_dates_are_those_up_to_the_run_s_the_latest_first(engine: Engine) -> None:
    runs = [run_on(engine, "own", days, f"r{days}") for days in (1, 2, 3)]
    run_on(engine, "other", 1, "of-other")
    xcoms = seen_by(engine, runs[1])
    assert values(xcoms, "own", prior=True) == ['"r2"', '"r1"']
    assert values(xcoms, "other", prior=True) == ['"of-other"']


def test_a_run_of_another_dag_is_found_by_its_id(engine: Engine) -> None:
    xcoms = seen_by(engine, run_on(engine, "own", 1, "r"))
    assert values(xcoms, "other") == []
    run_on(engine, "other", 5, "r")
    assert values(xcoms, "other") == ['"r"']
    assert values(xcoms, "unknown") == []


def test_runs_of_a_deleted_dag_are_not_looked_at(engine: Engine) -> None:
    xcoms = seen_by(engine, run_on(engine, "own", 1, "r"))
    run_on(engine, "other", 1, "r")
    engine.store.dags.mark_deleted("other")
    assert values(xcoms, "other") == []
    assert values(xcoms, "other", prior=True) == []


def test_the_task_instances_of_a_run_are_told_as_they_are() -> None:
    dag = ScriptedDag([Shape("a"), Shape("b", ("a",), behaviour="fail"), Shape("c", ("b",))])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    facts = instances_of_run(world.engine, run.facts(run.queued_at))
    assert [(each.task_id, each.state, each.try_number) for each in facts] == [
        ("a", "success", 1),
        ("b", "failed", 1),
        ("c", "upstream_failed", 0),
    ]
    assert all(each.queued_at and each.end_date for each in facts[:2])
    assert facts[1] == replace(facts[1], map_index=-1, max_tries=0)
