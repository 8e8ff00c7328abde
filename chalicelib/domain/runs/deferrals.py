"""Deferrals: the trigger that a task waits for, how it goes on then, and what windows of triggers come to."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.json_codec import NOT_SENT
from chalicelib.domain.runs.other_runs import NoOtherRuns, OtherRuns

TIMED_OUT = "Trigger/execution timeout"
"""Airflow's text of a deferral that took too long."""

TRIGGER_FAILED = "Trigger failure"
"""Airflow's text of a trigger that raised, or ended without an event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deferring:
    """The deferral that a try asks for."""

    classpath: str
    """The import path of the trigger's class."""
    kwargs: str
    """What the trigger is built from again, as JSON text in the form of XComs."""
    method_name: str | None
    """The method of the operator by which the task goes on; None: the trigger ends the task itself."""
    method_kwargs: str
    """Its keywords, as JSON text in the form of XComs."""
    timeout_at: datetime | None = None
    """When the deferral has taken too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deferral:
    """The deferral of a task instance; it stays until the try is over, for the try goes on by it."""

    trigger_id: int
    """Told from others by run, task, try and window; Airflow's are integers, too."""
    window: int
    """The number of the next window of a trigger, or of the one at work, counted through the try."""
    classpath: str
    kwargs: str
    method_name: str | None
    method_kwargs: str
    created_at: datetime
    """When the task was deferred: what a trigger sleeps is counted from there."""
    began_at: datetime
    """When the try began."""
    due_at: datetime
    """When the next window begins."""
    timeout_at: datetime | None = None
    rounds: str = ""
    """The loop in which the trigger sleeps, as text that its windows hand on: what rounds change."""
    event: str | None = None
    """What the trigger has fired, as JSON text in the form of XComs."""
    error: str | None = None
    """Why the task is to fail instead."""
    traceback: str | None = None
    """Where the trigger raised."""

    @property
    def has_fired(self) -> bool:
        """Whether the task does not wait for the trigger any more."""
        return self.event is not None or self.error is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerRequest:
    """The trigger of one task, to be run for a window."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    trigger_id: int
    classpath: str
    kwargs: str
    created_at: datetime
    rounds: str = ""
    """As in ``Deferral``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowRequest:
    """Triggers of the tasks of one DAG file, to be run side by side for a window."""

    fileloc: str
    """The deployed DAG file, relative to the DAGs folder."""
    triggers: tuple[TriggerRequest, ...]
    time_left: timedelta | None = field(default=None, compare=False, metadata=NOT_SENT)
    """What the invocation still has when the request is made; None: no end is known."""
    other_runs: OtherRuns = field(default_factory=NoOtherRuns, compare=False, metadata=NOT_SENT)
    """The runs of all DAGs, to look at."""


class WindowResult(StrEnum):
    """How a window ended for one trigger."""

    WAITS = "waits"
    """Nothing came; the trigger goes on in another window."""
    FIRED = "fired"
    """It fired an event: the task goes on in a worker."""
    BROKEN = "broken"
    """It raised, ended without an event, or cannot be built again: the task fails in a worker."""
    SUCCESS = "success"
    """It fired Airflow's ``TaskSuccessEvent``, which ends the task without a worker."""
    FAILED = "failed"
    """As above: ``TaskFailedEvent``."""
    SKIPPED = "skipped"
    """As above: ``TaskSkippedEvent``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class XComToPush:
    """An XCom that an event carries which ends its task."""

    key: str
    value: str
    """JSON text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowOutcome:
    """What a window came to for one trigger."""

    result: WindowResult
    due_at: datetime | None = None
    """Of one that waits: when its next window begins."""
    rounds: str = ""
    """As above: as in ``Deferral``."""
    event: str | None = None
    """Of one that fired, as JSON text in the form of XComs."""
    traceback: str | None = None
    """Of one that is broken: where, or why."""
    xcoms: tuple[XComToPush, ...] = ()
    """Of one that ended its task."""
