"""Why is it not running? The checks that decide, with their reasons."""

import re
from datetime import timedelta

import pytest

from chalicelib.domain.errors import DagRunNotFound, TaskInstanceNotFound, TaskNotFound
from chalicelib.domain.graph.expansion import Expansion, Literal, MappedGroup, OutputOf
from chalicelib.domain.plans.checks import Check
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.reading.why import what_holds_back, why_run, why_task
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import EXECUTION_DATE, start, world_of


def failed(found: list[Check]) -> dict[str, str]:
    """The reasons of the checks that are not passed, by name."""
    return {check.name: check.reason for check in found if not check.passed}


def of_run(world: World, run: DagRun) -> dict[str, str]:
    return failed(why_run(world.engine, run.dag_id, run.execution_date))


def of_task(world: World, run: DagRun, task_id: str) -> dict[str, str]:
    return failed(why_task(world.engine, run.dag_id, run.execution_date, task_id))


def begun(*shapes: Shape) -> tuple[World, DagRun]:
    """A run whose messages were handled as far as they go without time passing."""
    dag = ScriptedDag(list(shapes))
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    return world, run


def test_what_is_over_has_no_reason_left() -> None:
    world, run = begun(Shape("a"))
    assert why_run(world.engine, run.dag_id, run.execution_date) == []
    assert why_task(world.engine, run.dag_id, run.execution_date, "a") == []
    assert what_holds_back(world.engine, run.dag_id, run.execution_date) == []


def test_a_run_is_held_back_by_what_its_tasks_cannot_change() -> None:
    slow = Shape("a", behaviour="flaky", retries=1, retry_delay=3600)
    world, run = begun(slow, Shape("b", ("a",)))
    assert of_run(world, run).keys() == {"Tasks Ended"}
    assert what_holds_back(world.engine, run.dag_id, run.execution_date) == []
    set_paused(world.engine, run.dag_id, paused=True, changed_by="ada")
    (check,) = what_holds_back(world.engine, run.dag_id, run.execution_date)
    assert (check.name, check.reason) == ("Dag Not Paused", "the DAG is paused by ada")


def test_a_run_of_a_paused_dag_waits_for_it_to_be_unpaused() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="ada")
    run = start(world, dag)
    world.drain()
    assert of_run(world, run) == {"Dag Not Paused": "the DAG is paused by ada"}
    assert of_task(world, run, "a") == {
        "Dag Not Paused": "the DAG is paused by ada",
        "Dagrun Running": "the run is queued",
    }


def test_a_run_of_a_future_date_waits_for_it() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    later = world.clock.now + timedelta(days=1)
    wish = RunRequest(dag_id=dag.dag_id, execution_date=later, triggered_by="test")
    run = create_run(world.engine, wish)
    world.drain()
    assert of_run(world, run) == {"Execution Date": "2026-01-02T00:00:00+00:00 is in the future"}


def test_a_run_over_the_limit_waits_for_another_to_end() -> None:
    slow = Shape("a", behaviour="flaky", retries=1, retry_delay=3600)
    dag = ScriptedDag([slow, Shape("b", ("a",))], max_active_runs=1)
    world = world_of(dag, 1)
    first = start(world, dag)
    wish = RunRequest(
        dag_id=dag.dag_id, execution_date=EXECUTION_DATE + timedelta(days=1), triggered_by="test"
    )
    second = create_run(world.engine, wish)
    world.drain()
    limit = "at most 1 runs of scripted at once (max_active_runs)"
    assert of_run(world, second) == {"Concurrency": f"1 wanted of {limit}: 0 of 1 free"}
    assert of_run(world, first) == {"Tasks Ended": "up_for_retry: a; not started: b"}
    assert of_task(world, first, "a") == {
        "Not In Retry Period": "the next try comes at 2026-01-01T01:00:00+00:00"
    }


def test_a_task_waits_for_its_upstreams_by_name() -> None:
    slow = [Shape(f"t{n}", behaviour="flaky", retries=1, retry_delay=3600) for n in range(7)]
    names = tuple(shape.task_id for shape in slow)
    world, run = begun(*slow, Shape("done"), Shape("join", (*names, "done")))
    assert of_task(world, run, "join") == {
        "Trigger Rule": "all_success waits for upstream tasks to end: t0, t1, t2, t3, t4 and 2 more"
    }


