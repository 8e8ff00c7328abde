"""Whatever handlers do at the same time, the final states are those of Airflow's rules (I1 to I7)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.simulation.crowd import Crowd, Occurrence
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    run_to_the_end,
    shapes,
    start,
    with_tries_to_spare,
    world_of,
)


@given(
    shapes(), st.sampled_from([0.0, 0.02, 0.1]), st.booleans(), st.sampled_from([1, 3, 10_000]), st.integers()
)
@examples(80)
def test_handlers_at_the_same_time_end_a_run_as_the_rules_say(
    made: list[Shape], faults: float, pausing: bool, max_active_tasks: int, seed: int
) -> None:
    # All in one small pool: that is where handlers meet.
    in_one_pool = [replace(with_tries_to_spare(shape), pool="small") for shape in made]
    dag = ScriptedDag(in_one_pool, max_active_tasks=max_active_tasks)
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, pausing=pausing)
    run = start(crowd.world, dag)
    run_to_the_end(crowd)
    assert_ended_as_airflow_may(crowd.world, dag, run)
    assert_nothing_is_held(crowd.world)


@given(shapes(), st.integers())
@examples(40)
def test_messages_that_come_again_and_late_and_killed_user_code_change_no_end(
    made: list[Shape], seed: int
) -> None:
    dag = ScriptedDag([replace(with_tries_to_spare(shape), pool="small") for shape in made])
    crowd = Crowd(
        world_of(dag, seed), dag.graph, faults=0.03, repeats=0.1, delays=0.1, kills=0.5, eagerness=0.9
    )
    told: list[Occurrence] = []
    crowd.tell = told.append
    run = start(crowd.world, dag)
    run_to_the_end(crowd)
    assert_ended_as_airflow_may(crowd.world, dag, run)
    assert_nothing_is_held(crowd.world)
    assert [each.at for each in told] == sorted(each.at for each in told)
