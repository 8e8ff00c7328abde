"""Operators that skip tasks downstream: branches, and the mixin behind them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.running.context import get_current_context

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

        A direct successor that also comes after a chosen task is not skipped. Groups stand for their
        first tasks; None and an empty list choose nothing, so all are skipped. Raises
        ``AirflowException`` for anything else that names no task of the DAG.
        """
        dag = ti.task.dag
        chosen = _task_ids(branch_task_ids, dag)
        followed = set(chosen)
        for task_id in chosen:
            followed |= dag.get_task(task_id).get_flat_relative_ids(upstream=False)
        skipped = sorted(ti.task.downstream_task_ids - followed)
        ti.task.log.info("Following branch %s", sorted(chosen))
        ti.task.log.info("Skipping tasks %s", skipped)
        ti.skip(skipped)
        return chosen


class BranchMixIn(SkipMixin):
    """What branching operators share."""

    def do_branch(self, context: "Context", branches_to_execute: Any) -> Any:
        """Follow the branches, skip the rest; returns what was given."""
        self.skip_all_except(context["ti"], branches_to_execute)
        return branches_to_execute


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """A branch of the user's making: define ``choose_branch``."""

    def choose_branch(self, context: "Context") -> Any:
        """The id of the task to go on with, or several."""
        raise NotImplementedError

    def execute(self, context: "Context") -> Any:
        """Choose and follow."""
        return self.do_branch(context, self.choose_branch(context))


def _task_ids(chosen: Any, dag: "DAG") -> set[str]:
    if chosen is None:
        return set()
    names = {chosen} if isinstance(chosen, str) else chosen
    if not isinstance(names, Iterable):
        raise AirflowException(
            f"'branch_task_ids' must be either None, a task ID, or an Iterable of IDs, "
            f"but got {type(chosen).__name__!r}."
        )
    expanded: set[str] = set()
    wrong: list[Any] = []
    for name in names:
        group = dag.find_group(name) if isinstance(name, str) else None
        if group is not None:
            expanded |= {task.task_id for task in group.roots}
        elif isinstance(name, str) and dag.has_task(name):
            expanded.add(name)
        else:
            wrong.append(name)
    if wrong:
        raise AirflowException(
            f"'branch_task_ids' must contain only valid task_ids. Invalid tasks found: {wrong!r}."
        )
    return expanded
