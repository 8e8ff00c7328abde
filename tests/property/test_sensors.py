"""Sensors between their pokes: nothing runs, nothing is lost, nothing pokes twice; time is virtual."""

from datetime import timedelta

import pytest

from chalicelib.domain.errors import StoreUnavailable, TaskInstancesRunning
from chalicelib.domain.messages import PokeTask, RunTask
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.upkeep import sweep
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE, World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_usual
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    message,
    run_state,
    start,
    world_of,
)
from tests.scripted.world import ScriptedWorld

MODES = pytest.mark.parametrize("mode", ["poke", "reschedule"])


def waiting_world(
    mode: str, *, interval: float = 300.0, pokes: int = 3, retries: int = 0, slots: int = 1
) -> tuple[ScriptedWorld, ScriptedDag, DagRun]:
    """A sensor that has poked once, in a pool of its own, and a task after it."""
    sensor = Shape("wait", mode=mode, pokes=pokes, poke_interval=interval, pool="own", retries=retries)
    dag = ScriptedDag([sensor, Shape("next", ("wait",))])
    world = world_of(dag, 1)
    save_pool(world.engine, name="own", slots=slots, description=None)
    run = start(world, dag)
    world.drain()
    return world, dag, run


def sensor_of(world: World, run: DagRun) -> TaskInstance:
    item = world.store.task_instances.get(run.run_uid, task_key("wait"))
    assert item is not None
    return item


def holders(world: World) -> set[str]:
    return {holder for shard in world.store.pools.shards("own") for holder in shard.holders}


def minutes(world: World, count: int, *, ticks: bool = True) -> None:
    for _ in range(count):
        world.advance(timedelta(minutes=1))
        if ticks:
            world.tick()
        world.drain()


def test_a_sensor_in_mode_poke_shows_as_running_and_keeps_its_slots() -> None:
    world, dag, run = waiting_world("poke")
    item = sensor_of(world, run)
    assert (item.state, item.try_number, item.pokes) == (TaskInstanceState.RUNNING, 1, 1)
    assert item.reason is not None
    assert item.reason.startswith("pokes again at 2026-01-01T00:05")
    assert holders(world) == {item.holder}
    minutes(world, 14)
    assert holders(world) == {item.holder}, "the audit of pools leaves it alone"
    world.settle(dag.dag_id)
    ended = sensor_of(world, run)
    assert (ended.try_number, ended.start_date) == (1, item.start_date)
    assert ended.duration == 900.0
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


def test_a_sensor_in_mode_reschedule_gives_its_slots_back() -> None:
    world, dag, run = waiting_world("reschedule")
    item = sensor_of(world, run)
    assert (item.state, item.try_number) == (TaskInstanceState.UP_FOR_RESCHEDULE, 1)
    assert holders(world) == set()
    world.settle(dag.dag_id)
    ended = sensor_of(world, run)
    assert (ended.try_number, ended.pokes, ended.reschedules) == (1, 3, 3)
    assert ended.start_date is not None
    assert item.start_date is not None
    assert ended.start_date - item.start_date == timedelta(minutes=15), (
        "it shows the last poke, as in Airflow"
    )
    assert ended.first_poke_at == item.start_date
    assert not list(world.store.task_instances.finished_tries(run.run_uid, "wait", -1))
    assert_ended_as_usual(world, dag, run)


def test_another_task_takes_the_slots_that_a_rescheduled_sensor_gave_back() -> None:
    sensor = Shape("wait", mode="reschedule", pokes=2, poke_interval=300, pool="own", priority_weight=9)
    other = Shape("other", pool="own")
    dag = ScriptedDag([sensor, other])
    world = world_of(dag, 1)
    save_pool(world.engine, name="own", slots=1, description=None)
    run = start(world, dag)
    world.drain()
    assert world.tries == [("wait", 1), ("other", 1)]
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


