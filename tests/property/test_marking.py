"""Tasks and runs that are set to a state by hand."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest, TaskNotFound
from chalicelib.domain.plans.by_hand import Choice, marking
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import parse_task_key
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.by_hand.marking import MarkRequest, mark_run_success, mark_tasks
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.worker.stopped_tries import ASKED_EVERY
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import World
from tests.property.alterations import ANY_SHAPES, LIMITS, clear, ended, send_plan, some_choice
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    assert_nothing_is_held,
    final_states,
    item_of,
    run_of,
    shapes,
    start,
    with_tries_to_spare,
    world_of,
)
from tests.scripted.world import ScriptedWorld

SUCCESS, FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED
SKIPPED, UPSTREAM_FAILED = TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED


def mark(
    world: World,
    dag: ScriptedDag,
    state: TaskInstanceState,
    *task_ids: str,
    dry_run: bool = False,
    **options: Any,
) -> list[str]:
    request = MarkRequest(
        dag_id=dag.dag_id,
        execution_date=EXECUTION_DATE,
        choice=Choice(task_ids=task_ids, **options),
        state=state,
        dry_run=dry_run,
    )
    return [item.task_id for item in mark_tasks(world.engine, request)]


BROKEN = [Shape("bad", behaviour="fail"), Shape("next", ("bad",)), Shape("last", ("next",)), Shape("other")]


# -- tasks -------------------------------------------------------------------------------------------


def test_what_had_failed_after_a_task_that_is_marked_success_runs_now() -> None:
    world, dag, run = ended(BROKEN)
    assert mark(world, dag, SUCCESS, "bad") == ["bad"]
    assert run_of(world, dag).state is DagRunState.QUEUED
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert sorted(world.tries) == [("bad", 1), ("last", 1), ("next", 1), ("other", 1)]
    ended_run = run_of(world, dag)
    assert (ended_run.state, ended_run.clear_number) == (DagRunState.SUCCESS, 1)
    assert item_of(world, run, "bad").reason == "it was marked success by hand"
    assert_nothing_is_held(world)


def test_a_run_that_is_over_stays_so_where_nothing_failed_after_the_marked_task() -> None:
    world, dag, run = ended(BROKEN[:1])
    mark(world, dag, SUCCESS, "bad")
    world.settle(dag.dag_id)
    assert final_states(world, dag, run) == {"bad": SUCCESS}
    assert (run_of(world, dag).state, run_of(world, dag).clear_number) == (DagRunState.FAILED, 0)


def test_a_dry_run_of_a_mark_changes_nothing() -> None:
    world, dag, run = ended(BROKEN)
    before = dict(world.store.task_instances.list(run.run_uid))
    assert mark(world, dag, SUCCESS, "next", upstream=True, dry_run=True) == ["bad", "next"]
    assert mark(world, dag, FAILED, "bad", downstream=True, dry_run=True) == ["next", "last"]
    assert dict(world.store.task_instances.list(run.run_uid)) == before
    assert not world.queue.waiting


def test_only_some_states_can_be_marked() -> None:
    world, dag, _ = ended(BROKEN)
    with pytest.raises(InvalidRequest):
        mark(world, dag, TaskInstanceState.RUNNING, "bad")
    with pytest.raises(TaskNotFound):
        mark(world, dag, SUCCESS, "nowhere")


def test_a_running_task_that_is_marked_success_is_taken_from_its_worker_and_its_successors_start() -> None:
    dag = ScriptedDag([Shape("slow", pool="small", pool_slots=3, behaviour="fail"), Shape("next", ("slow",))])
    world = world_of(dag, 1)
    run = start(world, dag)

    def mark_it(request: TryRequest) -> None:
        if request.task_id == "slow":
            mark(world, dag, SUCCESS, "slow")

    world.stall = mark_it
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert run_of(world, dag).state is DagRunState.SUCCESS
    assert_nothing_is_held(world)


def test_a_try_whose_task_is_marked_by_hand_is_told_to_end_within_five_seconds() -> None:
    dag = ScriptedDag([Shape("job")])
    world = world_of(dag, 1)
    start(world, dag)
    answers: list[str | None] = []

    def marked_meanwhile(request: TryRequest) -> None:
        world.stall = lambda _: None
        assert request.why_stopped is not None
        answers.append(request.why_stopped())
        mark(world, dag, FAILED, "job")
        answers.append(request.why_stopped())
        world.advance(ASKED_EVERY)
        answers.append(request.why_stopped())

    world.stall = marked_meanwhile
    world.drain()
    assert answers == [None, None, "it was marked failed by hand"]


def test_a_running_task_that_is_marked_failed_fails_what_comes_after_it() -> None:
    dag = ScriptedDag([Shape("slow"), Shape("next", ("slow",))])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.stall = lambda _: mark(world, dag, FAILED, "slow")
    world.settle(dag.dag_id)
    assert final_states(world, dag, run) == {"slow": FAILED, "next": UPSTREAM_FAILED}
    assert run_of(world, dag).state is DagRunState.FAILED


def test_a_run_waits_for_what_still_runs_before_a_task_that_is_marked() -> None:
    made = [Shape("first"), Shape("slow", ("first",)), Shape("leaf", ("slow",))]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    seen: list[DagRunState] = []

    def mark_the_leaf(request: TryRequest) -> None:
        if request.task_id == "first":
            assert mark(world, dag, SUCCESS, "leaf") == ["leaf"]
        seen.append(run_of(world, dag).state)

    world.stall = mark_the_leaf
    world.settle(dag.dag_id)
    assert world.tries == [("first", 1), ("slow", 1)]
    assert seen == [DagRunState.RUNNING, DagRunState.RUNNING]
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert run_of(world, dag).state is DagRunState.SUCCESS


def test_a_task_of_a_queued_run_can_be_marked() -> None:
    dag = ScriptedDag([Shape("a"), Shape("b", ("a",))])
    world = world_of(dag, 1)
    run = start(world, dag)
    mark(world, dag, SUCCESS, "a")
    world.settle(dag.dag_id)
    assert world.tries == [("b", 1)]
    assert set(final_states(world, dag, run).values()) == {SUCCESS}


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(50))
def test_a_mark_that_dies_at_any_call_is_made_good_by_its_message(takes_effect: bool, call: int) -> None:
    world, dag, run = ended(BROKEN)
    world.faults.arm(call + 4, Killed, takes_effect=takes_effect)  # after run, items, plan and message
    with suppress(Killed):
        mark(world, dag, SUCCESS, "bad")
    world.faults.disarm()
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert_nothing_is_held(world)


@given(ANY_SHAPES, LIMITS, st.sampled_from([0.0, 0.05]), st.integers())
@examples(60)
def test_marks_beside_handlers_at_work_leave_the_marked_states_and_a_run_that_ends(
    made: list[Shape], limit: int, faults: float, seed: int
) -> None:
    made = [replace(with_tries_to_spare(shape), pool="small") for shape in made]
    dag = ScriptedDag(made, max_active_tasks=limit)
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults)
    world = crowd.world
    run = start(world, dag)
    for _ in range(world.choose.randrange(120)):
        crowd.step()
    items = world.engine.items(run.run_uid)
    choice = some_choice(world.choose, dag)
    _, plan = marking(dag.graph, items, choice, SUCCESS)
    send_plan(world, run_of(world, dag), plan)
    for _ in range(120):
        crowd.step()
    crowd.settle()
    states = final_states(world, dag, run)
    assert None not in states.values()
    assert run_of(world, dag).state.is_final
    marked = {parse_task_key(key)[0]: clears for key, clears in plan.marked.items()}
    # As in Airflow, the order of a task above takes the place of a mark.
    orders = any(shape.behaviour in ("branch", "short") for shape in made)
    assert {states[name] for name in marked} <= ({SUCCESS, SKIPPED} if orders else {SUCCESS})
    assert not [name for name in marked if item_of(world, run, name).clears <= marked[name]]
    assert_nothing_is_held(world)


def without_orders_of(dag: ScriptedDag, marked: Collection[str]) -> ScriptedDag:
    """The same DAG, in which a branch that was marked has decided nothing."""
    calm = [replace(s, behaviour="ok", follow=()) if s.task_id in marked else s for s in dag.shapes]
    return ScriptedDag(calm)


@given(shapes(), st.sampled_from([SUCCESS, FAILED]), st.integers())
def test_tasks_that_are_marked_before_the_run_starts_count_as_what_they_were_marked(
    made: list[Shape], state: TaskInstanceState, seed: int
) -> None:
    # What lies far below a short circuit does not wait for it once what is between them is marked.
    dag = ScriptedDag([replace(s, behaviour="ok") if s.behaviour == "short" else s for s in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    choice = replace(some_choice(world.choose, dag), downstream=False, only_failed=False, only_running=False)
    named = set(choice.task_ids or ())
    marked = mark(world, dag, state, *sorted(named), upstream=choice.upstream)
    followed = set().union(*(dag.graph.descendants(name) for name in named)) - named
    world.settle(dag.dag_id)
    stays = {name for name in marked if state is SUCCESS or name not in followed}
    rows = tuple((name, -1, state if name in stays else None) for name in dag.graph.tasks)
    assert_ended_as_airflow_may(world, without_orders_of(dag, stays), run, rows)
    assert_nothing_is_held(world)


# -- runs --------------------------------------------------------------------------------------------


def a_run_at_work() -> tuple[ScriptedWorld, ScriptedDag]:
    made = [
        Shape("done"),
        Shape("running", ("done",), pool="small", pool_slots=2),
        Shape("again", behaviour="fail", retries=5, retry_delay=3600),
        Shape("waiting", pool="closed"),
        Shape("last", ("running", "waiting")),
    ]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    save_pool(world.engine, name="closed", slots=0, description=None)
    return world, dag


def test_a_run_that_is_cancelled_ends_its_tasks_with_it() -> None:
    world, dag = a_run_at_work()
    run = start(world, dag)
    answers: list[list[str]] = []

    def cancel(request: TryRequest) -> None:
        if request.task_id == "running":
            world.drain()
            answers.append([item.task_id for item in cancel_run(world.engine, dag.dag_id, EXECUTION_DATE)])

    world.stall = cancel
    world.settle(dag.dag_id)
    assert sorted(answers[0]) == ["again", "last", "running", "waiting"]
    assert final_states(world, dag, run) == {
        "done": SUCCESS,
        "running": FAILED,
        "again": SKIPPED,
        "waiting": SKIPPED,
        "last": SKIPPED,
    }
    assert run_of(world, dag).state is DagRunState.FAILED
    assert_nothing_is_held(world)


def test_a_queued_run_can_be_cancelled_and_one_that_failed_is_left_alone() -> None:
    dag = ScriptedDag(BROKEN)
    world = world_of(dag, 1)
    run = start(world, dag)
    assert len(cancel_run(world.engine, dag.dag_id, EXECUTION_DATE, dry_run=True)) == 4
    assert run_of(world, dag).state is DagRunState.QUEUED
    cancel_run(world.engine, dag.dag_id, EXECUTION_DATE)
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SKIPPED}
    assert world.tries == []
    assert cancel_run(world.engine, dag.dag_id, EXECUTION_DATE) == []


def test_what_a_cancelled_run_did_not_do_can_be_cleared_and_runs() -> None:
    world, dag = a_run_at_work()
    run = start(world, dag)
    world.stall = lambda request: (
        cancel_run(world.engine, dag.dag_id, EXECUTION_DATE)
        if (request.task_id, request.try_number) == ("running", 1)
        else None
    )
    world.settle(dag.dag_id)
    save_pool(world.engine, name="closed", slots=1, description=None)
    world.script = ScriptedDag([replace(shape, behaviour="ok") for shape in dag.shapes]).script
    clear(world, dag, "running", "again", "waiting", downstream=True)
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert run_of(world, dag).state is DagRunState.SUCCESS
    assert run_of(world, dag).reason is None
    assert_nothing_is_held(world)


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(30))
def test_a_run_that_is_marked_success_has_all_its_tasks_marked(takes_effect: bool, call: int) -> None:
    world, dag = a_run_at_work()
    run = start(world, dag)

    def mark_it(request: TryRequest) -> None:
        if (request.task_id, request.try_number) != ("running", 1):
            return
        world.faults.arm(call, Killed, takes_effect=takes_effect)
        try:
            mark_run_success(world.engine, dag.dag_id, EXECUTION_DATE)
        except Killed:
            mark_run_success(world.engine, dag.dag_id, EXECUTION_DATE)
        finally:
            world.faults.disarm()

    world.stall = mark_it
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert run_of(world, dag).state is DagRunState.SUCCESS
    assert [name for name, _ in world.tries if name == "last"] == []
    assert_nothing_is_held(world)


def test_a_failed_run_that_is_marked_success_has_its_failed_tasks_marked_too() -> None:
    world, dag, run = ended(BROKEN)
    names = [item.task_id for item in mark_run_success(world.engine, dag.dag_id, EXECUTION_DATE)]
    assert names == ["bad", "next", "last"]
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert run_of(world, dag).state is DagRunState.SUCCESS


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_sensor_that_sleeps_while_its_run_is_cancelled_fails_as_in_airflow(mode: str) -> None:
    wait = Shape("wait", mode=mode, pokes=9, poke_interval=1200)
    dag = ScriptedDag([wait, Shape("next", ("wait",))], max_active_tasks=1, max_active_runs=0)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    cancel_run(world.engine, dag.dag_id, EXECUTION_DATE)
    world.settle(dag.dag_id)
    assert final_states(world, dag, run) == {"wait": FAILED, "next": SKIPPED}
    assert len(world.pokes) == 1
    assert_nothing_is_held(world)


@pytest.mark.parametrize("end", [cancel_run, mark_run_success])
def test_a_run_that_is_marked_calls_nobody_back(end: Callable[..., object]) -> None:
    dag = ScriptedDag([Shape("a")], callbacks=("on_success_callback", "on_failure_callback"))
    world = world_of(dag, 1)
    start(world, dag)
    world.stall = lambda _: end(world.engine, dag.dag_id, EXECUTION_DATE)
    world.settle(dag.dag_id)
    assert run_of(world, dag).state.is_final
    assert world.calls == []
