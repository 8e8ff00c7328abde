"""Cleared tasks run again: whatever dies, comes twice or happens at the same time."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.plans.by_hand import Choice, chosen, clearing
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.slots.limits import is_reserved, run_holder
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.runs.start import leave
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from tests.property.alterations import ANY_SHAPES, LIMITS, clear, ended, reaches_far, send_plan, some_choice
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import (
    assert_ended_as_airflow_may,
    assert_ended_as_airflow_might,
    assert_ended_as_usual,
    outcome_of_run,
)
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    assert_nothing_is_held,
    deliver_in_any_order,
    final_states,
    item_of,
    message,
    run_of,
    shapes,
    start,
    start_runs,
    step_with_faults,
    with_tries_to_spare,
    world_of,
)
from tests.scripted.world import ScriptedWorld

SUCCESS, FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED
SKIPPED, UPSTREAM_FAILED = TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED


def fix(world: ScriptedWorld, dag: ScriptedDag, *task_ids: str) -> ScriptedDag:
    """The same DAG, in which these tasks do well from now on."""
    better = [replace(shape, behaviour="ok") if shape.task_id in task_ids else shape for shape in dag.shapes]
    fixed = ScriptedDag(better, now=dag.now)
    world.script = fixed.script
    return fixed


# -- a run that is over ------------------------------------------------------------------------------


def test_a_failed_task_that_was_fixed_runs_again_with_what_had_failed_after_it() -> None:
    made = [
        Shape("before"),
        Shape("bad", ("before",), behaviour="fail"),
        Shape("next", ("bad",)),
        Shape("last", ("next", "before")),
        Shape("other", ("before",)),
    ]
    world, dag, run = ended(made)
    assert run_of(world, dag).state is DagRunState.FAILED
    fixed = fix(world, dag, "bad")
    assert clear(world, dag, only_failed=True) == ["bad", "next", "last"]
    cleared = run_of(world, dag)
    assert (cleared.state, cleared.clear_number) == (DagRunState.QUEUED, 1)
    assert (cleared.start_date, cleared.end_date) == (None, None)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, fixed, run)
    assert sorted(world.tries) == [
        ("bad", 1), ("bad", 2), ("before", 1), ("last", 1), ("next", 1), ("other", 1),
    ]  # fmt: skip
    assert_nothing_is_held(world)


def test_a_cleared_task_keeps_its_try_number_and_is_granted_its_retries_anew() -> None:
    world, dag, run = ended([Shape("a", behaviour="fail", retries=1)])
    assert item_of(world, run, "a").try_number == 2
    world.store.dags.set_paused(dag.dag_id, True, "test")
    clear(world, dag, "a")
    item = item_of(world, run, "a")
    assert (item.state, item.try_number, item.max_tries, item.lease_token) == (None, 2, 3, None)
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.settle(dag.dag_id)
    assert world.tries == [("a", number) for number in (1, 2, 3, 4)]
    kept = [
        (record.try_number, record.state)
        for record in world.store.task_instances.finished_tries(run.run_uid, "a", -1)
    ]
    assert kept == [(1, FAILED), (2, FAILED), (3, FAILED)]


def test_a_successful_try_that_is_cleared_is_kept_as_history() -> None:
    world, dag, run = ended([Shape("a")])
    clear(world, dag, "a")
    world.settle(dag.dag_id)
    (record,) = world.store.task_instances.finished_tries(run.run_uid, "a", -1)
    assert (record.try_number, record.state) == (1, SUCCESS)
    assert item_of(world, run, "a").try_number == 2


def test_a_dry_run_changes_nothing() -> None:
    world, dag, run = ended([Shape("a"), Shape("b", ("a",), behaviour="fail"), Shape("c", ("b",))])
    before = dict(world.store.task_instances.list(run.run_uid))
    assert clear(world, dag, "b", upstream=True, downstream=True, dry_run=True) == ["a", "b", "c"]
    assert clear(world, dag, "b", dry_run=True, upstream=True) == ["a", "b"]
    assert clear(world, dag, "b", dry_run=True, downstream=True) == ["b", "c"]
    assert clear(world, dag, dry_run=True, only_failed=True) == ["b", "c"]
    assert clear(world, dag, dry_run=True, only_running=True) == []
    assert dict(world.store.task_instances.list(run.run_uid)) == before
    assert run_of(world, dag).state is DagRunState.FAILED
    assert not world.queue.waiting


def test_a_run_waits_for_a_cleared_task_whose_successor_stays_as_it_is() -> None:
    world, dag, _ = ended([Shape("a"), Shape("b", ("a",)), Shape("c", ("b",))])
    clear(world, dag, "a")
    seen: list[DagRunState] = []
    world.stall = lambda _: seen.append(run_of(world, dag).state)
    world.settle(dag.dag_id)
    assert seen == [DagRunState.RUNNING]
    assert world.tries == [("a", 1), ("b", 1), ("c", 1), ("a", 2)]
    assert run_of(world, dag).state is DagRunState.SUCCESS


def test_a_short_circuit_that_lets_pass_when_it_is_cleared_leaves_no_order_to_skip() -> None:
    made = [
        Shape("gate", behaviour="short"),
        Shape("a", ("gate",)),
        Shape("b", ("a",)),
        Shape("c", ("b",), rule="all_done"),
    ]
    world, dag, run = ended(made)
    assert set(final_states(world, dag, run).values()) == {SUCCESS, SKIPPED}
    world.script = fix(world, dag, "gate").script
    clear(world, dag)
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}


def test_a_task_that_a_branch_left_out_is_left_out_again_when_it_alone_is_cleared() -> None:
    made = [
        Shape("fork", behaviour="branch", follow=("left",)),
        Shape("left", ("fork",)),
        Shape("right", ("fork",)),
    ]
    world, dag, run = ended(made)
    clear(world, dag, "right")
    world.settle(dag.dag_id)
    assert final_states(world, dag, run)["right"] is SKIPPED


@pytest.mark.parametrize("rule", ["all_success", "one_success", "all_done", "one_failed"])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_join_waits_for_those_of_its_upstreams_that_are_cleared(rule: str, seed: int) -> None:
    names = [f"t{number:03d}" for number in range(2 * BUCKET_SIZE)]
    made = [Shape(name, behaviour="fail for good" if name == "t070" else "ok") for name in names]
    dag = ScriptedDag([*made, Shape("join", tuple(names), rule=rule)])
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    fixed = fix(world, dag, "t070")
    for _ in range(2):
        assert clear(world, dag, "t003", "t069", "t070", "join") == ["t003", "t069", "t070", "join"]
        deliver_in_any_order(world)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, fixed, run)
    assert_nothing_is_held(world)


def test_clearing_a_run_that_has_not_begun_does_nothing() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    run = start(world, dag)
    assert clear(world, dag) == ["a"]
    world.settle(dag.dag_id)
    assert world.tries == [("a", 1)]
    assert_ended_as_usual(world, dag, run)


def test_a_setup_that_succeeds_when_it_is_cleared_leaves_no_failure_behind() -> None:
    made = [
        Shape("first", role="setup", behaviour="fail for good"),
        Shape("near", ("first",)),
        Shape("far", ("near",), rule="all_done"),
    ]
    world, dag, run = ended(made)
    assert set(final_states(world, dag, run).values()) == {FAILED, UPSTREAM_FAILED}
    fixed = fix(world, dag, "first")
    clear(world, dag)
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {SUCCESS}
    assert_ended_as_usual(world, fixed, run)


def test_a_cleared_run_waits_for_its_place_among_the_active_runs() -> None:
    dag = ScriptedDag([Shape("a")], max_active_runs=1)
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    at_work: list[datetime] = []

    def clear_the_first(request: TryRequest) -> None:
        at_work.append(request.execution_date)
        if at_work == [first.execution_date, second.execution_date]:
            clear(world, dag)
            world.drain()
            assert run_of(world, dag).state is DagRunState.QUEUED

    world.stall = clear_the_first
    world.settle(dag.dag_id)
    assert at_work == [run.execution_date for run in (first, second, first)]
    assert [run.state for run in world.store.dag_runs.list(dag.dag_id)] == [DagRunState.SUCCESS] * 2
    assert_nothing_is_held(world)


def test_who_comes_late_to_the_end_of_a_run_leaves_the_place_by_which_it_goes_on() -> None:
    dag = ScriptedDag([Shape("a")], max_active_runs=1)
    world = world_of(dag, 1)
    start(world, dag)
    world.settle(dag.dag_id)
    as_it_ended = run_of(world, dag)
    clear(world, dag)
    seen: list[list[str]] = []

    def come_late(_: TryRequest) -> None:
        leave(world.engine, as_it_ended)
        world.store.dag_runs.remove_unfinished(as_it_ended.ref, as_it_ended.clear_number)
        limits = [shard for shard in world.store.pools.all_shards() if is_reserved(shard.name)]
        seen.append([holder for shard in limits for holder in shard.holders])

    world.stall = come_late
    world.settle(dag.dag_id)
    assert seen == [[run_holder(as_it_ended.ref, 1)]]
    assert run_of(world, dag).state is DagRunState.SUCCESS
    assert_nothing_is_held(world)


def test_the_next_run_goes_on_when_what_it_waits_for_was_cleared_and_succeeds() -> None:
    dag = ScriptedDag([Shape("a", behaviour="fail for good", depends_on_past=True), Shape("b", ("a",))])
    world = world_of(dag, 1)
    start_runs(world, dag, 2)
    world.drain()
    assert world.tries == [("a", 1)]
    fix(world, dag, "a")
    clear(world, dag)
    world.drain()
    assert [run.state for run in world.store.dag_runs.list(dag.dag_id)] == [DagRunState.SUCCESS] * 2


def test_a_cleared_run_that_has_not_gone_on_is_deleted_with_its_tasks() -> None:
    world, dag, run = ended([Shape("a")])
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    clear(world, dag)
    delete_dag(world.engine, dag.dag_id)
    world.settle(dag.dag_id)
    assert world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE) is None
    assert dict(world.store.task_instances.list(run.run_uid)) == {}


# -- a run that still runs ---------------------------------------------------------------------------


def test_a_running_task_that_is_cleared_is_taken_from_its_worker() -> None:
    dag = ScriptedDag([Shape("a", pool="small", pool_slots=3), Shape("b", ("a",))])
    world = world_of(dag, 1)
    run = start(world, dag)

    def clear_it(request: TryRequest) -> None:
        if (request.task_id, request.try_number) == ("a", 1):
            clear(world, dag, "a")
            world.drain()  # the second try runs while the first one's worker is still at it
            assert item_of(world, run, "a").state is SUCCESS

    world.stall = clear_it
    world.settle(dag.dag_id)
    assert sorted(world.tries) == [("a", 1), ("a", 2), ("b", 1)]
    assert run_of(world, dag).clear_number == 0
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_sensor_that_is_cleared_between_two_pokes_begins_anew(mode: str) -> None:
    dag = ScriptedDag([Shape("wait", mode=mode, pokes=2, poke_interval=1200, pool="small", pool_slots=3)])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    world.store.dags.set_paused(dag.dag_id, True, "test")
    clear(world, dag, "wait")
    item = item_of(world, run, "wait")
    assert (item.state, item.pokes, item.reschedules) == (None, 0, 0)
    assert (item.reschedule_date, item.first_poke_at, item.places, item.pool_parts) == (None, None, (), ())
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.settle(dag.dag_id)
    assert [(number, pokes) for _, _, _, number, pokes in world.pokes] == [(1, 0), (2, 0), (2, 1), (2, 2)]
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


def test_who_saw_all_tasks_ended_before_one_was_cleared_does_not_close_the_run() -> None:
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    crowd = Crowd(world, dag.graph)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    entry = message(world, "run_task")
    late = crowd.begin(entry)
    while not dict(world.store.task_instances.list(run.run_uid)).get("#-1"):
        crowd.go_on(late)  # it has told the end of the run, and is about to close it
    clear(world, dag, "a")
    states: list[DagRunState] = []
    world.stall = lambda _: states.append(run_of(world, dag).state)
    while not late.is_over:
        crowd.go_on(late)
    assert run_of(world, dag).state is DagRunState.RUNNING
    world.settle(dag.dag_id)
    assert states == [DagRunState.RUNNING]
    assert run_of(world, dag).state is DagRunState.SUCCESS


# -- whatever happens --------------------------------------------------------------------------------


@given(ANY_SHAPES, LIMITS, st.lists(st.integers(0, 40), min_size=1, max_size=3), st.integers())
def test_tasks_cleared_at_any_moment_run_once_more_and_the_run_ends_as_the_rules_say(
    made: list[Shape], limit: int, moments: list[int], seed: int
) -> None:
    dag = ScriptedDag(made, max_active_tasks=limit)
    world = world_of(dag, seed)
    run = start(world, dag)
    for steps in moments:
        for _ in range(steps):
            visible = world.queue.visible()
            if not visible:
                world.advance(timedelta(minutes=1))
                world.tick()
                break
            world.deliver(world.choose.choice(visible), keep=world.choose.random() < 0.1)
            world.check_pools()
        request = ClearRequest(
            dag_id=dag.dag_id, execution_date=EXECUTION_DATE, choice=some_choice(world.choose, dag)
        )
        clear_tasks(world.engine, request)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_might(world, dag, run)
    assert len(world.tries) == len(set(world.tries))
    assert_nothing_is_held(world)


@given(ANY_SHAPES, LIMITS, st.integers(1, 3), st.integers())
def test_a_clear_survives_crashes_duplicates_and_delays(
    made: list[Shape], limit: int, clears: int, seed: int
) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made], max_active_tasks=limit)
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(clears):
        for _ in range(world.choose.randrange(40)):
            step_with_faults(world)
        error = world.choose.choice([Killed, StoreUnavailable])
        world.faults.arm(world.choose.randrange(60), error, takes_effect=world.choose.random() < 0.5)
        request = ClearRequest(
            dag_id=dag.dag_id, execution_date=EXECUTION_DATE, choice=some_choice(world.choose, dag)
        )
        try:
            clear_tasks(world.engine, request)
        except (Killed, StoreUnavailable):
            pass
        finally:
            world.faults.disarm()
    for _ in range(40):
        step_with_faults(world)
        world.check_pools()
    world.settle(dag.dag_id)
    assert_ended_as_airflow_might(world, dag, run)
    assert_nothing_is_held(world)


@given(shapes(), st.sets(st.integers(0, 8)), st.integers())
@examples(60)
def test_tasks_of_a_finished_run_end_by_their_new_outcomes(
    made: list[Shape], fixed_numbers: set[int], seed: int
) -> None:
    # An order of a short circuit stands for what lies far below it, too, when that alone is cleared.
    made = [replace(shape, behaviour="ok") if shape.behaviour == "short" else shape for shape in made]
    world, dag, run = ended(made, seed)
    _, before = outcome_of_run(world, run)
    repairable = {f"t{number}" for number in fixed_numbers}
    fixed = fix(world, dag, *(s.task_id for s in made if s.behaviour == "fail" and s.task_id in repairable))
    request = ClearRequest(
        dag_id=dag.dag_id, execution_date=EXECUTION_DATE, choice=some_choice(world.choose, dag)
    )
    cleared = frozenset((item.task_id, item.map_index) for item in clear_tasks(world.engine, request))
    world.settle(dag.dag_id)
    if cleared:
        assert_ended_as_airflow_may(world, fixed, run, before, cleared)
    assert_nothing_is_held(world)


def order_clear(crowd: Crowd, dag: ScriptedDag, choice: Choice) -> None:
    """Put the message of a clear into the queue, so that a handler of the crowd carries it out.

    What two clears name at the same moment is cleared once, so it may not wait for all that both name;
    that shows only below a short circuit or a setup.
    """
    world = crowd.world
    is_under_way = any("alter_tasks" in entry.message for entry in world.queue.waiting)
    if is_under_way and reaches_far(dag):
        return
    run = run_of(world, dag)
    items = world.engine.items(run.run_uid)
    if not items.is_empty:
        send_plan(world, run, clearing(dag.graph, items, chosen(dag.graph, items, choice)))


@given(ANY_SHAPES, LIMITS, st.sampled_from([0.0, 0.02, 0.1]), st.booleans(), st.integers())
@examples(60)
def test_clears_beside_handlers_at_work(
    made: list[Shape], limit: int, faults: float, pausing: bool, seed: int
) -> None:
    made = [replace(with_tries_to_spare(shape), pool="small") for shape in made]
    dag = ScriptedDag(made, max_active_tasks=limit)
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, pausing=pausing)
    world = crowd.world
    run = start(world, dag)
    for _ in range(world.choose.randint(1, 4)):
        for _ in range(world.choose.randrange(120)):
            crowd.step()
        order_clear(crowd, dag, some_choice(world.choose, dag))
    for _ in range(120):
        crowd.step()
    crowd.settle()
    assert_ended_as_airflow_might(world, dag, run)
    assert_nothing_is_held(world)


@given(ANY_SHAPES, LIMITS, st.sampled_from([0.0, 0.05]), st.integers())
@examples(40)
def test_clears_and_cancels_at_the_same_time_leave_a_run_that_ends(
    made: list[Shape], limit: int, faults: float, seed: int
) -> None:
    made = [replace(with_tries_to_spare(shape), pool="small") for shape in made]
    dag = ScriptedDag(made, max_active_runs=1, max_active_tasks=limit)
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults)
    world = crowd.world
    run = start(world, dag)
    for _ in range(world.choose.randint(2, 4)):
        for _ in range(world.choose.randrange(60)):
            crowd.step()
        if world.choose.random() < 0.5:
            cancel_run(world.engine, dag.dag_id, EXECUTION_DATE)
        else:
            order_clear(crowd, dag, some_choice(world.choose, dag))
    crowd.settle()
    assert run_of(world, dag).state.is_final
    assert None not in final_states(world, dag, run).values()
    assert_nothing_is_held(world)


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(60))
def test_a_clear_that_dies_at_any_call_is_made_good_by_its_message(takes_effect: bool, call: int) -> None:
    made = [
        Shape("fork", behaviour="branch", follow=("left",), retries=9),
        Shape("left", ("fork",), behaviour="fail for good"),
        Shape("right", ("fork",)),
        Shape("join", ("left", "right"), rule="none_failed", retries=9),
        Shape("end", ("join", "fork"), rule="all_success", retries=9),
    ]
    world, dag, run = ended(made)
    save_pool(world.engine, name="default_pool", slots=128, description=None)
    fixed = fix(world, dag, "left")
    world.faults.arm(call + 4, Killed, takes_effect=takes_effect)  # after run, items, plan and message
    with suppress(Killed):
        clear(world, dag, "left", downstream=True)
    world.faults.disarm()
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, fixed, run)
    assert_nothing_is_held(world)
