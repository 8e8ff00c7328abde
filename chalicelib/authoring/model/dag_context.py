"""The DAG, the task group and the DAG file that the code being executed is inside of.

Context variables, so that two threads that load files do not see each other's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.model.task_group import TaskGroup

_dags: ContextVar[tuple["DAG", ...]] = ContextVar("dags", default=())
_groups: ContextVar[tuple["TaskGroup", ...]] = ContextVar("groups", default=())
_collected: ContextVar[list["DAG"] | None] = ContextVar("collected", default=None)


def current_dag() -> "DAG | None":
    """The DAG of the innermost ``with DAG(...)``."""
    dags = _dags.get()
    return dags[-1] if dags else None


def current_group(dag: "DAG | None") -> "TaskGroup | None":
    """The innermost ``with TaskGroup(...)`` of that DAG, else the DAG's root group."""
    if dag is None:
        return None
    groups = _groups.get()
    if groups and groups[-1].dag is dag:
        return groups[-1]
    return dag.task_group


def enter_dag(dag: "DAG") -> None:
    """Make the DAG the current one."""
    _dags.set((*_dags.get(), dag))


def leave_dag() -> None:
    """Leave the current DAG; the file that is being loaded is told of it."""
    *outer, dag = _dags.get()
    _dags.set(tuple(outer))
    collected = _collected.get()
    if collected is not None and dag.auto_register and dag not in collected:
        collected.append(dag)


def enter_group(group: "TaskGroup") -> None:
    """Make the group the current one."""
    _groups.set((*_groups.get(), group))


def leave_group() -> None:
    """Leave the current group."""
    _groups.set(_groups.get()[:-1])


class DagContext:
    """Airflow's name for the DAG that is being defined."""

    @staticmethod
    def get_current_dag() -> "DAG | None":
        """The DAG of the innermost ``with DAG(...)``."""
        return current_dag()


@contextmanager
def collecting_dags() -> Iterator[list["DAG"]]:
    """Collect the DAGs that were entered inside: a DAG file need not keep them in a global name."""
    dags: list[DAG] = []
    tokens = (_collected.set(dags), _dags.set(()), _groups.set(()))
    try:
        yield dags
    finally:
        _collected.reset(tokens[0])
        _dags.reset(tokens[1])
        _groups.reset(tokens[2])
