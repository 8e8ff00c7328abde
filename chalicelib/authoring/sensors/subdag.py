"""``SubDagOperator``: a task that is a run of a DAG of its own."""

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model import dag_context
from chalicelib.authoring.operators.branch import SkipMixin
from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.states import DagRunState, TaskInstanceState
from chalicelib.domain.runs.other_runs import OtherRun, WantedRun, WatchedTasks

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance

_ENDS = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})


class SkippedStatePropagationOptions(Enum):
    """Which leaves of a sub-DAG have to be skipped so that what comes after the task is."""

    ALL_LEAVES = "all_leaves"
    ANY_LEAF = "any_leaf"


class SubDagOperator(BaseSensorOperator, SkipMixin):
    """Makes a run of the DAG ``subdag``, of the same id and date, and ends as that does.

    A run that is there goes on: of one that has failed what failed is cleared, of one that has succeeded all.
    The sub-DAG has no schedule of its own and is not paused when it is deployed. Raises ``AirflowException``
    where its id is not that of the DAG and the task.
    """

    ui_color = "#555"
    ui_fgcolor = "#fff"

    def __init__(
        self,
        *,
        subdag: "DAG",
        conf: Mapping[str, Any] | None = None,
        propagate_skipped_state: SkippedStatePropagationOptions | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subdag = subdag
        self.conf = conf
        self.propagate_skipped_state = propagate_skipped_state
        dag = kwargs.get("dag") or dag_context.current_dag()
        if dag is None:
            raise AirflowException("Please pass in the `dag` param or call within a DAG context manager")
        expected = f"{dag.dag_id}.{kwargs['task_id']}"
        if subdag.dag_id != expected:
            raise AirflowException(
                "The subdag's dag_id should have the form '{parent_dag_id}.{this_task_id}'. "
                f"Expected '{expected}'; received '{subdag.dag_id}'."
            )
        subdag.become_subdag_of(dag)

    def execute(self, context: "Context") -> None:
        """Let the run go, wait for its end, and end so."""
        ti: TaskInstance = context["ti"]
        if not ti.goes_on and ti.pokes == 0:
            self._begin(ti)
        super().execute(context)
        run = self._run(ti)
        if run is None or run.state is not DagRunState.SUCCESS:
            raise AirflowException(f"Expected state: SUCCESS. Actual state: {run and run.state}")
        if self.propagate_skipped_state and self._has_skipped(ti):
            ti.skip(self.downstream_task_ids)

    def poke(self, context: "Context") -> bool:
        """Whether the run is over."""
        run = self._run(context["ti"])
        return run is None or run.state in _ENDS

    def _begin(self, ti: "TaskInstance") -> None:
        run = self._run(ti)
        if run is None:
            ti.other_runs.trigger(
                WantedRun(
                    dag_id=self.subdag.dag_id,
                    run_id=ti.run_id,
                    execution_date=ti.logical_date,
                    conf=dict(self.conf or {}),
                )
            )
        elif run.state in _ENDS:
            ti.other_runs.clear(run, only_failed=run.state is DagRunState.FAILED)

    def _run(self, ti: "TaskInstance") -> OtherRun | None:
        return ti.other_runs.find(self.subdag.dag_id, None, ti.logical_date)

    def _has_skipped(self, ti: "TaskInstance") -> bool:
        leaves = tuple(task.task_id for task in self.subdag.leaves)
        watched = WatchedTasks(dag_id=self.subdag.dag_id, execution_dates=(ti.logical_date,), task_ids=leaves)
        states = [
            state for run in ti.other_runs.watch(watched) for task in run.tasks for state in task.states
        ]
        skipped = [state is TaskInstanceState.SKIPPED for state in states]
        wants_all = self.propagate_skipped_state is SkippedStatePropagationOptions.ALL_LEAVES
        return bool(skipped) and (all(skipped) if wants_all else any(skipped))