@MODES
@pytest.mark.parametrize("interval", [60.0, 900.0, 901.0, 6 * 3600.0])
def test_pokes_come_in_time_without_a_tick_however_long_the_wait(mode: str, interval: float) -> None:
    world, dag, run = waiting_world(mode, interval=interval, pokes=1)
    minutes(world, int(interval // 60), ticks=False)
    world.advance(timedelta(seconds=2))
    world.drain()
    assert run_state(world, dag) is DagRunState.SUCCESS
    assert_ended_as_usual(world, dag, run)


@MODES
def test_a_lost_message_of_a_poke_is_made_good_by_the_sweep(mode: str) -> None:
    world, dag, run = waiting_world(mode)
    for _ in range(3):
        world.queue.waiting.clear()
        minutes(world, 8)
    world.settle(dag.dag_id)
    assert sensor_of(world, run).try_number == 1
    assert_ended_as_usual(world, dag, run)


@MODES
def test_duplicates_do_not_poke_twice_and_do_not_multiply(mode: str) -> None:
    world, dag, run = waiting_world(mode, interval=3600.0, pokes=20)
    for _ in range(20):
        world.advance(timedelta(minutes=60, seconds=1))
        for entry in list(world.queue.waiting):
            for _ in range(3):
                world.deliver(entry, keep=True)
        world.drain()
    kinds = [kind for kind in world.queue.sent if isinstance(kind, RunTask | PokeTask)]
    assert len(kinds) < 20 * 16, "each message came thrice; they would be 3**20"
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)  # and the world asserts that no poke came twice


@MODES
def test_late_messages_of_earlier_pokes_change_nothing(mode: str) -> None:
    world, dag, run = waiting_world(mode)
    minutes(world, 6)
    before = sensor_of(world, run)
    assert before.pokes == 2
    world.advance(timedelta(seconds=60))
    for sent in list(world.queue.sent):
        if isinstance(sent, RunTask | PokeTask) and sent.pokes < before.pokes:
            world.handle(sent)
    assert sensor_of(world, run) == before
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


@MODES
@pytest.mark.parametrize("calls", range(12))
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
def test_a_poke_survives_a_crash_at_any_call(
    mode: str, calls: int, takes_effect: bool, error: type[BaseException]
) -> None:
    world, dag, run = waiting_world(mode, retries=3)
    world.advance(timedelta(minutes=5))
    for _ in range(2):
        for entry in world.queue.visible():
            world.faults.arm(calls, error, takes_effect=takes_effect)
            world.deliver(entry)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


def test_the_timeout_goes_on_from_try_to_try_in_mode_reschedule_only() -> None:
    for mode, is_kept in (("poke", False), ("reschedule", True)):
        world, dag, run = waiting_world(mode, retries=1, interval=60, pokes=2)
        first = sensor_of(world, run).start_date
        fails = [True]

        def fail_once(request: TryRequest, dag: ScriptedDag = dag, fails: list[bool] = fails) -> TryOutcome:
            if request.task_id == "wait" and fails and fails.pop():
                return TryOutcome(result=TryResult.FAILED)
            return dag.script(request)

        world.script = fail_once
        minutes(world, 3)
        again = sensor_of(world, run)
        assert (again.try_number, again.pokes) == (2, 2)
        assert (again.first_poke_at == first) is is_kept
        world.settle(dag.dag_id)


def test_a_sensor_in_mode_poke_goes_on_in_a_paused_dag_and_one_in_mode_reschedule_waits() -> None:
    for mode, pokes in (("poke", 3), ("reschedule", 1)):
        world, dag, run = waiting_world(mode, pokes=9)
        set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
        minutes(world, 12)
        assert sensor_of(world, run).pokes == pokes
        set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
        world.settle(dag.dag_id)
        assert sensor_of(world, run).try_number == 1
        assert_ended_as_usual(world, dag, run)


@MODES
def test_a_sleeping_sensor_is_not_interrupted_by_a_stop_of_the_server(mode: str) -> None:
    world, dag, run = waiting_world(mode)
    world.advance(timedelta(minutes=1))
    sweep.resume(world.engine)
    world.settle(dag.dag_id)
    assert sensor_of(world, run).try_number == 1
    assert_ended_as_usual(world, dag, run)


def test_a_dag_with_a_sleeping_sensor_cannot_be_deleted_as_its_task_runs() -> None:
    world, dag, _ = waiting_world("poke")
    with pytest.raises(TaskInstancesRunning):
        delete_dag(world.engine, dag.dag_id)
    world, dag, _ = waiting_world("reschedule")
    delete_dag(world.engine, dag.dag_id)
    minutes(world, 60)
    assert holders(world) == set()


@MODES
def test_a_sleeping_sensor_ends_with_its_run(mode: str) -> None:
    sensor = Shape("wait", mode=mode, pokes=99, poke_interval=300, pool="own")
    dag = ScriptedDag([sensor, Shape("next", ("wait",))], dagrun_timeout=timedelta(hours=1))
    world = world_of(dag, 1)
    save_pool(world.engine, name="own", slots=1, description=None)
    run = start(world, dag)
    minutes(world, 70)
    assert run_state(world, dag) is DagRunState.FAILED
    assert sensor_of(world, run).state is TaskInstanceState.SKIPPED
    assert holders(world) == set()
    pokes = len(world.pokes)
    minutes(world, 30)
    assert len(world.pokes) == pokes
    assert not world.queue.waiting


@pytest.mark.parametrize("retries", [0, 1])
def test_a_poke_whose_worker_dies_costs_a_try(retries: int) -> None:
    world, dag, run = waiting_world("poke", retries=retries)
    entry = message(world, "run_task")
    world.advance(timedelta(minutes=5))
    world.faults.arm(3, Killed, takes_effect=False)  # after claim, DAG and conf: before its end is written
    world.deliver(entry)
    world.queue.waiting.remove(entry)
    assert world.pokes[-1][1:] == ("wait", -1, 1, 1)
    minutes(world, LEASE // timedelta(minutes=1) + 3)
    item = sensor_of(world, run)
    expected = (TaskInstanceState.RUNNING, 2) if retries else (TaskInstanceState.FAILED, 1)
    assert (item.state, item.try_number) == expected
    world.settle(dag.dag_id)
