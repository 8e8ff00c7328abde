"""Recorded DAGs, run by the engine: in the order of sending, and in an order of choice."""

from typing import Any

import pytest

from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import outcome_of_run, outcomes
from tests.scripted.recorded import recorded_outcome
from tests.scripted.scenarios import deliver_in_any_order, start, world_of


def assert_it_ends_as_recorded(recorded: dict[str, Any], shapes: list[Shape]) -> None:
    """In the order of sending; Airflow's own passes are quick beside tries, too."""
    dag = ScriptedDag(shapes, dag_id=recorded["dag_id"])
    world = world_of(dag, 0)
    run = start(world, dag)
    world.drain()
    assert outcome_of_run(world, run) == recorded_outcome(recorded)


def assert_it_ends_as_it_may(recorded: dict[str, Any], shapes: list[Shape], seed: int) -> None:
    """In an order of choice: as some timing of Airflow's passes and tries ends it."""
    dag = ScriptedDag(shapes, dag_id=recorded["dag_id"])
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    allowed = outcomes(dag)
    if allowed is None:
        pytest.skip("too many orders of events to try them all")
    assert outcome_of_run(world, run) in allowed
