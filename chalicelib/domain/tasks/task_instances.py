"""Task instances: their fields, their keys, and the notes that their upstreams leave on them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.deferrals import Deferral
from chalicelib.domain.slots.pools import Parts, Places
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import (
    asleep_token,
    deferred_token,
    holder_name,
    instance_name,
    parse_task_key,
    task_key,
)
from chalicelib.domain.tasks.notes import EARLY, NO_NOTES, Notes
from chalicelib.domain.tasks.voiding import coded


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInstance:
    """One task of one run. Datetimes are aware, in UTC."""

    run_uid: str
    task_id: str
    map_index: int = NOT_MAPPED
    """``NOT_MAPPED`` (-1) for a task that is not mapped."""
    state: TaskInstanceState | None = None
    """None while nothing was decided of it."""
    try_number: int = 0
    """0 before the first try is queued."""
    clears: int = 0
    """How often it was cleared, or set to a state by hand: what it told of its end before that is void."""
    is_withheld: bool = False
    """Whether its run timed out before it had begun: it keeps no state, and none can begin it."""
    max_tries: int | None = None
    """The number of retries allowed; None until the first try."""
    notes: Notes = field(default_factory=lambda: NO_NOTES)
    """What the ends of other tasks have left here."""
    lease_token: str | None = None
    """Names the invocation that runs the present try (the fencing token)."""
    lease_until: datetime | None = None
    """The moment when that invocation can no longer be alive."""
    retry_at: datetime | None = None
    """The moment when an ``up_for_retry`` goes on."""
    sent_at: datetime | None = None
    """The moment when the message of a queued try was last sent."""
    sends: int = 0
    """How often the message of a queued try was sent."""
    pool_parts: Parts = ()
    """The slots of its pool that were taken for the try."""
    places: Places = ()
    """The places under limits that were taken for the try."""
    skips: tuple[str, ...] = ()
    """The tasks that it orders to be skipped."""
    queued_dttm: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    duration: float | None = None
    """Of its last try, in seconds."""
    hostname: str | None = None
    unixname: str | None = None
    pid: int | None = None
    reason: str | None = None
    """Why the state is what it is, for people."""
    error: str | None = None
    """Of a failed try whose callbacks are to be told: the text that was kept of its exception."""
    updated_at: datetime | None = None
    pokes: int = 0
    """Of a sensor: the pokes of the present try that ended without what it waits for."""
    reschedules: int = 0
    """How often the present try has given back what it held."""
    reschedule_date: datetime | None = None
    """Of a sensor: the moment of its next poke."""
    first_poke_at: datetime | None = None
    """Of a sensor: the moment from which its timeout is counted."""
    map_length: int | None = None
    """Of a mapped task: into how many instances it was expanded; each of them says so too."""
    map_levels: tuple[int, ...] = ()
    """In mapped groups inside one another: the length of each, outermost first; else empty."""
    output_length: int | None = None
    """Where tasks are mapped over its output: how many instances that makes (of a mapped one: 1 or 0)."""
    rendered_map_index: str | None = None
    """What ``map_index_template`` makes of the instance: its name for people."""
    deferral: Deferral | None = None
    """Of a task that waits for a trigger, or whose try goes on since it has fired."""
    dataset_changes: Payload | None = None
    """Of a success: the text (``runs.dataset_changes``) of the datasets that it has changed."""

    @property
    def key(self) -> str:
        """The key of the item within its run."""
        return task_key(self.task_id, self.map_index)

    @property
    def name(self) -> str:
        """Its name for people."""
        return instance_name(self.task_id, self.map_index)

    @property
    def levels(self) -> tuple[int, ...]:
        """The lengths that a mapped task is expanded over, outermost first; their product is all of it."""
        return self.map_levels or ((self.map_length,) if self.map_length else ())

    @property
    def holder(self) -> str:
        """The name under which the present try holds slots of its pool."""
        return holder_name(self.run_uid, self.key, self.try_number, self.reschedules)

    def next_holder(self, try_number: int) -> str:
        """The name under which slots are held when this try is started now."""
        return holder_name(self.run_uid, self.key, try_number, self.next_reschedules(try_number))

    def next_reschedules(self, try_number: int) -> int:
        """How often a try has given its slots back when it is started now."""
        if try_number != self.try_number:
            return 0
        return self.reschedules + (self.state is TaskInstanceState.UP_FOR_RESCHEDULE)

    @property
    def waits_for_poke(self) -> bool:
        """Whether it is a sensor that waits for the time of its next poke."""
        return self.state is TaskInstanceState.UP_FOR_RESCHEDULE or self.is_asleep

    @property
    def is_between_windows(self) -> bool:
        """Whether it is deferred, and no invocation runs its trigger."""
        return self.state is TaskInstanceState.DEFERRED and (
            self.deferral is not None and self.lease_token == deferred_token(self.deferral.window)
        )

    @property
    def is_asleep(self) -> bool:
        """Whether it is a sensor between two pokes that keeps its slots (mode ``poke``).

        It shows as ``running``, as in Airflow, but no invocation runs it.
        """
        return (
            self.state is TaskInstanceState.RUNNING
            and self.pokes > 0
            and self.lease_token == asleep_token(self.pokes)
        )


class TaskInstanceChange(TypedDict, total=False):
    """Fields of a task instance that one write sets; ``None`` (and an empty tuple) removes."""

    state: TaskInstanceState | None
    try_number: int
    clears: int
    is_withheld: bool
    max_tries: int
    lease_token: str | None
    lease_until: datetime | None
    retry_at: datetime | None
    sent_at: datetime | None
    sends: int
    pool_parts: Parts
    places: Places
    skips: tuple[str, ...]
    queued_dttm: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    hostname: str | None
    unixname: str | None
    pid: int | None
    reason: str | None
    error: str | None
    updated_at: datetime
    pokes: int
    reschedules: int
    reschedule_date: datetime | None
    first_poke_at: datetime | None
    map_length: int | None
    map_levels: tuple[int, ...]
    output_length: int | None
    rendered_map_index: str | None
    deferral: Deferral | None
    dataset_changes: Payload | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What an item must be for a change to apply."""

    states: frozenset[TaskInstanceState | None]
    """None in it is an item that nothing has touched, or one that is withheld, as ``is_withheld`` says."""
    try_number: int | None = None
    lease_token: str | None = None
    updated_at: datetime | None = None
    """Tells a state from the same state come again (a try that was held back)."""
    clears: int | None = None
    """Tells an item from the same after a clear."""
    voids: int | None = None
    """The number of void notes: no upstream was cleared since the notes were read."""
    is_unexpanded: bool = False
    """Whether it must not be expanded yet."""
    is_withheld: bool = False
    """Of an item without a state: whether it must be withheld, or must not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedTry:
    """A try that ended and was followed by another one; Airflow keeps it as task instance history."""

    run_uid: str
    task_id: str
    map_index: int
    try_number: int
    state: TaskInstanceState
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    hostname: str | None
    reason: str | None


def untouched(run_uid: str, key: str) -> TaskInstance:
    """The task instance of a key before anything touched it.

    Buckets and the end of the run are items of the same shape, so their keys can be read too.
    """
    task_id, map_index = parse_task_key(key)
    return TaskInstance(run_uid=run_uid, task_id=task_id, map_index=map_index)


def is_early(item: TaskInstance) -> bool:
    """Whether it ended before all of its upstreams had, and has not been cleared since."""
    return coded(0, item.clears) in item.notes.get(EARLY, ())
