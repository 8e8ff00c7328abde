"""What the engine tells of itself, for measuring: once each, however often a message comes."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.messages import StartRun
from chalicelib.domain.observations import Observation, PoolUse, RunEnded, TaskEnded, TryStarted
from chalicelib.domain.states import FINAL_STATES
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.queues.messages import decode
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import EXECUTION_DATE, final_states, run_state, shapes, start, world_of
from tests.scripted.world import ScriptedWorld

HOUR = timedelta(hours=1)


def ends(observed: list[Observation]) -> list[tuple[str, int, str]]:
    return [(each.task_id, each.try_number, each.state) for each in observed if isinstance(each, TaskEnded)]


def run_ends(observed: list[Observation]) -> list[str]:
    return [each.state for each in observed if isinstance(each, RunEnded)]


def starts(observed: list[Observation]) -> list[TryStarted]:
    return [each for each in observed if isinstance(each, TryStarted)]


def ticking_world(dag: ScriptedDag, seed: int) -> ScriptedWorld:
    """A world where no two handlers see the same microsecond: by that a write knows its own repetition."""
    world = world_of(dag, seed)

    def now() -> datetime:
        world.advance(timedelta(microseconds=1))
        return world.clock.now

    world.engine = replace(world.engine, now=now)
    return world


def start_tasks(world: World) -> None:
    """Have the run started, and no more."""
    (message,) = (entry for entry in world.queue.visible() if isinstance(decode(entry.message), StartRun))
    world.deliver(message)


def deliver_oddly(world: World, choose: random.Random) -> None:
    """Messages in any order, some of them twice."""
    for _ in range(40):
        visible = world.queue.visible()
        if not visible:
            return
        world.deliver(choose.choice(visible), keep=choose.random() < 0.4)


@given(shapes(), st.integers(0, 10**6))
def test_each_end_is_told_once_although_messages_come_twice_and_in_any_order(
    tasks: list[Shape], seed: int
) -> None:
    dag = ScriptedDag(tasks)
    world = ticking_world(dag, seed)
    run = start(world, dag)
    deliver_oddly(world, world.choose)
    world.settle(dag.dag_id)

    final = {(task, state) for task, _, state in ends(world.observed) if state in FINAL_STATES}
    assert final >= set(final_states(world, dag, run).items())  # an order overwrites what had ended
    assert max(Counter(ends(world.observed)).values()) == 1
    assert run_ends(world.observed) == [run_state(world, dag)]
    assert {(each.task_id, each.try_number) for each in starts(world.observed)} == set(world.tries)


@given(shapes(), st.integers(0, 10**6), st.integers(0, 60), st.booleans())
def test_a_handler_that_dies_has_no_end_told_twice(
    tasks: list[Shape], seed: int, calls: int, takes_effect: bool
) -> None:
    dag = ScriptedDag(tasks)
    world = ticking_world(dag, seed)
    start(world, dag)
    world.faults.arm(calls, Killed, takes_effect=takes_effect)
    for entry in world.queue.visible():
        world.deliver(entry, keep_faults=True)
    world.settle(dag.dag_id)
    assert set(Counter(ends(world.observed)).values()) <= {1}
    assert len(run_ends(world.observed)) <= 1


def test_a_failed_try_is_told_and_then_the_end_of_the_task() -> None:
    dag = ScriptedDag([Shape("a", behaviour="flaky", retries=1), Shape("b", ("a",), is_empty=True)])
    world = world_of(dag, 1)
    start(world, dag)
    world.settle(dag.dag_id)
    assert ends(world.observed) == [("a", 1, "up_for_retry"), ("a", 2, "success"), ("b", 1, "success")]
    assert run_ends(world.observed) == ["success"]


def test_a_start_tells_how_long_its_try_was_queued_and_a_poke_of_a_sensor_that_kept_its_slots_none() -> None:
    dag = ScriptedDag([Shape("sensor", mode="poke", pokes=2)])
    world = world_of(dag, 1)
    run = start(world, dag)
    start_tasks(world)
    world.advance(timedelta(seconds=7))
    world.settle(dag.dag_id)
    (started,) = starts(world.observed)
    assert started.waited == timedelta(seconds=7)
    assert (started.dag_id, started.run_id, started.task_id) == ("scripted", run.run_id, "sensor")
    assert ends(world.observed) == [("sensor", 1, "success")]


def test_a_sensor_that_gives_its_slots_back_is_queued_anew_for_each_poke() -> None:
    dag = ScriptedDag([Shape("sensor", mode="reschedule", pokes=2)])
    world = world_of(dag, 1)
    start(world, dag)
    world.settle(dag.dag_id)
    assert len(starts(world.observed)) == 3
    assert ends(world.observed) == [("sensor", 1, "success")]


def test_a_run_that_is_cancelled_tells_its_end_and_those_of_its_tasks() -> None:
    dag = ScriptedDag([Shape("a"), Shape("b", ("a",))])
    world = ticking_world(dag, 1)
    start(world, dag)
    start_tasks(world)
    for _ in range(2):
        cancel_run(world.engine, dag.dag_id, EXECUTION_DATE)
    world.settle(dag.dag_id)
    assert run_ends(world.observed) == ["failed"]
    assert sorted(ends(world.observed)) == [("a", 1, "skipped"), ("b", 0, "skipped")]


def test_a_tick_tells_the_use_of_each_pool_that_is_in_use_and_of_no_limit() -> None:
    dag = ScriptedDag(
        [Shape("wide", pool_slots=3), Shape("a", pool="small"), Shape("b", pool="small")], max_active_tasks=2
    )
    world = world_of(dag, 1)
    save_pool(world.engine, name="large", slots=40, description="which nobody uses")
    start(world, dag)
    start_tasks(world)
    world.tick()
    used = [(each.pool, each.slots, each.used) for each in world.observed if isinstance(each, PoolUse)]
    assert len(list(world.store.pools.all_shards())) > 4, "there is a limit, too"
    assert used == [("default_pool", 128, 3), ("small", 3, 1)]
