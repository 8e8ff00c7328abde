"""Interleavings and faults that once broke an invariant, each played step by step."""

import random
from datetime import timedelta

import pytest

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import FollowTask, RunTask
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.slots.pools import Parts, held_parts, plan_take
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import holder_name, task_key
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.slots.pools import save_pool
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_usual
from tests.scripted.failures import let_fail
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    item_state,
    message,
    start,
    world_of,
)

LAYERS, WIDTH = 6, 20


def test_a_duplicate_in_a_dense_graph_sends_few_messages() -> None:
    """A failed task, then layers of tasks that all follow all of the layer before; another task runs."""
    made = [Shape("root", behaviour="fail for good"), Shape("other", behaviour="ok")]
    before: tuple[str, ...] = ("root",)
    for layer in range(LAYERS):
        names = tuple(f"t{layer}_{number}" for number in range(WIDTH))
        made += [Shape(name, before) for name in names]
        before = names
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    start(world, dag)
    world.deliver(message(world, "start_run"))
    roots = [m for m in world.queue.sent if isinstance(m, RunTask) and m.task_id == "root"]
    world.handle(roots[0])
    sent = len(world.queue.sent)
    world.handle(roots[0])
    more = [m for m in world.queue.sent[sent:] if isinstance(m, FollowTask)]
    assert len(more) <= WIDTH, f"one duplicate sent {len(more)} messages"


def test_a_dense_cascade_longer_than_the_limit_takes_few_messages() -> None:
    made = [Shape("root", behaviour="fail for good"), Shape("other", behaviour="ok")]
    before: tuple[str, ...] = ("root",)
    for layer in range(30):
        names = tuple(f"t{layer}_{number}" for number in range(10))
        made += [Shape(name, before) for name in names]
        before = names
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    for _ in range(3000):
        visible = [entry for entry in world.queue.visible() if '"task_id": "other"' not in entry.message]
        if not visible:
            break
        world.deliver(visible[0])
    follows = [m for m in world.queue.sent if isinstance(m, FollowTask)]
    assert len(follows) <= 100, f"{len(follows)} messages, and no end in sight"
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


def crowd_of_two(pool_slots: int = 1) -> tuple[Crowd, ScriptedDag]:
    dag = ScriptedDag([Shape("a", pool="narrow", pool_slots=pool_slots, retries=3)])
    world = world_of(dag, 1)
    save_pool(world.engine, name="narrow", slots=pool_slots, description=None)
    crowd = Crowd(world, dag.graph)
    return crowd, dag


def test_holding_a_task_back_does_not_take_away_the_slots_it_got_by_being_unpaused() -> None:
    crowd, dag = crowd_of_two()
    world = crowd.world
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    worker = crowd.begin(message(world, "run_task"))
    item = None
    while item is None or item.state is not TaskInstanceState.SCHEDULED:
        if worker.is_over:
            break
        crowd.go_on(worker)  # up to the write that holds the task back
        item = world.store.task_instances.get(run.run_uid, task_key("a"))
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.deliver(message(world, "dag_unpaused"))
    world.deliver(message(world, "rescue_run"))
    crowd.finish()
    crowd.check_slots()


def test_a_wide_task_that_was_half_held_back_does_not_go_on_with_half_of_its_slots() -> None:
    crowd, dag = crowd_of_two(pool_slots=20)
    world = crowd.world
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    give = world.store.pools.give

    def give_one_part(name: str, holder: str, parts: Parts) -> bool:
        give(name, holder, parts[:1])
        raise Killed("between two parts: DynamoDB gives them one by one")

    world.store.pools.give = give_one_part  # type: ignore[method-assign]  # a fault of this call
    world.deliver(message(world, "run_task"))
    world.store.pools.give = give  # type: ignore[method-assign]  # and it is over
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.deliver(message(world, "dag_unpaused"))
    world.deliver(message(world, "rescue_run"))
    item = world.store.task_instances.get(run.run_uid, task_key("a"))
    assert item is not None
    if item.state is TaskInstanceState.QUEUED:
        assert sum(slots for _, slots in item.pool_parts) == 20


@pytest.mark.parametrize("seed", range(20))
def test_a_handler_that_frees_a_stale_holding_leaves_alone_what_another_took_anew(seed: int) -> None:
    crowd, dag = crowd_of_two()
    world = crowd.world
    start(world, dag)
    entry = message(world, "start_run")
    starter = crowd.begin(entry)
    while not any(shard.holders for shard in world.store.pools.shards("narrow")):
        crowd.go_on(starter)
    crowd.go_on(starter, Killed("after it took the slot"))
    world.advance(timedelta(minutes=6))
    handlers = [crowd.begin(entry), crowd.begin(entry)]
    choose = random.Random(seed)
    while alive := [handler for handler in handlers if not handler.is_over]:
        crowd.go_on(choose.choice(alive))


