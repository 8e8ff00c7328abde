"""What travels through the queues, typed. Handlers must take each message twice, late, or out of order."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.dag_runs import RunFacts, RunRef
from chalicelib.domain.graph import NOT_MAPPED
from chalicelib.domain.payload import Payload


@dataclass(frozen=True, kw_only=True, slots=True)
class StartRun:
    """A run was triggered: start it if its DAG is not paused."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class RescueRun:
    """Look after a run: redo what was lost.

    ``stopped_at``: the whole server was stopped then; no worker that began before is alive, no message
    sent before is on its way.
    """

    dag_id: str
    execution_date: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryTask:
    """The retry delay after a failed try has passed; ``try_number`` is the try that failed."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowTask:
    """A task instance has ended, or its try has; do what follows that was not done yet."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED


@dataclass(frozen=True, kw_only=True, slots=True)
class WakePool:
    """Slots of a pool became free while tasks wait for it."""

    pool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DagUnpaused:
    """A DAG was unpaused: start or go on with its unfinished runs."""

    dag_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLost:
    """The invocation that ran a try is known to be dead; its lease need not be waited for."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepDag:
    """A DAG was deleted: remove what its earlier lives left, then let it come back if a file defines it.

    ``generation`` is the one that began with the deletion.
    """

    dag_id: str
    generation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepRun:
    """A run went with its DAG while it ran: remove what workers wrote of it since."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class EndTasks:
    """A run was ended before its tasks: end those that are not over."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class AlterTasks:
    """Somebody cleared or marked tasks of a run; ``plan`` is the text of an ``alterations.Plan``."""

    run: RunRef
    plan: Payload


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeOutRun:
    """The time that a run may take has passed."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTask:
    """Run one try of a task; carries what the worker needs of the run."""

    run: RunFacts
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    max_tries: int


SchedulingMessage = (
    StartRun
    | RescueRun
    | RetryTask
    | FollowTask
    | WakePool
    | DagUnpaused
    | WorkerLost
    | SweepDag
    | SweepRun
    | EndTasks
    | AlterTasks
    | TimeOutRun
)
Message = SchedulingMessage | RunTask


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A message to be sent, visible to its receiver after ``delay_seconds`` (SQS: at most 900)."""

    message: Message
    delay_seconds: int = 0
