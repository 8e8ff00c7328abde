"""Setups and teardowns end as Airflow's rules say, whatever the order and the faults."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RunTask
from chalicelib.domain.states import TaskInstanceState
from chalicelib.simulation.faults import Killed
from tests.property.recorded import assert_it_ends_as_it_may, assert_it_ends_as_recorded
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may, assert_ended_as_usual
from tests.scripted.recorded import ids_of, recorded_dags, recorded_shapes
from tests.scripted.scenarios import (
    TEARDOWN,
    assert_nothing_is_held,
    deliver_in_any_order,
    final_states,
    start,
    step_with_faults,
    with_setups,
    with_tries_to_spare,
    world_of,
)

RECORDED = recorded_dags("setup_dags.json")


@given(with_setups(), st.integers())
def test_setups_and_teardowns_end_as_the_rules_say_in_any_order(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, run)
    assert len(world.tries) == len(set(world.tries))


@given(with_setups(), st.integers())
def test_setups_and_teardowns_survive_crashes_duplicates_and_delays(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(120):
        step_with_faults(world)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, run)
    assert_nothing_is_held(world)


@pytest.mark.parametrize("recorded", RECORDED, ids=ids_of(RECORDED))
def test_dags_with_setups_end_as_airflow_recorded_them(recorded: dict[str, Any]) -> None:
    assert_it_ends_as_recorded(recorded, recorded_shapes(recorded))


@pytest.mark.parametrize("recorded", RECORDED, ids=ids_of(RECORDED))
@pytest.mark.parametrize("seed", [1, 2])
def test_dags_with_setups_end_in_any_order_as_airflow_may_end_them(
    recorded: dict[str, Any], seed: int
) -> None:
    assert_it_ends_as_it_may(recorded, recorded_shapes(recorded), seed)


@pytest.mark.parametrize(
    ("behaviours", "state"),
    [
        (("ok", "fail for good"), TaskInstanceState.SUCCESS),
        (("skip", "skip"), TaskInstanceState.SKIPPED),
        (("skip", "fail for good"), TaskInstanceState.UPSTREAM_FAILED),
    ],
)
def test_a_teardown_of_many_upstreams_knows_its_setups_among_them(
    behaviours: tuple[str, str], state: TaskInstanceState
) -> None:
    first, second = behaviours
    work = [Shape(f"w{number:03d}") for number in range(2 * BUCKET_SIZE)]
    names = ("a", *(shape.task_id for shape in work), "z")
    setups = Shape("a", role="setup", behaviour=first), Shape("z", role="setup", behaviour=second)
    dag = ScriptedDag([setups[0], *work, setups[1], Shape("td", names, rule=TEARDOWN, role="teardown")])
    world = world_of(dag, 1)
    run = start(world, dag)
    deliver_in_any_order(world)
    assert final_states(world, dag, run)["td"] is state
    assert_ended_as_usual(world, dag, run)


DECIDES = {
    "setup": Shape("first", role="setup", behaviour="fail for good", retries=9),
    "short circuit": Shape("first", behaviour="short", retries=9),
}


@pytest.mark.parametrize("first", DECIDES.values(), ids=DECIDES)
@pytest.mark.parametrize("second_death", range(6))
@pytest.mark.parametrize("first_death", range(8))
def test_orders_for_tasks_further_down_outlive_two_handlers(
    first: Shape, first_death: int, second_death: int
) -> None:
    dag = ScriptedDag([first, Shape("near", ("first",)), Shape("far", ("near",), rule="all_done", retries=9)])
    world = world_of(dag, 1)
    run = start(world, dag)
    while not any(isinstance(message, RunTask) for message in world.queue.sent):
        world.deliver(world.queue.visible()[0])
    (message,) = [entry for entry in world.queue.visible() if "run_task" in entry.message]
    for death in (first_death, second_death):
        world.faults.arm(death, Killed, takes_effect=True)
        world.deliver(message)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
