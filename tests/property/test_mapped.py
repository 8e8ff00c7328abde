"""Runs with mapped tasks: whatever the order and the faults, they end as Airflow may end them (I1 to I7)."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import NoDagToDelete
from chalicelib.domain.graph.expansion import Concat, Expansion, Length, Literal, MappedGroup, OutputOf
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RunTask
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.arrivals import is_complete, values_in
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import ended_numbers
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import World
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import (
    assert_ended_as_airflow_may,
    assert_ended_as_usual,
    outcome_of_run,
    outcomes,
)
from tests.scripted.mapped_shapes import mapped_shapes, mapped_with_setups
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    deliver_in_any_order,
    deliver_until_the_fault_has_come,
    final_states,
    message,
    run_state,
    run_to_the_end,
    start,
    step_with_faults,
    wait_until_back,
    with_tries_to_spare,
    world_of,
)

ANY_MAPPED = st.one_of(mapped_shapes(), mapped_with_setups())
SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED


def over(task_id: str) -> Expansion:
    return Expansion(own=OutputOf(task_id=task_id))


def in_group(task_id: str, *, is_direct: bool = True) -> Expansion:
    group = MappedGroup(group_id="g", length=OutputOf(task_id=task_id))
    return Expansion(groups=(group,), is_direct=is_direct)


def assert_instances_are_sound(world: World, run: DagRun, *, is_told: bool = True) -> None:
    """No instance lies beyond its task's length, none has an item without an end, each is counted once.

    ``is_told``: all have told their ends; what is marked after its run tells of itself when the run goes on.
    """
    graph, items = graph_of_run(world.engine, run), world.engine.items(run.run_uid)
    begun = {(item.task_id, item.map_index) for item in items.begun()}
    for task in graph.tasks.values():
        instances = list(items.instances_of(task))
        indexes = {item.map_index for item in instances}
        assert {index for name, index in begun if name == task.task_id} <= indexes
        if indexes == {-1}:
            continue
        assert all(item.state is not None and item.state.is_final for item in instances)
        met = graph.collector(task, 0, instances[0].levels, 0)
        if is_told and not met.bucket_count and (notes := items.notes(join_key(met))):
            assert is_complete(met, notes)
            assert ended_numbers(notes, met.wholes) == frozenset(range(met.size))
            assert values_in(met, notes) <= met.size


@given(ANY_MAPPED, st.integers())
def test_mapped_tasks_end_as_airflow_may_end_them_in_any_order(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    world.settle(dag.dag_id)
    assert len(world.instances) == len(set(world.instances))
    assert_instances_are_sound(world, run)
    assert [shard.holders for shard in world.store.pools.all_shards() if shard.holders] == []
    assert_ended_as_airflow_may(world, dag, run)


@given(ANY_MAPPED, st.integers())
@examples(40)
def test_mapped_tasks_survive_crashes_duplicates_and_lost_replies(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(120):
        step_with_faults(world)
        world.check_pools()
    world.settle(dag.dag_id)
    assert_instances_are_sound(world, run)
    assert_nothing_is_held(world)
    assert_ended_as_airflow_may(world, dag, run)


@given(ANY_MAPPED, st.integers())
@examples(40)
def test_lost_messages_of_mapped_tasks_are_made_good_by_the_tick(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(60):
        visible = world.queue.visible()
        if not visible:
            world.advance(timedelta(minutes=1))
            world.tick()
        elif world.choose.random() < 0.4:
            world.queue.waiting.remove(world.choose.choice(visible))
        else:
            world.deliver(world.choose.choice(visible))
    world.settle(dag.dag_id)
    assert_instances_are_sound(world, run)
    assert_ended_as_airflow_may(world, dag, run)


@given(ANY_MAPPED, st.sampled_from([0.0, 0.02, 0.1]), st.sampled_from([1, 3, 10_000]), st.integers())
@examples(40)
def test_handlers_at_the_same_time_end_mapped_tasks_as_airflow_may(
    made: list[Shape], faults: float, limit: int, seed: int
) -> None:
    dag = ScriptedDag([replace(with_tries_to_spare(s), pool="small") for s in made], max_active_tasks=limit)
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, repeats=0.05, delays=0.05)
    run = start(crowd.world, dag)
    run_to_the_end(crowd)
    assert_instances_are_sound(crowd.world, run)
    assert_nothing_is_held(crowd.world)
    assert_ended_as_airflow_may(crowd.world, dag, run)


@given(ANY_MAPPED, st.integers())
@examples(30)
def test_every_message_of_mapped_tasks_may_come_again_after_the_end(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    before, tries = outcome_of_run(world, run), list(world.instances)
    for sent in list(world.queue.sent):
        world.handle(sent)
    world.settle(dag.dag_id)
    assert world.instances == tries
    assert outcome_of_run(world, run) == before


@given(mapped_shapes(), st.integers())
@examples(30)
def test_a_dag_deleted_while_its_tasks_expand_leaves_nothing(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    old = start(world, dag)
    crowd = Crowd(world, dag.graph)
    for _ in range(world.choose.randrange(100)):
        crowd.step()
    world.store.dags.mark_deleted(dag.dag_id)
    with suppress(NoDagToDelete):
        delete_dag(world.engine, dag.dag_id)
    for _ in range(world.choose.randrange(100)):
        crowd.step()
    crowd.finish()
    wait_until_back(world, dag)
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    new = start(world, dag)
    world.settle(dag.dag_id)
    for _ in range(60):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert [*world.store.task_instances.list(old.run_uid)] == []
    assert_nothing_is_held(world)
    assert_ended_as_airflow_may(world, dag, new)


# -- what once went wrong ----------------------------------------------------------------------------


def ended(made: list[Shape], seed: int = 1) -> tuple[World, ScriptedDag, DagRun]:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    world.settle(dag.dag_id)
    return world, dag, run


def test_an_upstream_in_the_group_that_ended_without_instances_is_waited_for_no_more() -> None:
    group = in_group("list")
    made = [
        Shape("list", returns=2),
        Shape("before", ("list",), rule="all_failed", expansion=group),
        Shape("after", ("before",), rule="all_done", expansion=group),
    ]
    world, _, run = ended(made)
    assert outcome_of_run(world, run)[1] == (
        ("after", 0, SUCCESS),
        ("after", 1, SUCCESS),
        ("before", -1, SKIPPED),
        ("list", -1, SUCCESS),
    )


def test_a_task_in_a_group_heeds_the_first_of_its_upstreams_that_decides() -> None:
    group = in_group("list")
    made = [
        Shape("list", returns=1),
        Shape("first", ("list",), expansion=group, behaviour="skip"),
        Shape("second", ("first",), rule="all_done", expansion=group, behaviour="fail for good"),
        Shape("both", ("first", "second"), expansion=group),
    ]
    world, _, run = ended(made)
    assert ("both", 0, SKIPPED) in outcome_of_run(world, run)[1]


@pytest.mark.parametrize("death", [None, *range(12)])
def test_a_run_closes_only_after_an_order_was_carried_out_for_all_indexes(death: int | None) -> None:
    made = [
        Shape("list", returns=1),
        Shape("gate", behaviour="short", retries=9),
        Shape("near", ("gate", "list")),
        Shape(
            "many",
            ("list", "near"),
            rule="one_done",
            expansion=Expansion(own=Literal(count=3)),
            by_index=("ok", "fail for good", "ok"),
        ),
    ]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    while visible := [entry for entry in world.queue.visible() if '"gate"' not in entry.message]:
        world.deliver(visible[0])
    if death is not None:
        world.faults.arm(death, Killed, takes_effect=True)
    deliver_until_the_fault_has_come(world)
    world.settle(dag.dag_id)
    assert run_state(world, dag) is DagRunState.SUCCESS
    assert {state for name, _, state in outcome_of_run(world, run)[1] if name == "many"} == {SKIPPED}


def test_a_mapped_task_is_not_expanded_over_half_of_the_values() -> None:
    length = Concat(parts=(OutputOf(task_id="list"), Literal(count=2)))
    made = [
        Shape("list", returns=1),
        Shape("first", ("list",), expansion=Expansion(own=length)),
        Shape("second", ("first",), rule="one_done", expansion=over("first")),
    ]
    world, _, run = ended(made)
    found = [(index, state) for name, index, state in outcome_of_run(world, run)[1] if name == "second"]
    assert found in ([(0, SUCCESS), (1, SUCCESS), (2, SUCCESS)], [(-1, TaskInstanceState.UPSTREAM_FAILED)])


@pytest.mark.parametrize("count", [BUCKET_SIZE, BUCKET_SIZE + 1, 3 * BUCKET_SIZE])
def test_each_index_of_a_wide_mapped_task_is_counted_once(count: int) -> None:
    """Through buckets, with handlers that die, to a task that is mapped over the values without gaps."""
    behaviours = tuple("skip" if index % 7 == 3 else "ok" for index in range(count))
    made = [
        Shape("list", returns=count),
        Shape("many", ("list",), expansion=over("list"), by_index=behaviours, retries=9),
        Shape("again", ("many",), rule="all_done", expansion=over("many"), retries=9),
        Shape("last", ("again",)),
    ]
    dag = ScriptedDag(made)
    world = world_of(dag, 7)
    run = start(world, dag)
    while visible := world.queue.visible():
        if world.choose.random() < 0.1:
            world.faults.arm(world.choose.randrange(8), Killed, takes_effect=world.choose.random() < 0.5)
        world.deliver(world.choose.choice(visible))
    world.settle(dag.dag_id)
    _, rows = outcome_of_run(world, run)
    assert [state for name, _, state in rows if name == "again"] == [SUCCESS] * behaviours.count("ok")
    assert final_states(world, dag, run)["last"] is SUCCESS
    started = [message for message in world.queue.sent if isinstance(message, RunTask)]
    assert {message.map_index for message in started if message.task_id == "many"} == set(range(count))


def test_no_instance_starts_of_a_task_that_was_skipped_before_its_expansion() -> None:
    group = in_group("list", is_direct=False)
    made = [
        Shape("list", returns=2),
        Shape("first", ("list",), expansion=group),
        Shape("second", ("first",), rule="one_success", expansion=group),
    ]
    world, _, run = ended(made)
    assert ("second", -1, SKIPPED) in outcome_of_run(world, run)[1]
    assert_instances_are_sound(world, run)


def ended_after_faults(made: list[Shape], seed: int) -> tuple[World, DagRun]:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(60):
        step_with_faults(world)
    world.settle(dag.dag_id)
    return world, run


@pytest.mark.parametrize("seed", range(30))
def test_instances_that_are_skipped_with_their_group_never_start_before_it_is_expanded(seed: int) -> None:
    group = in_group("list")
    made = [
        Shape("list", returns=1),
        Shape("first", ("list",), expansion=group),
        Shape("second", ("first",), rule="none_failed_min_one_success", expansion=group),
    ]
    world, run = ended_after_faults(made, seed)
    assert ("second", 0, SKIPPED) in outcome_of_run(world, run)[1]


@pytest.mark.parametrize("seed", range(10))
def test_what_is_skipped_with_a_group_of_unknown_length_ends_as_airflow_may_end_it(seed: int) -> None:
    group = in_group("list")
    dag = ScriptedDag(
        [
            Shape("list", returns=1),
            Shape("none", expansion=Expansion(own=Literal(count=0))),
            Shape("first", ("list", "none"), expansion=group),
            Shape("second", ("first",), rule="none_failed_min_one_success", expansion=group),
        ]
    )
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    assert outcome_of_run(world, run) in (outcomes(dag) or ())


def test_what_is_skipped_in_a_group_over_what_was_never_expanded_has_no_length_either() -> None:
    outer = MappedGroup(group_id="g", length=OutputOf(task_id="none"))
    inner = MappedGroup(group_id="g.h", length=Literal(count=2))
    made = [
        Shape("list", returns=0),
        Shape("none", ("list",), expansion=in_group("list")),
        Shape(
            "last",
            ("none",),
            rule="none_failed_min_one_success",
            expansion=Expansion(groups=(outer, inner)),
        ),
    ]
    world, _, run = ended(made)
    assert ("last", -1, TaskInstanceState.UPSTREAM_FAILED) in outcome_of_run(world, run)[1]


@pytest.mark.parametrize("seed", range(10))
def test_of_groups_inside_one_another_only_the_innermost_source_ends_a_task(seed: int) -> None:
    outer = MappedGroup(group_id="outer", length=OutputOf(task_id="many"))
    inner = MappedGroup(group_id="inner", length=OutputOf(task_id="list"))
    made = [
        Shape("list", returns=1),
        Shape("many", ("list",), rule="all_failed", returns=1),
        Shape("last", ("list", "many"), rule="one_success", expansion=Expansion(groups=(outer, inner))),
    ]
    world, run = ended_after_faults(made, seed)
    assert ("last", -1, TaskInstanceState.UPSTREAM_FAILED) in outcome_of_run(world, run)[1]


def gated_by_its_group() -> list[Shape]:
    """A task whose rule looks at all instances of the one before it in a mapped group: it may be early."""
    group = Expansion(groups=(MappedGroup(group_id="g", length=Literal(count=3)),), is_direct=True)
    return [
        Shape("each", expansion=group, by_index=("ok", "skip", "ok")),
        Shape("any", ("each",), rule="one_success", expansion=group),
    ]


@pytest.mark.parametrize("seed", range(30))
def test_a_task_that_is_expanded_while_its_last_upstream_ends_keeps_no_run_open(seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in gated_by_its_group()])
    crowd = Crowd(world_of(dag, seed), dag.graph)
    start(crowd.world, dag)
    choose, queue = crowd.world.choose, crowd.world.queue
    while (entries := queue.visible()) or crowd.handlers:
        if entries and (not crowd.handlers or choose.random() < 0.3):
            crowd.begin(choose.choice(entries))
        else:
            crowd.go_on(choose.choice(crowd.handlers))
    assert run_state(crowd.world, dag) is DagRunState.SUCCESS  # no time has passed, so no sweep was there


@pytest.mark.parametrize("death", range(30))
def test_a_handler_that_died_over_an_early_expansion_is_made_good_by_the_sweep(death: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in gated_by_its_group()])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.deliver(message(world, "start_run"))
    world.faults.arm(death, Killed, takes_effect=True)
    deliver_until_the_fault_has_come(world)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert run_state(world, dag) is DagRunState.SUCCESS


@pytest.mark.parametrize("length", [Literal(count=2), OutputOf(task_id="list")])
def test_what_is_mapped_over_a_task_of_a_mapped_group_is_never_expanded(length: Length) -> None:
    outer = MappedGroup(group_id="g", length=length)
    inner = MappedGroup(group_id="g.h", length=OutputOf(task_id="each"))
    made = [
        Shape("list", returns=2),
        Shape("each", ("list",), expansion=Expansion(groups=(outer,)), returns=3),
        Shape("deeper", ("each",), rule="all_done", expansion=Expansion(groups=(outer, inner))),
        Shape("after", ("each",), rule="all_done", expansion=over("each")),
    ]
    world, _, run = ended(made)
    tasks = outcome_of_run(world, run)[1]
    assert ("each", 1, TaskInstanceState.SUCCESS) in tasks
    assert ("deeper", -1, TaskInstanceState.UPSTREAM_FAILED) in tasks
    assert ("after", -1, TaskInstanceState.UPSTREAM_FAILED) in tasks
