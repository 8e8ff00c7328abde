"""DAGs whose end Airflow itself recorded (``tests/contract``), run by the engine in an order of choice."""

import json
from pathlib import Path
from typing import Any

from chalicelib.domain.graph.expansion import expansion_from_document
from chalicelib.domain.states import DagRunState
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import deliver_in_any_order, final_states, run_state, start, world_of

BEFORE_THE_RUN = "2024-12-31T00:00:00+00:00"
"""An end date that leaves a task out of the runs of these DAGs."""

_CONTRACT = Path(__file__).parents[1] / "contract"


def recorded_dags(file: str) -> list[dict[str, Any]]:
    """What a file of the contract holds: each DAG's tasks, and the states that they and the run ended in."""
    found: list[dict[str, Any]] = json.loads((_CONTRACT / file).read_text())
    return found


def assert_it_ends_as_recorded(recorded: dict[str, Any], seed: int) -> None:
    dag = ScriptedDag(recorded_shapes(recorded), dag_id=recorded["dag_id"])
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    assert final_states(world, dag, run) == recorded["expect"]["tasks"]
    assert run_state(world, dag) is DagRunState(recorded["expect"]["run"])


def recorded_shapes(recorded: dict[str, Any]) -> list[Shape]:
    """The shapes of a recorded DAG's tasks."""
    return [_shape(task) for task in recorded["tasks"]]


def _shape(task: dict[str, Any]) -> Shape:
    return Shape(
        task_id=task["id"],
        upstream=tuple(sorted(task["up"])),
        rule=task["rule"],
        behaviour=task["do"],
        follow=tuple(task.get("follow", ())),
        retries=task.get("retries", 1 if task["do"] == "flaky" else 0),
        role=task.get("role", "work"),
        fails_run=task.get("fails_run", False),
        end_date=BEFORE_THE_RUN if task.get("gone") else None,
        gently=task.get("gently", False),
        expansion=expansion_from_document(_expansion(task)),
        by_index=tuple(task.get("by_index", ())),
        choices=tuple(map(tuple, task.get("choices", ()))),
        returns=task.get("returns"),
    )


def _expansion(task: dict[str, Any]) -> dict[str, Any] | None:
    """What a task is mapped over, as a document says it."""
    if "own" in task:
        return {"own": task["own"]}
    return {"groups": task["groups"], "is_direct": task.get("is_direct", True)} if "groups" in task else None
