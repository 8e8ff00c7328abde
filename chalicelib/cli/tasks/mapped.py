"""``--map-index``: which instance of a mapped task a command is about."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chalicelib.domain.graph.graph import NOT_MAPPED

if TYPE_CHECKING:
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
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.engine.reading.queries import get_task_of_run

    is_mapped = get_task_of_run(engine, run, task_id).expansion is not None
    if is_mapped and map_index < 0:
        raise InvalidRequest(f"No map_index passed to mapped task {task_id}: name one with --map-index")
    if not is_mapped and map_index >= 0:
        raise InvalidRequest(f"map_index passed to non-mapped task {task_id}: leave --map-index out")
