"""What becomes of the tasks of a run that is ended before they are."""

from chalicelib.domain.dag_runs import DagRun
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.task_instances import TaskInstance

MARKED_FAILED = "marked failed by hand"
"""Why a run was ended that somebody cancelled: Airflow's words for it are to mark it failed."""

MARKED_SUCCESS = "marked success by hand"
"""Why a run was ended that somebody declared to be a success."""


SET_BY_HAND = frozenset({MARKED_FAILED, MARKED_SUCCESS})
"""Reasons of runs that somebody ended, whatever their tasks did."""

_AT_WORK = frozenset({TaskInstanceState.RUNNING, TaskInstanceState.UP_FOR_RESCHEDULE})


def end_of(run: DagRun, item: TaskInstance) -> TaskInstanceState:
    """How a task instance that is not over ends with its run, as in Airflow.

    All are skipped, but those that run while somebody cancels the run (or that are sensors between two
    pokes): these fail.
    """
    if run.state is DagRunState.SUCCESS:
        return TaskInstanceState.SUCCESS
    if run.reason == MARKED_FAILED and item.state in _AT_WORK:
        return TaskInstanceState.FAILED
    return TaskInstanceState.SKIPPED