@pytest.mark.parametrize("pool_slots", [1, 20])
def test_a_first_start_does_not_rely_on_slots_that_are_about_to_be_dropped(pool_slots: int) -> None:
    """A handler that took them died; the audit has read them by the time another one starts the try."""
    dag = ScriptedDag([Shape("a", pool="narrow", pool_slots=pool_slots)])
    world = world_of(dag, 1)
    save_pool(world.engine, name="narrow", slots=pool_slots, description=None)
    run = start(world, dag)
    holder = holder_name(run.run_uid, task_key("a"), 1)
    parts = plan_take(world.store.pools.shards("narrow"), pool_slots)
    assert parts is not None
    world.store.pools.take("narrow", holder, parts, world.clock.now)
    world.advance(timedelta(hours=1))
    read_by_the_audit = world.store.pools.shards("narrow")
    pool = world.store.pools.get("narrow")
    assert pool is not None
    world.engine.pools_seen["narrow"] = pool  # by an earlier task
    world.deliver(message(world, "start_run"))
    assert item_state(world, run, "a") is TaskInstanceState.QUEUED
    for shard in read_by_the_audit:
        world.store.pools.drop_holder(shard, holder)
    assert held_parts(world.store.pools.shards("narrow"), holder) == parts
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


def test_a_task_whose_lineage_could_not_be_kept_has_run_all_the_same() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)

    def script(_: TryRequest) -> TryOutcome:
        return TryOutcome(result=TryResult.SUCCESS, outlets=("{}",))

    world.script = script

    let_fail(world.store.lineage.save, StoreUnavailable("throttled"))
    run = start(world, dag)
    world.settle(dag.dag_id)
    assert len(world.tries) == 1
    ended = world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE)
    assert ended is not None
    assert ended.state is DagRunState.SUCCESS
    assert run is not None


@pytest.mark.parametrize("is_claimed", [False, True])
def test_slots_of_a_deleted_dag_are_free_again_when_its_message_or_worker_was_lost(is_claimed: bool) -> None:
    crowd, dag = crowd_of_two()
    world = crowd.world
    start(world, dag)
    world.deliver(message(world, "start_run"))
    if is_claimed:
        worker = crowd.begin(message(world, "run_task"))
        crowd.go_on(worker)
        crowd.go_on(worker, Killed("worker"))
    world.queue.waiting.clear()  # lost, or put aside with the dead letters
    world.store.dags.mark_deleted(dag.dag_id)
    for _ in range(24 * 60):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert [shard.holders for shard in world.store.pools.shards("narrow") if shard.holders] == []


def test_a_run_that_could_not_be_announced_becomes_its_dags_latest_run() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    world.faults.arm(3, StoreUnavailable, takes_effect=False)  # after get, keep and create: send
    run = start(world, dag)
    world.faults.disarm()
    world.settle(dag.dag_id)
    known = world.store.dags.get(dag.dag_id)
    assert known is not None
    assert known.latest_run is not None
    assert known.latest_run.run_uid == run.run_uid


def test_a_lost_message_is_made_good_in_time_although_another_task_waits_a_day_for_its_retry() -> None:
    made = [Shape("slow", behaviour="flaky", retries=1, retry_delay=86_400.0), Shape("a"), Shape("b", ("a",))]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    world.deliver(message(world, '"slow"'))
    crowd = Crowd(world, dag.graph)
    entry = message(world, '"a"')
    worker = crowd.begin(entry)
    while item_state(world, run, "a") is not TaskInstanceState.SUCCESS:
        crowd.go_on(worker)
    crowd.go_on(worker, Killed("before it told b"))
    world.queue.waiting.remove(entry)
    world.advance(timedelta(minutes=1))
    world.tick()
    world.deliver(message(world, "rescue_run"))  # starts b
    world.queue.waiting.remove(message(world, '"b"'))
    for _ in range(60):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert item_state(world, run, "b") is TaskInstanceState.SUCCESS


def test_a_successor_opened_again_after_a_crash_holds_its_slots_once() -> None:
    dag = ScriptedDag([Shape("a", pool="big", retries=3), Shape("b", ("a",), pool="big", retries=3)])
    world = world_of(dag, 1)
    save_pool(world.engine, name="big", slots=160, description=None)
    crowd = Crowd(world, dag.graph)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    world.engine.store.pools.get("big")
    entry = message(world, "run_task")
    worker = crowd.begin(entry)
    holder = f"{run.run_uid}/b#-1/1"
    while not any(holder in shard.holders for shard in world.store.pools.shards("big")):
        crowd.go_on(worker)
    crowd.go_on(worker, Killed("after the hand-over"))
    world.advance(LEASE + timedelta(minutes=1))
    world.deliver(entry)
    holding = [shard for shard in world.store.pools.shards("big") if holder in shard.holders]
    assert sum(shard.holders[holder].slots for shard in holding) == 1


