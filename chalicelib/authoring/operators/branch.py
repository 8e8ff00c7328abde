"""Operators that skip tasks downstream: branches, and the mixin behind them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.mapped_group import mapped_groups_around
from chalicelib.authoring.model.mapped_operator import MappedOperator
from chalicelib.authoring.running.context import get_current_context
from chalicelib.domain.graph.expansion import length_of, sources_of

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance


class SkipMixin:
    """Orders tasks downstream of the running one to be skipped."""

    def skip(
        self,
        dag_run: Any,  # noqa: ARG002 - Airflow's signature; the running try knows its run
        execution_date: Any,  # noqa: ARG002 - as above
        tasks: Iterable[BaseOperator],
        map_index: int = -1,  # noqa: ARG002 - as above
    ) -> None:
        """Skip these tasks of the running DAG run."""
        get_current_context()["ti"].skip(task.task_id for task in tasks)

    def skip_all_except(self, ti: "TaskInstance", branch_task_ids: str | Iterable[str] | None) -> set[str]:
        """Skip the direct successors that lie on no chosen path; returns the ids chosen.

        A direct successor that also comes after a chosen task is not skipped, and neither is one that is
        mapped over literals: Airflow skips the instance without map index, and that has only such with one.
        None and an empty list choose nothing, so all are skipped. Raises ``AirflowException`` for anything
        else that names no task of the DAG: a group neither.
        """
        dag = ti.task.dag
        chosen = _task_ids(branch_task_ids, dag)
        followed = set(chosen)
        for task_id in chosen:
            followed |= dag.get_task(task_id).get_flat_relative_ids(upstream=False)
        left = ti.task.downstream_task_ids - followed
        skipped = sorted(
            name for name in left if ti.map_index >= 0 or not _has_its_indexes(dag.get_task(name))
        )
        ti.task.log.info("Following branch %s", sorted(chosen))
        ti.task.log.info("Skipping tasks %s", skipped)
        ti.skip(skipped)
        return chosen


class BranchMixIn(SkipMixin):
    """What branching operators share."""

    def do_branch(self, context: "Context", branches_to_execute: Any) -> Any:
        """Follow the branches, skip the rest; returns what was given. Groups stand for their first tasks."""
        ti = context["ti"]
        self.skip_all_except(ti, _with_roots_of_groups(branches_to_execute, ti.task.dag))
        return branches_to_execute


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """A branch of the user's making: define ``choose_branch``."""

    def choose_branch(self, context: "Context") -> Any:
        """The id of the task to go on with, or several."""
        raise NotImplementedError

    def execute(self, context: "Context") -> Any:
        """Choose and follow."""
        return self.do_branch(context, self.choose_branch(context))


def _has_its_indexes(task: BaseOperator) -> bool:
    """Whether a task is mapped, by itself or with a group, and the DAG file tells its length."""
    groups = mapped_groups_around(task.task_group)
    lengths = [task.length] if isinstance(task, MappedOperator) else [group.length for group in groups]
    if not lengths or any(list(sources_of(length)) for length in lengths):
        return False
    return all(length_of(length, {}) for length in lengths)


def _with_roots_of_groups(chosen: Any, dag: "DAG") -> list[Any] | None:
    if chosen is None:
        return None
    expanded: list[Any] = []
    for name in chosen if isinstance(chosen, Iterable) and not isinstance(chosen, str) else [chosen]:
        group = dag.find_group(name) if isinstance(name, str) else None
        expanded += [name] if group is None else [task.task_id for task in group.roots]
    return expanded


def _task_ids(chosen: Any, dag: "DAG") -> set[str]:
    if chosen is None:
        return set()
    if not isinstance(chosen, Iterable):
        raise AirflowException(
            "'branch_task_ids' must be either None, a task ID, or an Iterable of IDs, "
            f"but got {type(chosen).__name__!r}."
        )
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    if not_texts := [(name, type(name).__name__) for name in names if not isinstance(name, str)]:
        raise AirflowException(
            f"'branch_task_ids' expected all task IDs are strings. Invalid tasks found: {_as_set(not_texts)}."
        )
    if unknown := sorted({name for name in names if not dag.has_task(name)}):
        raise AirflowException(
            f"'branch_task_ids' must contain only valid task_ids. Invalid tasks found: {_as_set(unknown)}."
        )
    return set(names)


def _as_set(items: Iterable[Any]) -> str:
    """The items as Python shows a set, in their order."""
    return f"{{{', '.join(map(repr, items))}}}"
