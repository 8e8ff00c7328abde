"""Task instances: their fields, their keys, and the notes that their upstreams leave on them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.slots.pools import Parts, Places
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import asleep_token, holder_name, task_key
from chalicelib.domain.tasks.notes import NO_NOTES, Notes


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInstance:
    """One task of one run. Datetimes are aware, in UTC; ``duration`` is in seconds.

    ``try_number`` is 0 before the first try is queued. ``lease_token`` names the invocation that runs
    the present try (the fencing token), ``lease_until`` when that invocation can no longer be alive.
    ``max_tries`` is the number of retries allowed (``None`` until the first try), ``retry_at`` when an
    ``up_for_retry`` goes on, ``sent_at`` when the message of a queued try was last sent and ``sends``
    how often, ``pool_parts`` the slots taken for the try and ``places`` those under limits,
    ``reschedules`` how often the present try has given back what it held, ``skips`` the tasks that it
    orders to be skipped, ``reason`` why the state is what it is.

    Of a sensor: ``pokes`` counts those of the present try that ended without what it waits for,
    ``reschedule_date`` when it pokes next, ``first_poke_at`` what its timeout is counted from.

    ``clears`` counts how often it was cleared, or set to a state by hand: what it told of its end before
    that is void.
    """

    run_uid: str
    task_id: str
    map_index: int = NOT_MAPPED
    state: TaskInstanceState | None = None
    try_number: int = 0
    clears: int = 0
    max_tries: int | None = None
    notes: Notes = field(default_factory=lambda: NO_NOTES)
    lease_token: str | None = None
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    sent_at: datetime | None = None
    sends: int = 0
    pool_parts: Parts = ()
    places: Places = ()
    skips: tuple[str, ...] = ()
    queued_dttm: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    duration: float | None = None
    hostname: str | None = None
    unixname: str | None = None
    pid: int | None = None
    reason: str | None = None
    updated_at: datetime | None = None
    pokes: int = 0
    reschedules: int = 0
    reschedule_date: datetime | None = None
    first_poke_at: datetime | None = None

    @property
    def key(self) -> str:
        """The key of the item within its run."""
        return task_key(self.task_id, self.map_index)

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
    updated_at: datetime
    pokes: int
    reschedules: int
    reschedule_date: datetime | None
    first_poke_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What an item must be for a change to apply; ``None`` in ``states`` is an item nobody touched.

    ``updated_at`` tells a state from the same state come again (a try that was held back). ``clears``
    tells it from the same after a clear; ``voids``, the number of void notes, shows that no upstream was
    cleared since the notes were read.
    """

    states: frozenset[TaskInstanceState | None]
    try_number: int | None = None
    lease_token: str | None = None
    updated_at: datetime | None = None
    clears: int | None = None
    voids: int | None = None


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

    Buckets and the end of the run are items of the same shape, so their keys (``join#-1#bucket-00001``,
    ``#-1``) can be read too.
    """
    task_id, map_index = key.split("#")[:2]
    return TaskInstance(run_uid=run_uid, task_id=task_id, map_index=int(map_index))
