"""States under Airflow's names (``airflow.utils.state``)."""

from chalicelib.domain.states import DagRunState, TaskInstanceState

__all__ = ["DagRunState", "State", "TaskInstanceState"]


class State:
    """All states in one place, as DAG files of 1.10 name them."""

    NONE = None
    QUEUED = TaskInstanceState.QUEUED
    RUNNING = TaskInstanceState.RUNNING
    SUCCESS = TaskInstanceState.SUCCESS
    FAILED = TaskInstanceState.FAILED
    SKIPPED = TaskInstanceState.SKIPPED
    SCHEDULED = TaskInstanceState.SCHEDULED
    UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED
    UP_FOR_RETRY = TaskInstanceState.UP_FOR_RETRY
    REMOVED = TaskInstanceState.REMOVED
