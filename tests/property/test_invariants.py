"""The invariants of the protocol, each on its own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import DagRunAlreadyExists, StoreUnavailable
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RescueRun, RunTask
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.tasks.advance import PORTION
from chalicelib.engine.upkeep import sweep
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may, assert_ended_as_usual
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    assert_nothing_is_held,
    deliver_until_the_fault_has_come,
    disturb,
    final_states,
    item_state,
    run_state,
    shapes,
    start,
    world_of,
)

CHAIN = [Shape("a"), Shape("b", ("a",)), Shape("c", ("b",))]


# -- I1: a run exists once ---------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["x", "y", None]), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_a_run_exists_once_per_date_and_once_per_run_id(wishes: list[tuple[int, str | None, bool]]) -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    dates: set[int] = set()
    run_ids: set[str] = set()
    for day, run_id, reply_lost in wishes:
        date = datetime(2025, 1, 1 + day, tzinfo=UTC)
        expected_id = run_id or f"manual__{date.isoformat()}"
        request = RunRequest(dag_id=dag.dag_id, execution_date=date, run_id=run_id, triggered_by="test")
        is_new = day not in dates and expected_id not in run_ids
        if reply_lost:
            world.faults.arm(2, StoreUnavailable, takes_effect=True)  # the transaction's reply
        try:
            create_run(world.engine, request)
        except DagRunAlreadyExists:
            assert not is_new
        except StoreUnavailable:
            assert reply_lost
        world.faults.disarm()
        if is_new:
            dates.add(day)
            run_ids.add(expected_id)
        assert {run.run_id for run in world.store.dag_runs.list(dag.dag_id)} == run_ids


# -- I2: one live lease, fenced ----------------------------------------------------------------------


def test_a_worker_whose_lease_has_passed_on_changes_nothing() -> None:
    dag = ScriptedDag([Shape("slow", retries=1), Shape("next", ("slow",))])
    world = world_of(dag, 1)
    run = start(world, dag)
    inner_tries: list[int] = []

    def outlive_the_lease(request: TryRequest) -> None:
        inner_tries.append(request.try_number)
        if request.task_id == "slow" and request.try_number == 1:
            world.advance(LEASE + timedelta(minutes=2))
            world.tick()
            world.drain()  # the sweep gives the lease up, the second try runs meanwhile
            assert item_state(world, run, "slow") is TaskInstanceState.SUCCESS

    world.stall = outlive_the_lease
    world.drain()
    world.settle(dag.dag_id)
    slow = world.store.task_instances.get(run.run_uid, task_key("slow"))
    assert slow is not None
    assert slow.try_number == 2
    assert world.tries.count(("next", 1)) == 1
    assert run_state(world, dag) is DagRunState.SUCCESS
    assert_nothing_is_held(world)


def test_a_duplicate_of_a_running_try_has_no_effect() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    start(world, dag)

    def deliver_again(request: TryRequest) -> None:
        for message in list(world.queue.sent):
            if isinstance(message, RunTask) and message.task_id == request.task_id:
                sent_before = len(world.queue.sent)
                world.handle(message)
                assert len(world.queue.sent) == sent_before

    world.stall = deliver_again
    world.drain()
    assert world.tries == [("a", 1), ("b", 1), ("c", 1)]


# -- I3: pools ---------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(5, 40), st.integers())
def test_a_pool_never_gives_out_more_than_it_has_under_faults(
    widths: list[int], slots: int, seed: int
) -> None:
    made = [
        Shape(f"t{number}", pool="narrow", pool_slots=width, retries=100)
        for number, width in enumerate(widths)
    ]
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    save_pool(world.engine, name="narrow", slots=slots, description=None)
    running: list[int] = []

    def count_slots(_: TryRequest) -> None:
        by_key = dict(zip(dag.graph.tasks, widths, strict=True))
        run = world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE)
        assert run is not None
        running.append(sum(by_key[key.split("#")[0]] for key in world.running(run.run_uid)))
        assert running[-1] <= slots

    world.stall = count_slots
    run = start(world, dag)
    disturb(world, steps=60)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


def test_a_task_wider_than_its_pool_waits_and_goes_when_the_pool_is_enlarged() -> None:
    dag = ScriptedDag([Shape("wide", pool="small", pool_slots=20)])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    assert item_state(world, run, "wide") is TaskInstanceState.SCHEDULED
    item = world.store.task_instances.get(run.run_uid, task_key("wide"))
    assert item is not None
    assert item.reason == "waits for 20 slots of pool small, which has 3"
    assert run_state(world, dag) is DagRunState.RUNNING
    save_pool(world.engine, name="small", slots=20, description=None)
    world.drain()
    assert run_state(world, dag) is DagRunState.SUCCESS


def test_the_waiting_task_of_the_highest_priority_gets_the_next_slot() -> None:
    dag = ScriptedDag([Shape(f"t{weight}", pool="one", priority_weight=weight) for weight in (1, 5, 3)])
    world = world_of(dag, 1)
    save_pool(world.engine, name="one", slots=1, description=None)
    start(world, dag)
    world.drain()
    assert [task_id for task_id, _ in world.tries] == ["t5", "t3", "t1"]


def test_a_task_of_an_unknown_pool_waits_until_somebody_makes_the_pool() -> None:
    dag = ScriptedDag([Shape("lost", pool="nowhere")])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    assert item_state(world, run, "lost") is TaskInstanceState.SCHEDULED
    save_pool(world.engine, name="nowhere", slots=1, description=None)
    world.drain()
    assert run_state(world, dag) is DagRunState.SUCCESS


# -- I4: nothing waits for ever ----------------------------------------------------------------------


@given(shapes(), st.integers())
def test_pausing_stops_new_tasks_and_unpausing_goes_on(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(world.choose.randrange(6)):
        visible = world.queue.visible()
        if visible:
            world.deliver(world.choose.choice(visible))
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    tries_before = list(world.tries)
    for _ in range(3):
        world.drain()
        world.advance(timedelta(minutes=2))
        world.tick()
    assert world.tries == tries_before
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, run)
    assert_nothing_is_held(world)


def test_a_run_ahead_of_now_starts_when_its_time_has_come() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    tomorrow = world.clock.now + timedelta(days=1)
    create_run(world.engine, RunRequest(dag_id=dag.dag_id, execution_date=tomorrow, triggered_by="test"))
    world.drain()
    world.advance(timedelta(hours=23))
    world.tick()
    world.drain()
    run = world.store.dag_runs.get(dag.dag_id, tomorrow)
    assert run is not None
    assert run.state is DagRunState.QUEUED
    world.advance(timedelta(hours=1))
    world.tick()
    world.drain()
    run = world.store.dag_runs.get(dag.dag_id, tomorrow)
    assert run is not None
    assert run.state is DagRunState.SUCCESS


def test_a_tick_that_cannot_read_the_pools_looks_after_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.queue.waiting.clear()  # all of it is lost

    def throttled() -> None:
        raise StoreUnavailable("throttled")

    monkeypatch.setattr(world.store.pools, "all_shards", throttled)
    world.advance(timedelta(minutes=10))
    world.tick()
    sent = world.queue.sent[-1]
    assert sent == RescueRun(dag_id=dag.dag_id, execution_date=run.execution_date)


def test_a_long_queue_is_not_flooded_with_repeated_messages() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    start(world, dag)
    world.deliver(world.queue.visible()[0])
    for _ in range(6 * 60):  # nobody takes tasks for six hours
        world.advance(timedelta(minutes=1))
        world.tick()
        for entry in world.queue.visible():
            if "run_task" not in entry.message:
                world.deliver(entry)
    assert sum(isinstance(message, RunTask) for message in world.queue.sent) < 14


# -- I5 and I6: duplicates and crashes ---------------------------------------------------------------


@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(40))
def test_a_handler_that_dies_at_any_call_is_made_good_by_redelivery(
    error: type[BaseException], takes_effect: bool, call: int
) -> None:
    """A crash in each place once, on a graph with a fork, a join, a skip and a failure."""
    made = [
        Shape("fork", behaviour="branch", follow=("left",), retries=9),
        Shape("left", ("fork",), retries=9),
        Shape("right", ("fork",)),
        Shape("join", ("left", "right"), rule="none_failed", retries=9),
        Shape("bad", ("join",), behaviour="fail for good"),
        Shape("end", ("bad", "join"), rule="all_done", retries=9),
    ]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.faults.arm(call, error, takes_effect=takes_effect)
    deliver_until_the_fault_has_come(world)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


@given(shapes(), st.integers())
def test_every_message_may_come_again_after_the_end(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    tries = list(world.tries)
    for message in list(world.queue.sent):
        world.handle(message)
    world.settle(dag.dag_id)
    assert world.tries == tries
    assert_ended_as_airflow_may(world, dag, run)
    assert_nothing_is_held(world)


# -- wide joins --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [BUCKET_SIZE, BUCKET_SIZE + 1, 3 * BUCKET_SIZE])
@pytest.mark.parametrize("rule", ["all_success", "one_failed", "one_success", "all_done"])
@pytest.mark.parametrize("faulty", [False, True])
def test_a_wide_fan_in_is_started_exactly_once(width: int, rule: str, faulty: bool) -> None:
    names = [f"t{number:03d}" for number in range(width)]
    made = [Shape(name, behaviour="fail for good" if name == "t007" else "ok", retries=9) for name in names]
    dag = ScriptedDag([*made, Shape("join", tuple(names), rule=rule)])
    world = world_of(dag, 7)
    run = start(world, dag)
    while visible := world.queue.visible():
        if faulty and world.choose.random() < 0.1:
            world.faults.arm(world.choose.randrange(8), Killed, takes_effect=world.choose.random() < 0.5)
        world.deliver(world.choose.choice(visible))
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert world.tries.count(("join", 1)) == (item_state(world, run, "join") is TaskInstanceState.SUCCESS)
    if not faulty:
        started = [m for m in world.queue.sent if isinstance(m, RunTask) and m.task_id == "join"]
        assert len(started) <= 1


def test_a_long_cascade_goes_on_by_message() -> None:
    made = [Shape("t0", behaviour="fail for good")]
    made += [Shape(f"t{number}", (f"t{number - 1}",)) for number in range(1, 1000)]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    states = final_states(world, dag, run)
    assert (states.pop("t0"), {*states.values()}) == ("failed", {"upstream_failed"})
    assert run_state(world, dag) is DagRunState.FAILED


@pytest.mark.parametrize("dies_at", [None, 1, 300, 3 * PORTION])
def test_very_many_first_tasks_are_opened_in_portions(dies_at: int | None) -> None:
    count = 2 * PORTION + 3
    dag = ScriptedDag([Shape(f"t{number}", pool="unlimited") for number in range(count)])
    world = world_of(dag, 1)
    world.drain()
    run = start(world, dag)
    world.deliver(world.queue.visible()[0])
    assert len(list(world.store.task_instances.list(run.run_uid))) == PORTION
    if dies_at is not None:
        world.faults.arm(dies_at, Killed, takes_effect=True)
    while opening := [entry for entry in world.queue.visible() if "open_tasks" in entry.message]:
        world.deliver(opening[0], keep_faults=True)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert len(world.tries) == count
    assert_nothing_is_held(world)


# -- the server stops --------------------------------------------------------------------------------


def test_a_stopped_server_costs_no_retries_and_loses_no_run() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    run = start(world, dag)

    def stop_the_server(request: TryRequest) -> None:
        if request.try_number == 1 and request.task_id == "b":
            raise Killed("server")

    world.stall = stop_the_server
    world.drain()
    assert item_state(world, run, "b") is TaskInstanceState.RUNNING
    world.queue.waiting.clear()
    sweep.resume(world.engine)
    assert isinstance(world.queue.sent[-1], RescueRun)
    world.drain()
    assert run_state(world, dag) is DagRunState.SUCCESS
    tries = list(world.store.task_instances.finished_tries(run.run_uid, "b", -1))
    assert [(record.try_number, record.reason) for record in tries] == [
        (1, "the server stopped while the task ran")
    ]
