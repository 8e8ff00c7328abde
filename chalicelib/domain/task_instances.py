"""Task instances: their fields, their keys, and the marks that their upstreams leave on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypedDict

from chalicelib.domain.generations import VOID, standing
from chalicelib.domain.graph import END_OF_RUN, NOT_MAPPED, Join
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState

SKIP_ORDER = "skip_order"
"""Mark of a task that orders this one to be skipped."""

HEARD = "heard"
"""Mark of a task further up that has ended and might have ordered a skip."""

COMPLETE = "complete"
"""Mark of a bucket all of whose upstreams have arrived."""

REPORTS = "reports"
"""Mark on a task instance itself: it tells the end of the run of its own end, whatever its place."""

OWED = "owed"
"""Mark at the end of the run: a task that the graph alone does not make it wait for."""

Marks = Mapping[str, frozenset[int]]
"""Numbers of upstreams (or buckets) by what they left: a final state or one of the above.

Numbers are coded with how often the task has been cleared (``generations``).
"""

NO_MARKS: Marks = MappingProxyType({})

MARK_NAMES: tuple[str, ...] = (
    *sorted(FINAL_STATES),
    SKIP_ORDER,
    HEARD,
    COMPLETE,
    VOID,
    REPORTS,
    OWED,
)
"""Every mark there is, in a fixed order."""

Parts = tuple[tuple[int, int], ...]
"""Slots held of a pool: pairs of shard number and slots."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInstance:
    """One task of one run. Datetimes are aware, in UTC; ``duration`` is in seconds.

    ``try_number`` is 0 before the first try is queued. ``lease_token`` names the invocation that runs
    the present try (the fencing token), ``lease_until`` when that invocation can no longer be alive.
    ``max_tries`` is the number of retries allowed (``None`` until the first try), ``retry_at`` when an
    ``up_for_retry`` goes on, ``sent_at`` when the message of a queued try was last sent and ``sends``
    how often, ``pool_parts`` the slots taken for the try, ``skips`` the tasks that it orders to be
    skipped, ``reason`` why the state is what it is. ``clears`` counts how often it was cleared, or set to
    a state by hand: what it told of its end before that is void.
    """

    run_uid: str
    task_id: str
    map_index: int = NOT_MAPPED
    state: TaskInstanceState | None = None
    try_number: int = 0
    clears: int = 0
    max_tries: int | None = None
    marks: Marks = field(default_factory=lambda: NO_MARKS)
    lease_token: str | None = None
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    sent_at: datetime | None = None
    sends: int = 0
    pool_parts: Parts = ()
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

    @property
    def key(self) -> str:
        """The key of the item within its run."""
        return task_key(self.task_id, self.map_index)

    @property
    def holder(self) -> str:
        """The name under which the present try holds slots of its pool."""
        return holder_name(self.run_uid, self.key, self.try_number)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What an item must be for a change to apply; ``None`` in ``states`` is an item nobody touched.

    ``updated_at`` tells a state from the same state come again (a try that was held back). ``clears``
    tells it from the same after a clear; ``voids``, the number of void marks, shows that no upstream was
    cleared since the marks were read.
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


def task_key(task_id: str, map_index: int = NOT_MAPPED) -> str:
    """Range key of a task instance. ``#`` cannot be part of Airflow's task ids."""
    return f"{task_id}#{map_index}"


def bucket_key(join: Join, bucket: int) -> str:
    """Range key of one bucket of a join with many upstreams."""
    return f"{join_key(join)}#bucket-{bucket:05d}"


def try_key(task_id: str, map_index: int, try_number: int) -> str:
    """Range key of a finished try."""
    return f"{task_key(task_id, map_index)}#try-{try_number:05d}"


def join_key(join: Join) -> str:
    """Range key of the item on which a join's marks are left: the task instance itself, or the sink."""
    return task_key(join.task_id)


END_OF_RUN_KEY = task_key(END_OF_RUN)


def holder_name(run_uid: str, key: str, try_number: int) -> str:
    """The name under which a try holds slots."""
    return f"{run_uid}/{key}/{try_number}"


def parse_holder_name(holder: str) -> tuple[str, str, int]:
    """Run uid, key and try number of a holder."""
    run_uid, key, try_number = holder.split("/")
    return run_uid, key, int(try_number)


def arrived_numbers(marks: Marks) -> frozenset[int]:
    """The numbers of those that have ended, and were not cleared since."""
    marks = standing(marks)
    return frozenset().union(*(marks.get(name, frozenset()) for name in (*FINAL_STATES, HEARD)))


def merged(marks: Marks, added: Mapping[str, int]) -> Marks:
    """The marks with one number added to each named one."""
    return {
        name: frozenset(marks.get(name, ())) | ({added[name]} if name in added else set())
        for name in {*marks, *added}
    }
