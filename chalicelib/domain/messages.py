"""The messages of the queues. A handler takes each of them twice, late, or out of order (invariant I5)."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import RunFacts, RunRef
from chalicelib.domain.schedule.timetables import DataInterval


@dataclass(frozen=True, kw_only=True, slots=True)
class StartRun:
    """A run was triggered: start it if its DAG is not paused."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTasks:
    """A run has started: open those of its first tasks that come after ``opened`` others."""

    run: RunRef
    opened: int


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
class PokeTask:
    """The time of a sensor's next poke has come; ``pokes`` is how many of this try were in vain."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    pokes: int


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
class ScheduleDag:
    """Automated runs of a DAG are due: make them.

    ``renew``: plan the next one anew first, for the DAG was paused and time has passed since.
    """

    dag_id: str
    renew: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillDag:
    """Make the runs of a range of logical dates, both included, that are not there yet.

    ``last`` is the data interval of the last one made: what comes after it is left to do.
    """

    dag_id: str
    generation: int
    start_date: datetime
    end_date: datetime
    conf: Payload
    triggered_by: str
    last: DataInterval | None = None


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
    """A run went with its DAG while it ran: remove what workers wrote of it since.

    ``until`` is when the last invocation that may write of it is over; further off than a message can be
    delayed, it is come to in several visits. None: this visit is the last that finds nothing.
    """

    run: RunRef
    until: datetime | None = None


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
    """Run one try of a task; carries what the worker needs of the run.

    ``begun_at`` is when the try began, if it is a sensor that has slept since (``is_asleep``) after that
    many ``pokes``; None for a try that is queued.
    """

    run: RunFacts
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    max_tries: int
    pokes: int = 0
    begun_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCallback:
    """Call the user back: a task after the end of a try, or (no ``task_id``) the DAG after that of a run.

    Carries what the next try overwrites: the try's number, its times, and why it ended as it did.
    ``end_date`` is the try's or the run's.
    """

    run: RunFacts
    kind: CallbackKind
    reason: str
    task_id: str | None = None
    map_index: int = NOT_MAPPED
    try_number: int = 0
    max_tries: int = 0
    start_date: datetime | None = None
    end_date: datetime | None = None


SchedulingMessage = (
    StartRun
    | OpenTasks
    | RescueRun
    | RetryTask
    | PokeTask
    | FollowTask
    | WakePool
    | DagUnpaused
    | ScheduleDag
    | BackfillDag
    | WorkerLost
    | SweepDag
    | SweepRun
    | EndTasks
    | AlterTasks
    | TimeOutRun
)
WorkerMessage = RunTask | RunCallback
"""What needs the user's code."""

Message = SchedulingMessage | WorkerMessage


LONGEST_DELAY_SECONDS = 900
"""SQS's limit; a message that is needed later posts itself again when it comes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A message to be sent; its receiver sees it after ``delay_seconds``, or earlier if they are too many."""

    message: Message
    delay_seconds: int = 0
