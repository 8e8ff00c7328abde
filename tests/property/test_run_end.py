"""Runs that are ended before their tasks: by their ``dagrun_timeout``, or from outside."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.messages import TimeOutRun
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.runs.reasons import MARKED_FAILED
from chalicelib.domain.runs.timeout import TIMED_OUT
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marking import MarkRequest, mark_run_success, mark_tasks
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.runs.end import fail_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE, World
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    final_states,
    item_state,
    message,
    run_of,
    shapes,
    start,
    start_runs,
    with_tries_to_spare,
    world_of,
)

HOUR = timedelta(hours=1)


def let_time_pass(world: World, time: timedelta) -> None:
    for _ in range(time // timedelta(minutes=1)):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()


def test_a_run_that_takes_too_long_fails_and_what_has_begun_is_skipped() -> None:
    dag = ScriptedDag(
        [
            Shape("done"),
            Shape("late", ("done",), retries=3),
            Shape("next", ("late",)),
            Shape("again", behaviour="fail", retries=5, retry_delay=86_400),
            Shape("waiting", pool="closed"),
        ],
        dagrun_timeout=2 * HOUR,
    )
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    run = start(world, dag)

    def outlive_the_run(request: TryRequest) -> None:
        if (request.task_id, request.try_number) == ("late", 4):
            world.stall = lambda _: None
            let_time_pass(world, HOUR)
        elif request.task_id == "late":
            let_time_pass(world, LEASE + timedelta(minutes=2))

    world.stall = outlive_the_run
    world.settle(dag.dag_id)
    ended = run_of(world, dag)
    assert (ended.state, ended.reason) == (DagRunState.FAILED, TIMED_OUT)
    assert ended.start_date is not None
    assert ended.end_date is not None
    assert 2 * HOUR < ended.end_date - ended.start_date <= 2 * HOUR + timedelta(minutes=1)
    skipped = TaskInstanceState.SKIPPED
    assert final_states(world, dag, run) == {
        "done": TaskInstanceState.SUCCESS,
        "late": skipped,
        "next": None,
        "again": skipped,
        "waiting": skipped,
    }
    assert "next" not in {task_id for task_id, _ in world.tries}
    assert_nothing_is_held(world)
    assert world.store.pools.waiters("closed", 10) == []


def cancel(world: World, run: DagRun) -> None:
    cancel_run(world.engine, run.dag_id, run.execution_date)


def time_out(world: World, run: DagRun) -> None:
    fail_run(world.engine, run, TIMED_OUT)


def clear(world: World, run: DagRun, task_ids: tuple[str, ...] | None) -> None:
    wish = ClearRequest(
        dag_id=run.dag_id, execution_date=run.execution_date, choice=Choice(task_ids=task_ids)
    )
    clear_tasks(world.engine, wish)


def mark_success(world: World, run: DagRun) -> None:
    mark_run_success(world.engine, run.dag_id, run.execution_date)


def mark_the_task(world: World, run: DagRun) -> None:
    wish = MarkRequest(
        dag_id=run.dag_id,
        execution_date=run.execution_date,
        choice=Choice(task_ids=("a",)),
        state=TaskInstanceState.SUCCESS,
    )
    mark_tasks(world.engine, wish)


@pytest.mark.parametrize("end", [cancel, time_out, mark_success, mark_the_task])
@pytest.mark.parametrize("retries", [0, 1])
def test_the_next_run_hears_at_once_what_became_of_the_task_that_it_waits_for(
    end: Callable[[World, DagRun], None], retries: int
) -> None:
    """The first run has failed, or is between two tries, when somebody ends it by hand."""
    task = Shape("a", behaviour="fail", retries=retries, retry_delay=7200, depends_on_past=True)
    dag = ScriptedDag([task])
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    world.drain()
    assert item_state(world, second, "a") is None
    end(world, first)
    world.drain()
    goes_on = item_state(world, first, "a") in (TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED)
    assert (item_state(world, second, "a") is not None) is goes_on


@pytest.mark.parametrize("timeout", [timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=7)])
def test_a_run_times_out_in_time_although_its_message_was_lost(timeout: timedelta) -> None:
    dag = ScriptedDag([Shape("a", pool="closed")], dagrun_timeout=timeout)
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    start(world, dag)
    world.drain()
    world.queue.waiting.clear()
    let_time_pass(world, timeout)
    assert run_of(world, dag).state is DagRunState.RUNNING
    let_time_pass(world, timedelta(minutes=3))
    assert run_of(world, dag).state is DagRunState.FAILED


def test_a_run_of_many_hours_times_out_by_its_message_alone() -> None:
    dag = ScriptedDag([Shape("a", pool="closed")], dagrun_timeout=timedelta(hours=7))
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    start(world, dag)
    world.drain()
    for _ in range(7 * 60):
        world.advance(timedelta(minutes=1))
        world.drain()
    assert run_of(world, dag).state is DagRunState.RUNNING
    world.advance(timedelta(seconds=1))
    world.drain()
    assert run_of(world, dag).state is DagRunState.FAILED
    assert sum(isinstance(message, TimeOutRun) for message in world.queue.sent) <= 7 * 4 + 2


def test_a_paused_dags_run_times_out_when_it_is_unpaused() -> None:
    dag = ScriptedDag([Shape("a", pool="closed")], dagrun_timeout=HOUR)
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    start(world, dag)
    world.drain()
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    let_time_pass(world, 2 * HOUR)
    assert run_of(world, dag).state is DagRunState.RUNNING
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.drain()
    assert run_of(world, dag).state is DagRunState.FAILED


def test_a_run_that_ends_in_time_does_not_time_out() -> None:
    dag = ScriptedDag([Shape("a"), Shape("b", ("a",))], dagrun_timeout=HOUR)
    world = world_of(dag, 1)
    start(world, dag)
    let_time_pass(world, 3 * HOUR)
    assert (run_of(world, dag).state, run_of(world, dag).reason) == (DagRunState.SUCCESS, None)


def test_only_a_run_in_the_named_states_is_failed() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    start(world, dag)
    assert not fail_run(world.engine, run_of(world, dag), MARKED_FAILED)
    both = frozenset({DagRunState.QUEUED, DagRunState.RUNNING})
    assert fail_run(world.engine, run_of(world, dag), MARKED_FAILED, from_states=both)
    world.settle(dag.dag_id)
    assert run_of(world, dag).state is DagRunState.FAILED
    assert world.tries == []
    assert not fail_run(world.engine, run_of(world, dag), "for another reason", from_states=both)


def test_an_ended_task_opens_nothing_when_its_message_comes_late() -> None:
    dag = ScriptedDag([Shape("a"), Shape("b", ("a",), rule="all_done")])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    late = message(world, "run_task")
    fail_run(world.engine, run_of(world, dag), MARKED_FAILED)
    world.deliver(message(world, "end_tasks"))
    world.deliver(late)
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {TaskInstanceState.SKIPPED}
    assert world.tries == []


def test_a_try_is_told_to_end_when_its_run_has_timed_out_and_the_store_is_not_asked_before() -> None:
    dag = ScriptedDag([Shape("slow", retries=1)], dagrun_timeout=HOUR)
    world = world_of(dag, 1)
    start(world, dag)
    answers: list[str | None] = []

    def outlive_the_run(request: TryRequest) -> None:
        world.stall = lambda _: None
        assert request.why_stopped is not None
        world.faults.arm(0, Killed, takes_effect=False)
        answers.append(request.why_stopped())
        world.faults.disarm()
        world.advance(HOUR + timedelta(seconds=1))
        answers.append(request.why_stopped())
        let_time_pass(world, timedelta(minutes=1))
        answers.append(request.why_stopped())

    world.stall = outlive_the_run
    world.drain()
    assert answers == [None, None, "its run was ended: timed_out"]
    assert run_of(world, dag).state is DagRunState.FAILED


def test_what_had_not_begun_begins_when_the_run_goes_on() -> None:
    dag = ScriptedDag(
        [
            Shape("slow", pool="closed"),
            Shape("after", ("slow",)),
            Shape("always", ("slow",), rule="all_done"),
        ],
        dagrun_timeout=HOUR,
    )
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    run = start(world, dag)
    let_time_pass(world, HOUR + timedelta(minutes=2))
    states = final_states(world, dag, run)
    assert states == {"slow": TaskInstanceState.SKIPPED, "after": None, "always": None}
    save_pool(world.engine, name="closed", slots=1, description=None)
    clear(world, run, ("slow",))
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {TaskInstanceState.SUCCESS}
    assert run_of(world, dag).state is DagRunState.SUCCESS


@given(shapes(), st.integers(0, 60), st.integers(0, 30), st.integers())
def test_a_run_that_is_failed_at_any_moment_comes_to_its_end(
    made: list[Shape], steps: int, calls: int, seed: int
) -> None:
    """Nothing starts once all tasks are ended, whatever dies on the way and comes late."""
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(steps):
        visible = world.queue.visible()
        if not visible:
            break
        world.deliver(world.choose.choice(visible), keep=world.choose.random() < 0.3)
    if run_of(world, dag).state.is_final:
        return
    world.faults.arm(calls, Killed, takes_effect=world.choose.random() < 0.5)
    both = frozenset({DagRunState.QUEUED, DagRunState.RUNNING})
    try:
        fail_run(world.engine, run_of(world, dag), MARKED_FAILED, from_states=both)
    except Killed:
        fail_run(world.engine, run_of(world, dag), MARKED_FAILED, from_states=both)
    for entry in world.queue.visible():
        world.deliver(entry, keep=True, keep_faults=True)
    world.faults.disarm()
    world.settle(dag.dag_id)
    assert run_of(world, dag).state is DagRunState.FAILED
    states = final_states(world, dag, run)
    assert all(state is not None and TaskInstanceState(state).is_final for state in states.values())
    assert_nothing_is_held(world)


@given(shapes(), st.sampled_from([0.0, 0.05]), st.integers(1, 90), st.integers())
@examples(60)
def test_a_run_that_times_out_beside_handlers_at_work_leaves_what_has_not_begun_until_it_goes_on(
    made: list[Shape], faults: float, steps: int, seed: int
) -> None:
    dag = ScriptedDag([replace(with_tries_to_spare(shape), pool="small") for shape in made])
    world = world_of(dag, seed)
    crowd = Crowd(world, dag.graph, faults=faults)
    run = start(world, dag)
    for _ in range(steps):
        crowd.step()
    if not fail_run(world.engine, run_of(world, dag), TIMED_OUT):
        return
    for _ in range(steps):
        crowd.step()
    crowd.settle()
    assert run_of(world, dag).state is DagRunState.FAILED
    states = final_states(world, dag, run)
    tried = {task_id for task_id, _ in world.tries}
    assert all(state is None or TaskInstanceState(state).is_final for state in states.values())
    assert not any(states[task_id] is None for task_id in tried)
    assert_nothing_is_held(world)
    clear(world, run, tuple(sorted(tried)) or None)
    crowd.settle()
    assert run_of(world, dag).state.is_final
    states = final_states(world, dag, run)
    assert all(state is not None and TaskInstanceState(state).is_final for state in states.values())
    assert_nothing_is_held(world)


@given(shapes(), st.sampled_from([0.0, 0.05]), st.integers(1, 90), st.integers())
@examples(60)
def test_a_run_is_ended_beside_handlers_at_work(
    made: list[Shape], faults: float, steps: int, seed: int
) -> None:
    dag = ScriptedDag([replace(with_tries_to_spare(shape), pool="small") for shape in made])
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults)
    world = crowd.world
    run = start(world, dag)
    for _ in range(steps):
        crowd.step()
    was_over = run_of(world, dag).state.is_final
    both = frozenset({DagRunState.QUEUED, DagRunState.RUNNING})
    fail_run(world.engine, run_of(world, dag), MARKED_FAILED, from_states=both)
    for _ in range(steps):
        crowd.step()
    crowd.settle()
    assert was_over or run_of(world, dag).state is DagRunState.FAILED
    states = final_states(world, dag, run)
    assert all(state is not None and TaskInstanceState(state).is_final for state in states.values())
    assert_nothing_is_held(world)
