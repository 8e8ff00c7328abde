"""The messages of the queues, typed. A handler takes each of them twice, late, or out of order: I5."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, RunFacts, RunRef
from chalicelib.domain.runs.dataset_events import EventSource
from chalicelib.domain.schedule.timetables import DataInterval


@dataclass(frozen=True, kw_only=True, slots=True)
class StartRun:
    """A run was triggered: start it if its DAG is not paused."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTasks:
    """A run has started: open its next first tasks."""

    run: RunRef
    opened: int
    """How many first tasks were opened already: these come after so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInstances:
    """A mapped task was expanded: open its next instances."""

    run: RunRef
    task_id: str
    opened: int
    """How many of them were opened already: these come after so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RescueRun:
    """Look after a run: redo what was lost."""

    dag_id: str
    execution_date: datetime
    stopped_at: datetime | None = None
    """The whole server was stopped then: no worker that began before is alive, no message sent before is on
    its way. None: it was not."""

    @classmethod
    def of(cls, run: RunRef | DagRun) -> "RescueRun":
        """The message for a run."""
        return cls(dag_id=run.dag_id, execution_date=run.execution_date)


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryTask:
    """The retry delay after a failed try has passed."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    """The try that failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PokeTask:
    """The time of a sensor's next poke has come."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    pokes: int
    """How many pokes of this try were in vain."""


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
    """Automated runs of a DAG are due: make them."""

    dag_id: str
    renew: bool = False
    """Plan the next one anew first: the DAG was paused, and time has passed since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillDag:
    """Make the runs of a range of logical dates, both included, that are not there yet."""

    dag_id: str
    generation: int
    start_date: datetime
    end_date: datetime
    conf: Payload
    triggered_by: str
    last: DataInterval | None = None
    """The data interval of the last one made: what comes after it is left to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLost:
    """The invocation that ran a try is known to be dead; its lease need not be waited for."""

    run: RunRef
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EraseDag:
    """A DAG was deleted: remove what its earlier lives left, then let it come back if a file defines it."""

    dag_id: str
    generation: int
    """The life that began with the deletion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EraseRun:
    """A run went with its DAG while it ran: remove what workers wrote of it since."""

    run: RunRef
    until: datetime | None = None
    """When the last invocation that may write of it is over; further off than a message can be delayed, it is
    come to in several visits. None: this visit is the last that finds nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndTasks:
    """A run was ended before its tasks: end the tasks that are not over."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class AlterTasks:
    """Tasks of a run were cleared or marked by hand."""

    run: RunRef
    plan: Payload
    """The text of a ``plans.by_hand.Plan``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeOutRun:
    """The time that a run may take has passed."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterDatasetEvents:
    """Datasets were changed: keep the events, and make the runs of DAGs that run by them."""

    origin: str
    """Names what has changed them: however often the message comes, it is the same change."""
    timestamp: datetime
    changes: Payload
    """The text of ``runs.dataset_changes.changes_text``."""
    source: EventSource | None = None
    """None: it came from outside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTask:
    """Run one try of a task; carries what the worker needs of the run."""

    run: RunFacts
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    max_tries: int
    pokes: int = 0
    """The pokes of a sensor after which it slept."""
    begun_at: datetime | None = None
    """When the try of a sensor that has slept since (``is_asleep``) began; None for a try that is queued."""
    deferred_since: datetime | None = None
    """When the try of a task that was deferred since began; None for one that begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTrigger:
    """Run the trigger of a deferred task for a window."""

    run: RunFacts
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int
    window: int
    """The number of the window within the try."""
    due_at: datetime
    """When it begins; a message that comes before posts itself again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCallback:
    """Call the user back: a task after the end of a try, or the DAG after that of a run.

    Carries what the next try overwrites: the try's number, its times, and why it ended as it did.
    """

    run: RunFacts
    kind: CallbackKind
    reason: str
    error: str | None = None
    """What was kept of the exception that failed the try."""
    task_id: str | None = None
    """None: the callbacks are the DAG's."""
    map_index: int = NOT_MAPPED
    try_number: int = 0
    max_tries: int = 0
    start_date: datetime | None = None
    end_date: datetime | None = None
    """The try's or the run's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanNextRun:
    """Ask a DAG's own timetable for the run that follows the last one."""

    dag_id: str
    generation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class InferInterval:
    """Ask a DAG's own timetable for the data interval of a run by hand."""

    run: RunRef


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillByTimetable:
    """Make the runs of a backfill that a DAG's own timetable names."""

    backfill: BackfillDag


SchedulingMessage = (
    StartRun
    | OpenTasks
    | OpenInstances
    | RescueRun
    | RetryTask
    | PokeTask
    | FollowTask
    | WakePool
    | DagUnpaused
    | ScheduleDag
    | BackfillDag
    | WorkerLost
    | EraseDag
    | EraseRun
    | EndTasks
    | AlterTasks
    | TimeOutRun
    | RegisterDatasetEvents
)
TimetableMessage = PlanNextRun | InferInterval | BackfillByTimetable
"""What needs the user's own timetable."""

WorkerMessage = RunTask | RunCallback | TimetableMessage
"""What needs the user's code."""

TriggererMessage = RunTrigger
"""What needs the user's code, many side by side."""

Message = SchedulingMessage | WorkerMessage | TriggererMessage


LONGEST_DELAY_SECONDS = 900
"""SQS's limit; a message that is needed later posts itself again when it comes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A message to be sent."""

    message: Message
    delay_seconds: int = 0
    """The receiver sees it after so many, or earlier if they are too many for SQS."""
