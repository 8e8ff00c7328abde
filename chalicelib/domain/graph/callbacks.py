"""Callbacks: the user's functions that are owed a call when a try or a run has ended, as in Airflow.

They are called by a message of their own, after the state was written: at least once, and whatever they
do changes nothing of the run.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.json_codec import NOT_SENT
from chalicelib.domain.runs.outcomes import InstanceFacts, TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState


class CallbackKind(StrEnum):
    """What a task (or, the first two, a DAG) may want to be told of; the names are Airflow's arguments.

    The last is none of a DAG's arguments: listeners of plugins want it, and hear of the first two with a DAG.
    """

    SUCCESS = "on_success_callback"
    FAILURE = "on_failure_callback"
    RETRY = "on_retry_callback"
    SKIPPED = "on_skipped_callback"
    """Only of a task that skips itself: what a branch or a trigger rule skips calls nothing."""
    RUN_STARTED = "on_dag_run_running"


DAG_CALLBACKS = frozenset({CallbackKind.SUCCESS, CallbackKind.FAILURE})
TASK_CALLBACKS = frozenset(CallbackKind) - {CallbackKind.RUN_STARTED}

_AFTER_TRY: dict[TaskInstanceState, CallbackKind] = {
    TaskInstanceState.SUCCESS: CallbackKind.SUCCESS,
    TaskInstanceState.FAILED: CallbackKind.FAILURE,
    TaskInstanceState.UP_FOR_RETRY: CallbackKind.RETRY,
    TaskInstanceState.SKIPPED: CallbackKind.SKIPPED,
}

_AFTER_RUN: dict[DagRunState, CallbackKind] = {
    DagRunState.RUNNING: CallbackKind.RUN_STARTED,
    DagRunState.SUCCESS: CallbackKind.SUCCESS,
    DagRunState.FAILED: CallbackKind.FAILURE,
}

_REASONS: dict[CallbackKind, str] = {
    CallbackKind.SUCCESS: "success",
    CallbackKind.FAILURE: "task_failure",
}


def kind_after_try(state: TaskInstanceState | None) -> CallbackKind | None:
    """Which of its task's callbacks a try calls that came to this state."""
    return None if state is None else _AFTER_TRY.get(state)


def called_with(kind: CallbackKind) -> tuple[CallbackKind, ...]:
    """Which callbacks are called where one of these is due: in Airflow 2 a skip is told to success, too."""
    return (kind, CallbackKind.SUCCESS) if kind is CallbackKind.SKIPPED else (kind,)


def due_of_task(callbacks: Iterable[CallbackKind]) -> frozenset[CallbackKind]:
    """What a task with such callbacks is to be told of."""
    given = frozenset(callbacks)
    return frozenset(kind for kind in CallbackKind if not given.isdisjoint(called_with(kind)))


def kind_after_run(state: DagRunState) -> CallbackKind | None:
    """Which of its DAG's callbacks a run calls that has come to this state."""
    return _AFTER_RUN.get(state)


def usual_reason(kind: CallbackKind) -> str:
    """Airflow's ``reason`` in the context of a DAG's callback, unless something else ended the run."""
    return _REASONS.get(kind, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedInstance:
    """A task instance as a callback sees it."""

    request: TryRequest
    """Says which task instance it is."""
    state: TaskInstanceState | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    """In seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallbackRequest:
    """Which callbacks are to be called, and with what."""

    dag_id: str
    fileloc: str
    """The deployed file of the DAG, relative to the DAGs folder."""
    kind: CallbackKind
    of_dag: bool
    """Whether the callbacks are the DAG's own, not a task's."""
    reason: str
    """Why the try or the run ended as it did."""
    run_state: DagRunState
    run_end_date: datetime | None
    instances: tuple[EndedInstance, ...]
    """The one whose task is called back; for the DAG's callbacks all of its run, in topological order."""
    find_task_instances: Callable[[], tuple[InstanceFacts, ...]] = field(
        default=lambda: (), repr=False, compare=False, metadata=NOT_SENT
    )
    """Finds the task instances of the run as they are now."""
    error: str | None = None
    """What was kept of the exception that failed the try; None: the reason tells of it."""
    time_left: timedelta | None = field(default=None, compare=False, metadata=NOT_SENT)
    """What the invocation still has; None: no end is known."""
