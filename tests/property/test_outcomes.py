"""Whatever the order and the faults, the final states are those of Airflow's rules (I1 to I7)."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.states import DagRunState
from chalicelib.simulation.faults import Killed
from tests.property.dags import ScriptedDag, Shape
from tests.property.scenarios import (
    EXECUTION_DATE,
    assert_ended_as_expected,
    assert_nothing_is_held,
    final_states,
    shapes,
    start,
    world_of,
)
from tests.property.simulator import World


@given(shapes(), st.integers())
def test_a_run_without_faults_ends_as_the_rules_say_in_any_order(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(300):
        visible = world.queue.visible()
        if not visible:
            break
        world.deliver(world.choose.choice(visible))
        world.check_pools()
    world.settle(dag.dag_id)
    assert_ended_as_expected(world, dag, run)
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
    assert_ended_as_expected(world, dag, run)
    assert_nothing_is_held(world)


def with_tries_to_spare(shape: Shape) -> Shape:
    """A worker that dies takes a try with it; the outcome must not depend on how many were lost."""
    behaviour = "fail for good" if shape.behaviour == "fail" else shape.behaviour
    return replace(shape, retries=100, behaviour=behaviour)


def step_with_faults(world: World) -> None:
    choose = world.choose
    if choose.random() < 0.5:
        error = choose.choice([Killed, StoreUnavailable])
        world.faults.arm(choose.randrange(12), error, takes_effect=choose.random() < 0.5)
    visible = world.queue.visible()
    if not visible or choose.random() < 0.1:
        world.advance(timedelta(seconds=choose.choice([1, 20, 60, 1200])))
        world.tick()
        return
    world.deliver(choose.choice(visible), keep=choose.random() < 0.2)


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
    assert_ended_as_expected(world, dag, run)


RANDOM_DAGS = Path(__file__).parents[1] / "contract" / "random_dags" / "random_dags.json"
RECORDED = json.loads(RANDOM_DAGS.read_text())


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["dag_id"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_dags_end_as_airflow_recorded_them(recorded: dict[str, Any], seed: int) -> None:
    dag = ScriptedDag(
        [
            Shape(
                task_id=task["id"],
                upstream=tuple(sorted(task["up"])),
                rule=task["rule"],
                behaviour=task["do"],
                follow=tuple(task.get("follow", ())),
                retries=1 if task["do"] == "flaky" else 0,
            )
            for task in recorded["tasks"]
        ],
        dag_id=recorded["dag_id"],
    )
    world = world_of(dag, seed)
    run = start(world, dag)
    while visible := world.queue.visible():
        world.deliver(world.choose.choice(visible))
    assert final_states(world, dag, run) == recorded["expect"]["tasks"]
    ended = world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE)
    assert ended is not None
    assert ended.state is DagRunState(recorded["expect"]["run"])
