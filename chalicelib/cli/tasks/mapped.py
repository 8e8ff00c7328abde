"""``--map-index``: which instance of a mapped task a command is about."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chalicelib.domain.graph.graph import NOT_MAPPED

if TYPE_CHECKING:
    from chalicelib.domain.graph.graph import Task
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.engine.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])

map_index_option: Callable[[Command], Command] = click.option(
    "--map-index", type=int, default=NOT_MAPPED, help="Of a mapped task, the instance of this map index."
)
map_indexes_option: Callable[[Command], Command] = click.option(
    "--map-index",
    "map_indexes",
    type=click.IntRange(min=0),
    multiple=True,
    help="Of a mapped task, only the instance of this map index; may be given several times.",
)


def check_map_index(engine: "Engine", run: "DagRun", task_id: str, map_index: int) -> None:
    """Raise ``InvalidRequest`` if a map index is missing or too much, as Airflow's commands do.

    Also ``TaskNotFound``, ``TaskInstanceNotFound``.
    """
    from chalicelib.engine.reading.queries import get_task_of_run

    _check(get_task_of_run(engine, run, task_id), map_index)


def check_map_index_of(engine: "Engine", dag_id: str, task_id: str, map_index: int) -> None:
    """The same for a task of the DAG as it is now, where no run says more; raises ``DagNotFound``, too."""
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.engine.graphs import graph_of
    from chalicelib.engine.lookup import get_dag

    task = graph_of(engine, dag_id, get_dag(engine, dag_id).version).task(task_id)
    _check(task, map_index)
    if task.is_mapped and task.literal_length is not None and map_index >= task.literal_length:
        raise InvalidRequest(
            f"{task_id} has no map_index {map_index}: its map indexes end before {task.literal_length}"
        )


def _check(task: "Task", map_index: int) -> None:
    from chalicelib.domain.errors import InvalidRequest

    if task.is_mapped and map_index < 0:
        raise InvalidRequest(f"No map_index passed to mapped task {task.task_id}: name one with --map-index")
    if not task.is_mapped and map_index >= 0:
        raise InvalidRequest(f"map_index passed to non-mapped task {task.task_id}: leave --map-index out")
