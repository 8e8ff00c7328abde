"""``>>`` and ``<<``: how tasks, groups, outputs and labels are put in order."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.model.task_group import TaskGroup


class DependencyMixin(ABC):
    """Something that can stand on either side of ``>>``."""

    @property
    def group_around(self) -> "TaskGroup | None":
        """The task group that it stands in; of a task that has no DAG yet None."""
        return self.roots[0].task_group if self.roots else None

    @property
    def beside_label(self) -> "DependencyMixin":
        """What takes its place where an edge label stands between members of several groups."""
        return self

    @property
    @abstractmethod
    def roots(self) -> Sequence["BaseOperator"]:
        """The tasks that come first in it."""

    @property
    @abstractmethod
    def leaves(self) -> Sequence["BaseOperator"]:
        """The tasks that come last in it."""

    def set_upstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:
        """Run after ``other``: a task, group or output, or a list of them."""
        for item in _flatten(other):
            connect(item, edge_modifier or self)
        if edge_modifier is not None:
            connect(edge_modifier, self)

    def set_downstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:
        """Run before ``other``: a task, group or output, or a list of them."""
        if edge_modifier is not None:
            connect(self, edge_modifier)
        for item in _flatten(other):
            connect(edge_modifier or self, item)

    def __rshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return self


class EdgeModifier(DependencyMixin):
    """What stands between two tasks in ``a >> Label("...") >> b``.

    The label is for readers of the file; the DAG keeps it, and ``get_edge_info`` gives it.
    """

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._before: list[DependencyMixin] = []
        self._after: list[DependencyMixin] = []

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        """None: a label is no task."""
        return ()

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        """None: a label is no task."""
        return ()

    def set_upstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:  # noqa: ARG002
        """Put something before the label, and so before all that is after it."""
        added = list(_flatten(other))
        self._before += added
        self._widen()
        for after in self._after:
            for item in added:
                self._connect(item, after)

    def set_downstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:  # noqa: ARG002
        """Put something after the label, and so after all that is before it."""
        added = list(_flatten(other))
        self._after += added
        self._widen()
        for before in self._before:
            for item in added:
                self._connect(before, item)

    def _connect(self, before: DependencyMixin, after: DependencyMixin) -> None:
        connect(before, after)
        for leaf, root in itertools.product(before.leaves, after.roots):
            leaf.dag.set_edge_info(leaf.task_id, root.task_id, {"label": self.label})

    def _widen(self) -> None:
        """Let the groups of tasks stand for them if they are of several, as Airflow does.

        It does so with what was there, not with what is just being put on the other side.
        """
        groups = [item.group_around for item in (*self._before, *self._after)]
        if self._before and self._after and len({group.group_id for group in groups if group}) != 1:
            self._before = [item.beside_label for item in self._before]
            self._after = [item.beside_label for item in self._after]


def Label(label: str) -> EdgeModifier:  # noqa: N802 - Airflow's name
    """An edge label, to stand between two tasks."""
    return EdgeModifier(label)


def connect(upstream: DependencyMixin, downstream: DependencyMixin) -> None:
    """Make the leaves of one run before the roots of the other.

    Raises ``AirflowException`` when they belong to different DAGs, or to none.
    """
    if isinstance(upstream, EdgeModifier):
        for root in downstream.roots:
            upstream.set_downstream(root)
        return
    if isinstance(downstream, EdgeModifier):
        for leaf in upstream.leaves:
            downstream.set_upstream(leaf)
        return
    leaves, roots = upstream.leaves, downstream.roots
    if not leaves or not roots:
        return
    dag = _common_dag([*leaves, *roots])
    for task in (*leaves, *roots):
        if task.dag_or_none is None:
            dag.add_task(task)
    for before in leaves:
        for after in roots:
            before.downstream_task_ids.add(after.task_id)
            after.upstream_task_ids.add(before.task_id)


def chain(*tasks: Any) -> None:
    """Put tasks, groups, labels or lists of them in a row; neighbouring lists pair up one by one."""
    for before, after in itertools.pairwise(tasks):
        if isinstance(before, list | tuple) and isinstance(after, list | tuple):
            _pair_up(before, after)
        else:
            for item in _flatten(before):
                item.set_downstream(after)


def cross_downstream(from_tasks: Any, to_tasks: Any) -> None:
    """Make each of ``to_tasks`` run after all of ``from_tasks``."""
    for task in _flatten(from_tasks):
        task.set_downstream(to_tasks)


def chain_linear(*elements: Any) -> None:
    """Put tasks, or lists of them, in a row; each task of a list comes after each of the list before."""
    if len(elements) < 2:
        raise ValueError("No dependencies were set: chain_linear needs two or more elements")
    for before, after in itertools.pairwise(elements):
        cross_downstream(before, after)


def _pair_up(before: Sequence[Any], after: Sequence[Any]) -> None:
    if len(before) != len(after):
        text = f"Chain not supported for different length Iterable. Got {len(before)} and {len(after)}."
        raise ValueError(text) if _is_of_airflow_3(before) else AirflowException(text)
    for first, second in zip(before, after, strict=True):
        first.set_downstream(second)


def _is_of_airflow_3(items: Sequence[Any]) -> bool:
    tasks = (task for item in _flatten(items) for task in item.leaves)
    return any(task.dag_or_none is not None and task.dag_or_none.is_of_airflow_3 for task in tasks)


def _flatten(items: Any) -> Iterator[DependencyMixin]:
    if isinstance(items, DependencyMixin):
        yield items
        return
    if not isinstance(items, list | tuple | set):
        raise AirflowException(
            f"Relationships can only be set between operators, groups and their outputs; "
            f"received {type(items).__name__}"
        )
    for item in items:
        yield from _flatten(item)


def _common_dag(tasks: Sequence["BaseOperator"]) -> "DAG":
    dags = {id(task.dag_or_none): task.dag_or_none for task in tasks if task.dag_or_none is not None}
    if not dags:
        raise AirflowException(
            "Tried to create relationships between tasks that don't have DAGs yet. "
            f"Set the DAG for at least one task and try again: {list(tasks)}"
        )
    if len(dags) > 1:
        raise AirflowException(
            f"Tried to set relationships between tasks in more than one DAG: {list(dags.values())}"
        )
    (dag,) = dags.values()
    return dag
