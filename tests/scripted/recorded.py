"""DAGs whose end Airflow itself recorded (``tests/contract``), as shapes."""

import json
from pathlib import Path
from typing import Any

from chalicelib.domain.graph.expansion import expansion_from_document
from chalicelib.domain.states import DagRunState, TaskInstanceState
from tests.scripted.airflow_model.tables import Outcome
from tests.scripted.dags import Shape

BEFORE_THE_RUN = "2024-12-31T00:00:00+00:00"
"""An end date that leaves a task out of the runs of these DAGs."""

_CONTRACT = Path(__file__).parents[1] / "contract"


def recorded_dags(file: str) -> list[dict[str, Any]]:
    """What a file of the contract holds: each DAG's tasks, and the states that they and the run ended in."""
    found: list[dict[str, Any]] = json.loads((_CONTRACT / file).read_text())
    return found


def ids_of(recorded: list[dict[str, Any]]) -> list[str]:
    """The names of their DAGs."""
    return [one["dag_id"] for one in recorded]


def recorded_outcome(recorded: dict[str, Any]) -> Outcome:
    """What Airflow recorded: by task id where no task is mapped, else by task id and map index."""
    tasks = recorded["expect"]["tasks"]
    rows = tasks if isinstance(tasks, list) else [(name, -1, state) for name, state in tasks.items()]
    ends = ((name, index, TaskInstanceState(state) if state else None) for name, index, state in rows)
    return DagRunState(recorded["expect"]["run"]), tuple(sorted(ends, key=lambda end: end[:2]))


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
