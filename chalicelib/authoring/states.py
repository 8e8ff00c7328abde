"""States under Airflow's names (``airflow.utils.state``), and types of runs (``airflow.utils.types``)."""

from enum import StrEnum

from chalicelib.domain.states import DagRunState, TaskInstanceState

__all__ = ["DagRunState", "DagRunType", "State", "TaskInstanceState"]


class DagRunType(StrEnum):
    """What made a run, as Airflow names it."""

    BACKFILL_JOB = "backfill"
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    DATASET_TRIGGERED = "dataset_triggered"
    ASSET_TRIGGERED = "asset_triggered"


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
    UP_FOR_RESCHEDULE = TaskInstanceState.UP_FOR_RESCHEDULE
    REMOVED = TaskInstanceState.REMOVED

    dag_states = tuple(DagRunState)
    task_states = (None, *TaskInstanceState)
    running = frozenset({RUNNING})
    finished = frozenset({SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED, REMOVED})
    unfinished = frozenset({None, SCHEDULED, QUEUED, RUNNING, UP_FOR_RETRY, UP_FOR_RESCHEDULE})
    failed_states = frozenset({FAILED, UPSTREAM_FAILED})
    success_states = frozenset({SUCCESS, SKIPPED})
