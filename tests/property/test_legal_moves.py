"""A world notices a move of a run that no table of moves has."""

import pytest

from chalicelib.domain.runs.reasons import MARKED_SUCCESS
from chalicelib.domain.states import DagRunState
from chalicelib.simulation.faults import PromiseBroken
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import run_state, start, world_of

DAG = ScriptedDag([Shape("a")])
QUEUED = frozenset({DagRunState.QUEUED})


def test_no_run_succeeds_before_it_has_begun() -> None:
    world = world_of(DAG, 1)
    run = start(world, DAG)
    with pytest.raises(PromiseBroken, match="moved from queued to success"):
        world.store.dag_runs.transition(run.ref, QUEUED, {"state": DagRunState.SUCCESS})


def test_no_run_goes_on_after_its_end_by_itself() -> None:
    world = world_of(DAG, 1)
    run = start(world, DAG)
    world.drain()
    assert run_state(world, DAG) is DagRunState.SUCCESS
    over = frozenset({DagRunState.SUCCESS})
    with pytest.raises(PromiseBroken, match="moved from success to running"):
        world.store.dag_runs.transition(run.ref, over, {"state": DagRunState.RUNNING})


def test_a_run_may_be_ended_by_hand_before_it_has_begun() -> None:
    world = world_of(DAG, 1)
    run = start(world, DAG)
    world.store.dag_runs.transition(run.ref, QUEUED, {"state": DagRunState.SUCCESS, "reason": MARKED_SUCCESS})
    assert run_state(world, DAG) is DagRunState.SUCCESS
