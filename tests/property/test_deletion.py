"""Deleting a DAG at any moment: nothing of its old life shows, nothing resurrects, no slots stay held."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import NoDagToDelete, StoreUnavailable, TaskInstancesRunning
from chalicelib.domain.messages import EraseRun, Outgoing, RunTask
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import sees
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.lookup import get_dag
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.upkeep.deletion import CHECKED_RUNS, PORTION, delete_dag
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE, World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may, assert_ended_as_usual
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    assert_nothing_is_held,
    dag_of,
    message,
    shapes,
    start,
    step_with_faults,
    wait_until_back,
    with_tries_to_spare,
    world_of,
)

CHAIN = [Shape("a"), Shape("b", ("a",)), Shape("c", ("b",))]


def shown_runs(world: World, dag: ScriptedDag) -> list[DagRun]:
    return [run for run in world.store.dag_runs.list(dag.dag_id) if sees(dag_of(world, dag), run)]


def let_an_hour_pass(world: World) -> None:
    for _ in range(60):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()


def assert_nothing_is_left(world: World, run: DagRun) -> None:
    assert [*world.store.task_instances.list(run.run_uid)] == []
    assert [*world.store.lineage.list(run.run_uid)] == []
    assert run.run_uid not in {known.run_uid for known in world.store.dag_runs.list(run.dag_id)}


@given(shapes(), st.integers())
def test_a_dag_deleted_at_any_moment_begins_a_new_life(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    old = start(world, dag)
    for _ in range(world.choose.randrange(40)):
        step_with_faults(world)
    world.faults.disarm()
    while not dag_of(world, dag).is_deleted:
        try:
            delete_dag(world.engine, dag.dag_id)
        except TaskInstancesRunning:  # a worker that died, whose lease ends; a sensor that sleeps
            world.advance(LEASE)
            if any(item.is_asleep for _, item in world.store.task_instances.list(old.run_uid)):
                world.drain()
    for _ in range(world.choose.randrange(40)):
        step_with_faults(world)
        world.check_pools()
    wait_until_back(world, dag)
    assert dag_of(world, dag).generation == 2
    assert dag_of(world, dag).is_paused
    assert shown_runs(world, dag) == []

    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    new = start(world, dag)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, new)
    let_an_hour_pass(world)
    assert_nothing_is_left(world, old)
    assert_nothing_is_held(world)
    assert [*world.store.pools.waiters("small", 10)] == []


@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(40))
def test_an_erasure_that_is_interrupted_at_any_call_goes_on(
    error: type[BaseException], takes_effect: bool, call: int
) -> None:
    dag = ScriptedDag([*CHAIN, Shape("wide", pool="small", pool_slots=9)])
    world = world_of(dag, 1)
    runs = [start(world, dag)]
    for _ in range(3):
        world.deliver(world.queue.visible()[0])
    later = RunRequest(
        dag_id=dag.dag_id, execution_date=EXECUTION_DATE + timedelta(days=1), triggered_by="test"
    )
    runs.append(create_run(world.engine, later))
    delete_dag(world.engine, dag.dag_id)
    world.faults.arm(call, error, takes_effect=takes_effect)
    for _ in range(100):
        if world.queue.visible():
            world.deliver(world.queue.visible()[0], keep_faults=True)
        else:
            world.advance(timedelta(seconds=30))
    world.faults.disarm()
    wait_until_back(world, dag)
    let_an_hour_pass(world)
    for run in runs:
        assert_nothing_is_left(world, run)
    assert_nothing_is_held(world)
    assert [*world.store.pools.waiters("small", 10)] == []


def test_a_dag_is_not_deleted_while_a_task_of_it_runs() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    start(world, dag)
    refused: list[str] = []

    def delete_meanwhile(request: TryRequest) -> None:
        with pytest.raises(TaskInstancesRunning):
            delete_dag(world.engine, dag.dag_id)
        refused.append(request.task_id)

    world.stall = delete_meanwhile
    world.drain()
    assert refused == ["a", "b", "c"]
    assert not get_dag(world.engine, dag.dag_id).is_deleted


def test_what_a_worker_writes_after_the_deletion_is_removed_when_it_is_over() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    run = start(world, dag)

    def delete_behind_its_back(_: TryRequest) -> None:
        world.stall = lambda _: None
        world.store.dags.mark_deleted(dag.dag_id)  # as by one who looked before the task began
        with pytest.raises(NoDagToDelete):
            delete_dag(world.engine, dag.dag_id)
        wait_until_back(world, dag)
        assert [*world.store.task_instances.list(run.run_uid)] != [], "its worker is alive"
        world.store.lineage.save(run.run_uid, "a", -1, ["in"], ["out"])

    world.stall = delete_behind_its_back
    world.drain()
    assert [key for key, _ in world.tries] == ["a"], "what follows does not run"
    let_an_hour_pass(world)
    assert_nothing_is_left(world, run)
    assert_nothing_is_held(world)


@pytest.mark.parametrize("minutes", [1, 16, 29])
def test_what_the_longest_invocation_writes_at_its_end_is_removed_too(minutes: int) -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    delete_dag(world.engine, dag.dag_id)
    wait_until_back(world, dag)
    for _ in range(minutes):
        world.advance(timedelta(minutes=1))
        world.drain()
    world.store.lineage.save(run.run_uid, "a", -1, ["in"], ["out"])
    let_an_hour_pass(world)
    assert_nothing_is_left(world, run)
    assert world.queue.waiting == [], "nobody comes again and again"


def test_many_runs_are_removed_in_portions() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    for day in range(2 * PORTION + 1):
        date = EXECUTION_DATE + timedelta(days=day)
        create_run(world.engine, RunRequest(dag_id=dag.dag_id, execution_date=date, triggered_by="test"))
    world.drain()
    assert delete_dag(world.engine, dag.dag_id) == 1 + CHECKED_RUNS
    world.deliver(world.queue.visible()[0])
    assert len([*world.store.dag_runs.list(dag.dag_id)]) == PORTION + 1
    wait_until_back(world, dag)
    assert [*world.store.dag_runs.list(dag.dag_id)] == []
    assert [*world.store.dag_runs.unfinished(dag.dag_id)] == []
    assert not any(isinstance(message, EraseRun) for message in world.queue.sent)


def test_a_run_that_was_being_triggered_is_removed_in_time() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    before = dag_of(world, dag)
    delete_dag(world.engine, dag.dag_id)
    wait_until_back(world, dag)
    with pytest.MonkeyPatch.context() as patch:  # the DAG was read before the deletion
        patch.setattr(world.store.dags, "get", lambda _: before)
        late = start(world, dag)
    assert shown_runs(world, dag) == []
    let_an_hour_pass(world)
    assert_nothing_is_left(world, late)
    assert world.tries == []


def test_a_dag_that_no_file_defines_any_more_stays_deleted() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    world.store.dags.set_active(dag.dag_id, False)
    delete_dag(world.engine, dag.dag_id)
    let_an_hour_pass(world)
    assert dag_of(world, dag).is_deleted
    with pytest.raises(NoDagToDelete):
        delete_dag(world.engine, dag.dag_id)
    dag.save(world.store)  # a file defines it again, and a sync finds that
    with pytest.raises(NoDagToDelete):
        delete_dag(world.engine, dag.dag_id)
    wait_until_back(world, dag)


@given(shapes(), st.integers())
def test_a_dag_deleted_while_its_handlers_are_at_work_leaves_nothing(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    old = start(world, dag)
    crowd = Crowd(world, dag.graph, faults=world.choose.choice([0.0, 0.05]))
    for _ in range(world.choose.randrange(150)):
        crowd.step()
    world.store.dags.mark_deleted(dag.dag_id)  # as by one who saw no task running the moment before
    with pytest.raises(NoDagToDelete):
        delete_dag(world.engine, dag.dag_id)
    for _ in range(world.choose.randrange(150)):
        crowd.step()
    crowd.finish()
    wait_until_back(world, dag)
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    new = create_run(
        world.engine,
        RunRequest(dag_id=dag.dag_id, execution_date=EXECUTION_DATE, triggered_by="test"),
    )
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, new)
    let_an_hour_pass(world)
    assert_nothing_is_left(world, old)
    assert_nothing_is_held(world)


@pytest.mark.parametrize("calls", range(1, 8))
def test_a_late_duplicate_leaves_nothing_of_a_run_whose_dag_is_deleted_meanwhile(calls: int) -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    assert_ended_as_usual(world, dag, run)
    world.advance(2 * LEASE)
    crowd = Crowd(world, dag.graph)
    last = next(message for message in reversed(world.queue.sent) if isinstance(message, RunTask))
    world.queue.send([Outgoing(message=last)])
    handler = crowd.begin(world.queue.visible()[0])
    for _ in range(calls):
        if not handler.is_over:
            crowd.go_on(handler)
    delete_dag(world.engine, dag.dag_id)
    world.drain()
    crowd.finish()
    assert_nothing_is_left(world, run)
