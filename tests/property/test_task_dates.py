"""Runs that lack tasks of their DAG, for the tasks' own dates exclude them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import Expansion, Literal, MappedGroup, OutputOf
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.reasons import DEADLOCKED
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marking import mark_run_success
from chalicelib.engine.graphs import graph_of_run
from tests.property.recorded import assert_it_ends_as_it_may, assert_it_ends_as_recorded
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.mapped_scenarios import mapped_shapes
from tests.scripted.recorded import BEFORE_THE_RUN, ids_of, recorded_dags, recorded_shapes
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    assert_nothing_is_held,
    date_of,
    deliver_in_any_order,
    final_states,
    run_of,
    shapes,
    start,
    start_runs,
    step_with_faults,
    with_setups,
    with_tries_to_spare,
    world_of,
)


@st.composite
def with_gaps(draw: st.DrawFn) -> list[Shape]:
    made = draw(st.one_of(shapes(), with_setups(), mapped_shapes()))
    return [replace(shape, end_date=BEFORE_THE_RUN) if draw(st.booleans()) else shape for shape in made]


RECORDED = recorded_dags("dated_dags.json")


@pytest.mark.parametrize("recorded", RECORDED, ids=ids_of(RECORDED))
def test_runs_that_lack_tasks_end_as_airflow_recorded_them(recorded: dict[str, Any]) -> None:
    assert_it_ends_as_recorded(recorded, recorded_shapes(recorded))


@pytest.mark.parametrize("recorded", RECORDED, ids=ids_of(RECORDED))
@pytest.mark.parametrize("seed", [1, 2])
def test_runs_that_lack_tasks_end_in_any_order_as_airflow_may_end_them(
    recorded: dict[str, Any], seed: int
) -> None:
    assert_it_ends_as_it_may(recorded, recorded_shapes(recorded), seed)


@given(with_gaps(), st.integers())
def test_a_run_that_lacks_tasks_ends_whatever_is_lost(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(60):
        step_with_faults(world)
    world.settle(dag.dag_id)
    items = world.engine.items(run.run_uid)
    tasks = graph_of_run(world.engine, run).tasks.values()
    states = {item.state for task in tasks for item in items.instances_of(task)}
    assert all(state.is_final for state in states if state is not None)
    assert (None in states) is (run_of(world, dag).reason == DEADLOCKED)
    assert_nothing_is_held(world)


def stuck() -> ScriptedDag:
    return ScriptedDag(
        [
            Shape("old", end_date=BEFORE_THE_RUN),
            Shape("a"),
            Shape("waits", ("a", "old")),
            Shape("after", ("waits",), rule="all_done"),
            Shape("always", ("after",), rule="always"),
        ],
        callbacks=("on_failure_callback",),
    )


def test_a_deadlocked_run_fails_at_once_and_keeps_what_waits_without_a_state() -> None:
    dag = stuck()
    world = world_of(dag, 1)
    run = start(world, dag)
    deliver_in_any_order(world)
    assert (run_of(world, dag).state, run_of(world, dag).reason) == (DagRunState.FAILED, DEADLOCKED)
    success = TaskInstanceState.SUCCESS
    assert final_states(world, dag, run) == {"a": success, "waits": None, "after": None, "always": success}
    assert world.calls == [("", 0, "on_failure_callback")]


def test_a_deadlocked_run_that_is_cleared_is_deadlocked_again() -> None:
    dag = stuck()
    world = world_of(dag, 1)
    run = start(world, dag)
    deliver_in_any_order(world)
    choice = Choice(task_ids=("a",))
    clear_tasks(world.engine, ClearRequest(dag_id=dag.dag_id, execution_date=EXECUTION_DATE, choice=choice))
    assert run_of(world, dag).state is DagRunState.QUEUED
    world.settle(dag.dag_id)
    assert run_of(world, dag).reason == DEADLOCKED
    assert final_states(world, dag, run)["waits"] is None
    assert world.tries.count(("a", 2)) == 1


def test_a_deadlocked_run_can_be_declared_a_success() -> None:
    dag = stuck()
    world = world_of(dag, 1)
    run = start(world, dag)
    deliver_in_any_order(world)
    mark_run_success(world.engine, dag.dag_id, EXECUTION_DATE)
    world.settle(dag.dag_id)
    assert run_of(world, dag).state is DagRunState.SUCCESS
    assert set(final_states(world, dag, run).values()) == {TaskInstanceState.SUCCESS}


def test_a_run_before_all_of_its_tasks_is_a_success_without_any() -> None:
    dag = ScriptedDag([Shape("a", start_date="2026-01-01T00:00:00+00:00")])
    world = world_of(dag, 1)
    run = start(world, dag)
    deliver_in_any_order(world)
    assert run_of(world, dag).state is DagRunState.SUCCESS
    assert final_states(world, dag, run) == {}


def test_a_task_that_depends_on_past_waits_for_nothing_in_a_run_that_has_it_not() -> None:
    slow = Shape("slow", behaviour="fail", retries=9, retry_delay=3600)
    dag = ScriptedDag([slow, Shape("new", depends_on_past=True, start_date=date_of(1).isoformat())])
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    world.drain()
    assert "new" not in final_states(world, dag, first)
    assert final_states(world, dag, second)["new"] is TaskInstanceState.SUCCESS


def over(task_id: str) -> Expansion:
    return Expansion(own=OutputOf(task_id=task_id))


TWICE = Expansion(own=Literal(count=2))
GROUP_OVER_OLD = Expansion(groups=(MappedGroup(group_id="g", length=OutputOf(task_id="old")),))
GROUP_TWICE = Expansion(groups=(MappedGroup(group_id="g", length=Literal(count=2)),))
OLD = Shape("old", end_date=BEFORE_THE_RUN)
A = Shape("a")

MAPPED: dict[str, tuple[list[Shape], str, dict[str, str | None]]] = {
    "mapped over what the run has not": (
        [OLD, Shape("m", ("old",), expansion=over("old"))],
        "failed",
        {"m": None},
    ),
    "the same, of a rule that is met without it": (
        [
            OLD,
            A,
            Shape("m", ("old", "a"), rule="one_success", expansion=over("old")),
            Shape("z", ("m",), rule="all_done"),
        ],
        "success",
        {"a": "success", "m": "upstream_failed", "z": "success"},
    ),
    "the same, where a mapped upstream makes Airflow count instances": (
        [
            OLD,
            Shape("k", expansion=TWICE),
            Shape("m", ("old", "k"), expansion=over("old")),
            Shape("z", ("m",), rule="all_done"),
        ],
        "success",
        {"k#0": "success", "k#1": "success", "m": "upstream_failed", "z": "success"},
    ),
    "a group that is mapped over it": (
        [
            OLD,
            A,
            Shape("r", ("old", "a"), rule="one_success", expansion=GROUP_OVER_OLD),
            Shape("s", ("r",), rule="all_done", expansion=GROUP_OVER_OLD),
            Shape("t", ("a",), expansion=GROUP_OVER_OLD),
        ],
        "failed",
        {"a": "success", "r": "upstream_failed", "s": "upstream_failed", "t": None},
    ),
    "a mapped task that the run has not": (
        [
            Shape("m", expansion=TWICE, end_date=BEFORE_THE_RUN),
            A,
            Shape("x", ("m", "a")),
            Shape("y", ("m",), rule="all_done"),
        ],
        "success",
        {"a": "success", "x": "success", "y": "success"},
    ),
    "mapped over the outputs of that": (
        [Shape("m", expansion=TWICE, end_date=BEFORE_THE_RUN), Shape("n", ("m",), expansion=over("m"))],
        "success",
        {"n": "skipped"},
    ),
    "a task that the run has not, beside a mapped one": (
        [
            OLD,
            Shape("m", expansion=TWICE),
            Shape("x", ("m", "old")),
            Shape("y", ("m", "old"), rule="all_done"),
        ],
        "success",
        {"m#0": "success", "m#1": "success", "x": "success", "y": "success"},
    ),
    "a mapped task after it": (
        [OLD, A, Shape("m", ("old", "a"), expansion=TWICE), Shape("x", ("m",))],
        "failed",
        {"a": "success", "m#0": None, "m#1": None, "x": None},
    ),
    "a mapped group that begins with what waits for it": (
        [
            OLD,
            A,
            Shape("r", ("old",), rule="one_done", expansion=GROUP_TWICE),
            Shape("s", ("a", "r"), expansion=GROUP_TWICE),
        ],
        "failed",
        {"a": "success", "r#0": None, "r#1": None, "s#0": None, "s#1": None},
    ),
    "in the middle of a mapped group": (
        [
            Shape("r", expansion=GROUP_TWICE),
            Shape("s", ("r",), expansion=GROUP_TWICE, end_date=BEFORE_THE_RUN),
            Shape("t", ("s",), expansion=GROUP_TWICE),
            Shape("u", ("t",), rule="all_done"),
        ],
        "success",
        {"r#0": "success", "r#1": "success", "t#0": "success", "t#1": "success", "u": "success"},
    ),
}
"""Shapes, and how Airflow 2.10.5 ended such runs and their task instances."""


@pytest.mark.parametrize("name", MAPPED)
def test_mapped_tasks_and_tasks_that_the_run_has_not_end_as_in_airflow(name: str) -> None:
    made, ends, recorded = MAPPED[name]
    dag = ScriptedDag(made)
    world = world_of(dag, 1)
    run = start(world, dag)
    deliver_in_any_order(world)
    items = world.engine.items(run.run_uid)
    tasks = graph_of_run(world.engine, run).tasks.values()
    instances = [item for task in tasks for item in items.instances_of(task)]
    names = (
        item.task_id if item.map_index == NOT_MAPPED else f"{item.task_id}#{item.map_index}"
        for item in instances
    )
    assert dict(zip(names, (item.state for item in instances), strict=True)) == recorded
    assert run_of(world, dag).state is DagRunState(ends)
