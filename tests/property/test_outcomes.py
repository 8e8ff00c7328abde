"""Whatever the order and the faults, the final states are those of Airflow's rules (I1 to I7)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.recorded import assert_it_ends_as_it_may, assert_it_ends_as_recorded
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may
from tests.scripted.mapped_specs import shapes_of_mapped
from tests.scripted.recorded import ids_of, recorded_dags, recorded_shapes
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    deliver_in_any_order,
    shapes,
    start,
    step_with_faults,
    with_tries_to_spare,
    world_of,
)


@given(shapes(), st.integers())
def test_a_run_without_faults_ends_as_the_rules_say_in_any_order(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, run)
    assert len(world.tries) == len(set(world.tries))
    assert [shard.holders for shard in world.store.pools.all_shards() if shard.holders] == []


@given(shapes(), st.integers())
def test_a_run_survives_crashes_duplicates_delays_and_lost_replies(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag([with_tries_to_spare(shape) for shape in made])
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(120):
        step_with_faults(world)
        world.check_pools()
    world.settle(dag.dag_id)
    world.check_pools()
    assert_ended_as_airflow_may(world, dag, run)
    assert_nothing_is_held(world)


@given(shapes(), st.integers())
def test_messages_that_never_arrive_are_made_good_by_the_tick(made: list[Shape], seed: int) -> None:
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
    assert_ended_as_airflow_may(world, dag, run)


RANDOM = recorded_dags("random_dags/random_dags.json")
MAPPED = recorded_dags("mapped_dags/mapped_dags.json")
SCRIPTED = recorded_dags("scripted_dags/scripted_dags.json")
"""Each of these has one end only, in whatever order its tries end."""


@pytest.mark.parametrize("recorded", RANDOM, ids=ids_of(RANDOM))
def test_random_dags_end_as_airflow_recorded_them(recorded: dict[str, Any]) -> None:
    assert_it_ends_as_recorded(recorded, recorded_shapes(recorded))


@pytest.mark.parametrize("recorded", MAPPED, ids=ids_of(MAPPED))
def test_mapped_dags_end_as_airflow_recorded_them(recorded: dict[str, Any]) -> None:
    assert_it_ends_as_recorded(recorded, shapes_of_mapped(recorded))


@pytest.mark.parametrize("recorded", SCRIPTED, ids=ids_of(SCRIPTED))
def test_scripted_dags_end_as_airflow_recorded_them(recorded: dict[str, Any]) -> None:
    assert_it_ends_as_recorded(recorded, recorded_shapes(recorded))


@pytest.mark.parametrize("recorded", [*RANDOM, *SCRIPTED], ids=ids_of([*RANDOM, *SCRIPTED]))
def test_recorded_dags_end_in_any_order_as_airflow_may_end_them(recorded: dict[str, Any]) -> None:
    assert_it_ends_as_it_may(recorded, recorded_shapes(recorded), 1)
