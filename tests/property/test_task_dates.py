"""Runs that lack tasks of their DAG, for the tasks' own dates exclude them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.reasons import DEADLOCKED
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marking import mark_run_success
from tests.property.recorded import BEFORE_THE_RUN, assert_it_ends_as_recorded, recorded_dags
from tests.scripted.dags import ScriptedDag, Shape
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
    made = draw(st.one_of(shapes(), with_setups()))
    return [replace(shape, end_date=BEFORE_THE_RUN) if draw(st.booleans()) else shape for shape in made]


@pytest.mark.parametrize(
    "recorded", recorded_dags("dated_dags.json"), ids=lambda recorded: recorded["dag_id"]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_runs_that_lack_tasks_end_as_airflow_recorded_them(recorded: dict[str, Any], seed: int) -> None:
    assert_it_ends_as_recorded(recorded, seed)


@given(with_gaps(), st.integers())
def test_a_run_that_lacks_tasks_ends_whatever_is_lost(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(120):
        step_with_faults(world)
    world.settle(dag.dag_id)
    states = final_states(world, dag, run).values()
    assert all(TaskInstanceState(state).is_final for state in states if state is not None)
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