def test_a_task_that_is_held_back_while_its_dag_is_unpaused_goes_on_soon() -> None:
    crowd, dag = crowd_of_two()
    world = crowd.world
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    worker = crowd.begin(message(world, "run_task"))
    while not crowd.world.running(run.run_uid):
        crowd.go_on(worker)
    crowd.go_on(worker)  # it reads that the DAG is paused
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    for _ in range(4):
        for entry in world.queue.visible():
            if "run_task" not in entry.message:
                world.deliver(entry)
    crowd.finish()
    for _ in range(6):
        world.drain()
        world.advance(timedelta(minutes=1))
        world.tick()
    item = world.store.task_instances.get(run.run_uid, task_key("a"))
    assert item is not None
    assert item.state is TaskInstanceState.SUCCESS


def test_a_start_that_was_overtaken_by_another_that_was_held_back_does_not_go_on_without_slots() -> None:
    crowd, dag = crowd_of_two()
    world = crowd.world
    save_pool(world.engine, name="narrow", slots=0, description=None)
    run = start(world, dag)
    world.drain()
    assert item_state(world, run, "a") is TaskInstanceState.SCHEDULED
    save_pool(world.engine, name="narrow", slots=1, description=None)
    entry = message(world, "wake_pool")
    late = crowd.begin(entry)
    while not any(shard.holders for shard in world.store.pools.shards("narrow")):
        crowd.go_on(late)  # it has the slot, and is about to write the try down
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.deliver(message(world, "dag_unpaused"))
    sweep = crowd.begin(message(world, "rescue_run"))
    while not sweep.is_over:
        crowd.go_on(sweep)  # finds the slot taken in its name, starts the try
    assert item_state(world, run, "a") is TaskInstanceState.QUEUED
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    worker = crowd.begin(message(world, "run_task"))
    while not worker.is_over:
        crowd.go_on(worker)
    assert item_state(world, run, "a") is TaskInstanceState.SCHEDULED
    while not late.is_over:
        crowd.go_on(late)
    crowd.check_slots()


def test_a_start_that_was_refused_does_not_take_away_the_slots_by_which_another_started_the_try() -> None:
    crowd, dag = crowd_of_two()
    world = crowd.world
    save_pool(world.engine, name="narrow", slots=0, description=None)
    run = start(world, dag)
    world.drain()
    save_pool(world.engine, name="narrow", slots=1, description=None)
    late = crowd.begin(message(world, "wake_pool"))
    while not any(shard.holders for shard in world.store.pools.shards("narrow")):
        crowd.go_on(late)
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.deliver(message(world, "dag_unpaused"))
    world.deliver(message(world, "rescue_run"))
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    world.deliver(message(world, "run_task"))  # is held back
    assert item_state(world, run, "a") is TaskInstanceState.SCHEDULED
    crowd.go_on(late)  # its write is refused
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.deliver(message(world, "dag_unpaused"))
    world.deliver(message(world, "rescue_run"))
    assert item_state(world, run, "a") is TaskInstanceState.QUEUED
    while not late.is_over:
        crowd.go_on(late)
    crowd.settle()
    assert item_state(world, run, "a") is TaskInstanceState.SUCCESS


def test_a_sweep_that_times_out_over_many_waiting_tasks_still_finds_a_lost_worker() -> None:
    """Scaled down: a scheduler makes some 12,000 requests in 60 s; each waiting task costs it 14."""
    waiting = [Shape(f"t{number}", pool="closed") for number in range(60)]
    dag = ScriptedDag([*waiting, Shape("last", retries=1)])
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    crowd = Crowd(world, dag.graph)
    entry = message(world, "run_task")
    worker = crowd.begin(entry)
    while not crowd.at_work:
        crowd.go_on(worker)
    crowd.go_on(worker, Killed("worker"))
    world.queue.waiting.remove(entry)
    for _ in range(120):
        world.advance(timedelta(minutes=1))
        world.tick()
        for visible in world.queue.visible():
            if "rescue_run" in visible.message:
                world.faults.arm(200, Killed, takes_effect=False)
            world.deliver(visible)
    assert item_state(world, run, "last") is TaskInstanceState.SUCCESS