def test_a_task_waits_for_slots_of_its_pool() -> None:
    world, run = begun(Shape("wide", pool="small", pool_slots=20), Shape("lost", pool="nowhere"))
    assert of_task(world, run, "wide") == {"Pool Slots Available": "20 wanted of pool small: 3 of 3 free"}
    assert of_task(world, run, "lost") == {"Pool Slots Available": "pool nowhere does not exist"}
    save_pool(world.engine, name="nowhere", slots=-1, description=None)
    assert of_task(world, run, "lost") == {}


def test_a_task_waits_for_the_previous_run() -> None:
    dag = ScriptedDag([Shape("a", behaviour="fail", depends_on_past=True)])
    world = world_of(dag, 1)
    start(world, dag)
    wish = RunRequest(
        dag_id=dag.dag_id, execution_date=EXECUTION_DATE + timedelta(days=1), triggered_by="test"
    )
    second = create_run(world.engine, wish)
    world.drain()
    assert of_task(world, second, "a") == {"Previous Dagrun State": "in the previous run a is failed"}


def test_a_task_on_its_way_says_where_it_is() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    run = start(world, dag)
    for message in list(world.queue.visible()):
        world.deliver(message)
    assert of_task(world, run, "a") == {"Task Instance State": "it is queued"}


def test_what_is_not_there_is_an_error() -> None:
    world, run = begun(Shape("a"))
    with pytest.raises(TaskNotFound):
        why_task(world.engine, run.dag_id, run.execution_date, "nope")
    with pytest.raises(DagRunNotFound):
        why_run(world.engine, run.dag_id, run.execution_date + timedelta(days=1))


def test_a_task_that_the_run_has_not_is_named_to_what_waits_for_it() -> None:
    gone = Shape("old", end_date="2024-12-31T00:00:00+00:00")
    slow = Shape("slow", behaviour="flaky", retries=1, retry_delay=3600)
    world, run = begun(gone, slow, Shape("b", ("old",)))
    assert of_task(world, run, "b") == {
        "Trigger Rule": "all_success waits for tasks that the run has not: old"
    }
    with pytest.raises(TaskInstanceNotFound, match="Task old instance for date 2025-01-01"):
        why_task(world.engine, run.dag_id, run.execution_date, "old")


def test_a_limit_that_nobody_has_reached_for_is_named_as_one() -> None:
    dag = ScriptedDag([Shape("a"), Shape("b")], max_active_tasks=1)
    world = world_of(dag, 1)
    run = start(world, dag)
    found = {check.name: check for check in why_task(world.engine, run.dag_id, run.execution_date, "a")}
    assert found["Concurrency"].passed
    assert found["Concurrency"].reason.endswith("(max_active_tasks): nobody has asked yet")


def test_an_instance_of_a_mapped_task_waits_for_what_is_before_it() -> None:
    group = MappedGroup(group_id="g", length=Literal(count=2))
    world, run = begun(
        Shape("slow", mode="reschedule", pokes=1, poke_interval=3600.0),
        Shape("each", ("slow",), expansion=Expansion(own=OutputOf(task_id="slow"))),
        Shape("g.a", expansion=Expansion(groups=(group,)), mode="reschedule", pokes=1, poke_interval=3600.0),
        Shape("g.b", ("g.a",), expansion=Expansion(groups=(group,))),
    )
    date = run.execution_date
    waits = failed(why_task(world.engine, "scripted", date, "each"))
    assert waits["Trigger Rule"] == "all_success waits for upstream tasks to end: slow"
    waits = failed(why_task(world.engine, "scripted", date, "g.b", 1))
    assert waits["Trigger Rule"] == "all_success waits for upstream tasks to end: g.a"
    assert why_run(world.engine, "scripted", date)[-1].reason == (
        "up_for_reschedule: slow, g.a[0], g.a[1]; not started: each, g.b[0], g.b[1]"
    )
    with pytest.raises(TaskInstanceNotFound, match=re.escape("Task g.b[2] instance for date")):
        why_task(world.engine, "scripted", date, "g.b", 2)
