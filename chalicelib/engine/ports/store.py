"""The port of the store: one protocol per kind of record, and ``Store``, which holds them all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, Protocol, TypeVar

from chalicelib.auth.ports import ProofKey, Replays, Users
from chalicelib.domain.connections import Connections
from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.datasets.queues import Arrival, ArrivalStep, DatasetQueue
from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunRef, UnfinishedRun
from chalicelib.domain.runs.dags import Dag, DagImportError, DagVersion
from chalicelib.domain.runs.dataset_events import DatasetEvent, EventKey
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.domain.slots.pools import Parts, Pool, PoolShard, Waiter
from chalicelib.domain.states import DagRunState
from chalicelib.domain.tasks.task_instances import (
    Expected,
    FinishedTry,
    TaskInstance,
    TaskInstanceChange,
)
from chalicelib.domain.variables import Variables

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Write(Generic[T]):
    """What a conditional write came to: whether it applied, and the item as it is now."""

    applied: bool
    item: T


class Dags(Protocol):
    """Table ``dags``, ``dag_versions`` and ``import_errors``."""

    def get(self, dag_id: str) -> Dag | None:
        """The DAG, deleted ones included (``is_deleted``); 1 request."""

    def list(self) -> Iterator[Dag]:
        """All DAGs that are not deleted, for lists; 1 request per MB."""

    def save(self, dag: Dag) -> Dag:
        """What a sync found: creates the DAG, or renews version, fileloc, schedule and activity.

        Of a DAG that exists, generation, pause and latest run stay as they are. A deleted one stays
        deleted: ``revive`` brings it back. Returns the DAG as it is now.
        """

    def set_active(self, dag_id: str, active: bool) -> None:
        """Say whether a deployed file defines the DAG; an unknown one is left alone.

        One that is no longer defined has no next run.
        """

    def set_paused(
        self, dag_id: str, paused: bool, changed_by: str, at: datetime | None = None
    ) -> Dag | None:
        """Pause or unpause at a moment; the DAG as it is then, None if there is no such DAG. 1 request.

        ``at``: None notes no moment.
        """

    def pause_after(self, run: RunRef, end: str, changed_by: str, at: datetime) -> None:
        """Pause the DAG because a run of its present life has come to the ``end`` of that name; 1 request.

        Nothing changes if that end has paused it already, whatever was done since.
        """

    def set_next_run(
        self,
        dag: Dag,
        next_run: DataInterval | None,
        last_interval: DataInterval | None,
        *,
        ask_at: datetime | None = None,
        error: str | None = None,
    ) -> Write[Dag | None]:
        """Move on to the next automated run, if generation, version, pause and plan are as given.

        ``ask_at`` and ``error`` are of a DAG with a timetable of the user's own, see ``Dag``.
        ``item`` is the DAG as it is then. 1 request.
        """

    def due(self, now: datetime) -> Iterator[str]:
        """Ids of unpaused DAGs whose next run is due, for the tick. Reads an index, may be stale."""

    def set_latest_run(self, run: DagRun) -> None:
        """Make it the DAG's latest run if its execution date is the greatest yet; 1 request.

        Of the run that is the latest already, a start date is noted.
        """

    def mark_deleted(self, dag_id: str) -> Dag | None:
        """Delete: bump the generation, so that all runs become invisible; None if there is none."""

    def revive(
        self,
        dag_id: str,
        generation: int,
        *,
        is_paused: bool,
        next_run: DataInterval | None = None,
        at: datetime | None = None,
    ) -> None:
        """Bring a deleted, active DAG of that generation back, as if it had never run; 1 request.

        Any other is left alone. ``at``: the moment, until which it counts as paused; None notes none.
        """

    def note_altered(self, run: RunRef, clear_number: int) -> None:
        """Note among the DAG's ``altered_runs`` that run, as of that number of clears; 1 request.

        A DAG of another generation is left alone.
        """

    def forget_altered(self, run: RunRef, clear_number: int) -> None:
        """Take it off again; 1 request."""

    def version(self, dag_id: str, version: str) -> DagVersion | None:
        """A version; 0 requests when this process has read it before."""

    def save_version(self, version: DagVersion) -> None:
        """Keep a version; the same one again is no change."""

    def import_errors(self) -> Iterator[DagImportError]:
        """DAG files that could not be loaded, for lists."""

    def save_import_error(self, error: DagImportError) -> None:
        """Keep or renew the import error of a file."""

    def clear_import_error(self, filename: str) -> None:
        """Forget the import error of a file, if there is one."""


class DagRuns(Protocol):
    """Tables ``dag_runs``, ``dag_run_ids`` and ``unfinished_runs``."""

    def create(self, run: DagRun, due_at: datetime, kept: KeptAnswer | None = None) -> bool:
        """Create a run with its run id and its unfinished entry, all or nothing; 1 request.

        ``kept`` is kept with it. False if the execution date or the run id is taken by another run of
        the same generation, or the idempotency key by a live answer. True again for the same
        ``run_uid``. Runs of earlier generations are overwritten.
        """

    def get(self, dag_id: str, execution_date: datetime) -> DagRun | None:
        """The run at an instant, whatever its generation; 1 request."""

    def get_with_dag(self, dag_id: str, execution_date: datetime) -> tuple[Dag | None, DagRun | None]:
        """The DAG and the run (whatever its generation) in 1 request."""

    def get_by_run_id(self, dag_id: str, run_id: str) -> DagRun | None:
        """The run of an id, whatever its generation; 2 requests."""

    def list(
        self,
        dag_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = False,
        expected: int | None = None,
    ) -> Iterator[DagRun]:
        """Runs by execution date, whatever their generation, lazily; 1 request per MB.

        ``expected``: the caller hopes to need no more than that many, so the first request reads no more.
        """

    def transition(
        self,
        run: RunRef,
        from_states: frozenset[DagRunState],
        change: DagRunChange,
        *,
        fence: int | None = None,
    ) -> Write[DagRun | None]:
        """Change a run that is in one of these states (and has this fence, if one is given).

        ``item`` is None if the run is gone. 1 request.
        """

    def requeue(self, run: DagRun, change: DagRunChange, due_at: datetime) -> bool:
        """Change a run that is over so that it is not any more, and enter it among the unfinished ones.

        All or nothing; False if its state or its fence is not the given one any more. 1 request.
        """

    def get_many(self, dag_id: str, execution_dates: Iterable[datetime]) -> Iterator[DagRun]:
        """The runs at these different instants, in no order, without missing ones; 1 request per 100."""

    def unfinished(self, dag_id: str, *, expected: int | None = None) -> Iterator[UnfinishedRun]:
        """The runs of a DAG that are not over, by execution date; 1 request per MB.

        ``expected``: as in ``list``.
        """

    def first(self, dag_id: str, limit: int) -> Sequence[DagRun]:
        """The runs of the smallest execution dates, whatever their generation; 1 request."""

    def delete(self, run: DagRun) -> bool:
        """Delete a run with its run id and its unfinished entry; 3 requests.

        False, and the run itself stays, if its state is not the given one any more. What another run
        has written in its place is left alone.
        """

    def due(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        """(DAG id, execution date) of unfinished runs whose due time has passed, for the tick.

        Reads an index (16 shards), may be stale.
        """

    def move_due(self, run: RunRef, due_at: datetime) -> bool:
        """Set when the tick looks after a run; False if its unfinished entry is gone. 1 request."""

    def remove_unfinished(self, run: RunRef, clear_number: int = 0) -> None:
        """Take the run off the unfinished ones; 1 request.

        Only this ``run_uid``, and only as it was before it was cleared more than ``clear_number`` times.
        """


class TaskInstances(Protocol):
    """Table ``task_instances``."""

    def get(self, run_uid: str, key: str) -> TaskInstance | None:
        """One task instance; None if nothing touched it yet. 1 request."""

    def list(self, run_uid: str) -> Iterator[tuple[str, TaskInstance]]:
        """All items of a run with their keys: instances, buckets, the end of the run (not finished tries)."""

    def arrive(self, run_uid: str, key: str, added: Mapping[str, int]) -> Write[TaskInstance]:
        """Leave notes (one at least) on an item, made if missing; not applied if all were there.

        1 request. Raises ``ValueError`` where there is no note to leave.
        """

    def transition(
        self,
        run_uid: str,
        key: str,
        expected: Expected,
        change: TaskInstanceChange,
        added: Mapping[str, int] | None = None,
    ) -> Write[TaskInstance]:
        """Change an item that is as expected (made if missing and ``None`` is among the states), and
        leave notes on it in the same write. 1 request.
        """

    def save_finished_try(self, finished: FinishedTry) -> None:
        """Keep a finished try; one of that number that is kept already stays. 1 request."""

    def finished_tries(self, run_uid: str, task_id: str, map_index: int) -> Iterator[FinishedTry]:
        """The tries of a task instance that were followed by others, in order."""

    def delete_run(self, run_uid: str) -> None:
        """Delete all items of a run, finished tries included."""


class XComs(Protocol):
    """Table ``xcoms``; values are JSON texts."""

    def push(self, run_uid: str, task_id: str, map_index: int, key: str, value: str) -> None:
        """Keep a value, in place of an earlier one; 1 request (and 1 S3 request when large)."""

    def pull(self, run_uid: str, task_id: str, map_index: int, key: str) -> str | None:
        """The value, or None; 1 request (and 1 S3 request when large)."""

    def pull_all(self, run_uid: str, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        """Map index and value of each instance of a mapped task that has the key, by index.

        1 request per MB of what the task pushed, under whatever key, before the first value comes: the
        items lie in the order of their keys' texts. (1 S3 request for each large value, as it is read.)
        """

    def clear(self, run_uid: str, task_id: str, map_index: int) -> None:
        """Forget all values of a task instance, as Airflow does before each further try."""

    def delete_run(self, run_uid: str) -> None:
        """Forget all values of a run."""


class Pools(Protocol):
    """Tables ``pools`` and ``pool_waiters``."""

    def get(self, name: str) -> Pool | None:
        """The pool; 1 request."""

    def list(self) -> Iterator[Pool]:
        """All pools, for lists; 1 request per MB."""

    def save(self, pool: Pool) -> Pool:
        """Create a pool, or change slots, description and ``include_deferred`` of the one of that name.

        The id of an existing pool stays. All shards change in one transaction. Returns the pool.
        """

    def save_once(self, pool: Pool, keep: Callable[[Pool], KeptAnswer]) -> Pool | None:
        """Save a pool, and with it what ``keep`` makes of the pool as it becomes, all or nothing.

        None, and nothing changed, if the idempotency key is taken by a live answer.
        """

    def delete(self, name: str) -> Pool | None:
        """Delete a pool with its shards; None if there is none."""

    def shards(self, name: str) -> Sequence[PoolShard]:
        """All shards by number; 1 request. Empty if there is no such pool."""

    def all_shards(self) -> Iterator[PoolShard]:
        """The shards of all pools, for the audit by the tick: may be stale."""

    def take(self, name: str, holder: str, parts: Parts, now: datetime, *, in_turn: bool = False) -> bool:
        """Take slots from shards: one conditional update, or a transaction over several; 1 request.

        True also if it is this call, of that instant, which has taken them already. False, and nothing taken,
        if a shard is missing or has too little room, or if the holder has any slots of it from before: an
        audit that has read those may be about to drop them; ``in_turn``: or if others wait for the pool.
        """

    def give(self, name: str, holder: str, parts: Parts) -> bool:
        """Give slots back; what the holder does not hold is left alone. 1 request per part.

        True if tasks wait for the pool.
        """

    def swap(self, name: str, shard: int, leaving: str, entering: str, slots: int, now: datetime) -> bool:
        """Hand slots of one shard from a holder to the next; 1 request.

        False, and nothing changed, if the leaving one does not hold exactly these slots, if the shard
        was made smaller than what is held, or if tasks wait for the pool. True if it is this call, of that
        instant, which has handed them on already.
        """

    def add_waiter(self, waiter: Waiter) -> None:
        """Enter a waiter, then flag every shard as waited for."""

    def waiters(self, name: str, limit: int) -> Sequence[Waiter]:
        """The waiters for a pool, the next one first; 1 request."""

    def remove_waiter(self, waiter: Waiter) -> None:
        """Take a waiter off; one that is gone is no error. 1 request."""

    def clear_waiting(self, shard: PoolShard) -> None:
        """Take the flag of being waited for off a shard, unless a waiter came since it was read."""

    def drop_holder(self, shard: PoolShard, holder: str) -> bool:
        """Free the slots of a holder that is gone, unless it took them anew since the shard was read.

        True if tasks wait for the pool.
        """


class Lineage(Protocol):
    """Table ``lineage``."""

    def save(
        self, run_uid: str, task_id: str, map_index: int, inlets: Sequence[str], outlets: Sequence[str]
    ) -> None:
        """Keep a task instance's inlets and outlets (serialized texts) in a run."""

    def list(self, run_uid: str) -> Iterator[tuple[str, int, Sequence[str], Sequence[str]]]:
        """(task id, map index, inlets, outlets) of each task instance that has some; by task."""

    def delete_run(self, run_uid: str) -> None:
        """Forget the lineage of a run."""


class Datasets(Protocol):
    """Table ``datasets``: datasets and aliases, by their references."""

    def get_many(self, references: Iterable[str]) -> Iterator[Dataset]:
        """Those of these different references, in no order, without missing ones; 1 request per 100."""

    def list(self) -> Iterator[Dataset]:
        """All datasets and aliases, for lists; 1 request per MB."""

    def save(self, dataset: Dataset) -> None:
        """What a sync found: makes it, or renews names, extra, mentions and the time of it; 1 request.

        Of one that exists, id, time of creation and aliases stay as they are.
        """

    def bring(self, dataset: Dataset) -> None:
        """Add to the aliases that have brought events to a dataset, made if it is missing; 1 request.

        It gets its name, too, if it had none. Of one that exists, all else stays as it is.
        """


class DatasetEvents(Protocol):
    """Table ``dataset_events``."""

    def save(self, event: DatasetEvent) -> None:
        """Keep an event; the same one again is no change. 1 request."""

    def list(self, uri: str) -> Iterator[DatasetEvent]:
        """The events of a dataset, by their time; 1 request per MB."""

    def get_many(self, keys: Iterable[EventKey]) -> Iterator[DatasetEvent]:
        """The events of these different keys, in no order, without missing ones; 1 request per 100."""


class Arrived(Enum):
    """What the write of an arrival came to."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """The origin had arrived before; nothing was changed."""
    OVERTAKEN = "overtaken"
    """The queue is not the one that was read any more; nothing was changed."""
    DATE_TAKEN = "date_taken"
    """The run's date or id is another run's; nothing was changed."""


class DatasetQueues(Protocol):
    """Tables ``dataset_queues`` and ``dataset_arrivals``."""

    def get_with_dag(self, dag_id: str) -> tuple[Dag | None, DatasetQueue | None]:
        """A DAG and its queue; 1 request."""

    def arrive(self, step: ArrivalStep, run: DagRun | None, due_at: datetime) -> Arrived:
        """Write what an arrival makes of a queue, and the run that it makes (``step.run`` is its plan).

        All or nothing; 1 request. The run is written as ``DagRuns.create`` does it. An origin arrives once
        at a DAG, which remembers it.
        """

    def arrivals(self, run_uid: str) -> Iterator[Arrival]:
        """What a run by datasets has, or will have, of events, by their time; 1 request per MB."""

    def run_of(self, dag_id: str, origin: str) -> datetime | None:
        """The execution date of the run that an origin's arrival belongs to; None: there is none (yet).

        2 requests.
        """

    def delete_run(self, run_uid: str) -> None:
        """Forget what a run has of events."""

    def delete_dag(self, dag_id: str, generation: int) -> None:
        """Forget what has arrived for the DAG's lives before that one, and which runs it has made."""


class KeptAnswers(Protocol):
    """Table ``kept_answers``; they are written with what they are the answer to."""

    def get(self, scoped_key: str) -> KeptAnswer | None:
        """The answer of an idempotency key, maybe one that has expired; 1 request."""


class Payloads(Protocol):
    """Texts that may be too large for an item: inline, or in the bucket."""

    def keep(self, key: str, text: str) -> Payload:
        """Keep a text: inline up to ``INLINE_LIMIT``, else as an object of that key (1 S3 request)."""

    def read(self, payload: Payload) -> str:
        """The text (1 S3 request when it is not inline)."""


class TaskLogs(Protocol):
    """What tries print and log, in the bucket."""

    def save(self, run: RunRef, run_id: str, key: str, try_number: int, text: bytes) -> None:
        """Keep the log of a try, in place of an earlier one of the same try; 1 S3 request."""

    def read(self, run: RunRef, run_id: str, key: str, try_number: int) -> bytes | None:
        """The log of a try, or None if it left none; 1 S3 request."""

    def save_callback(
        self, run: RunRef, run_id: str, key: str | None, try_number: int, kind: str, text: bytes
    ) -> None:
        """Keep the log of callbacks of one kind beside the try's; 1 S3 request.

        Those of the DAG have neither key nor try. The same callbacks called again leave it in place of
        the earlier one.
        """

    def read_callback(
        self, run: RunRef, run_id: str, key: str | None, try_number: int, kind: str
    ) -> bytes | None:
        """The log of callbacks of one kind, or None if they were not called; 1 S3 request."""


class Store(Protocol):
    """Everything that is kept."""

    @property
    def dags(self) -> Dags:
        """DAGs, their versions and import errors."""

    @property
    def dag_runs(self) -> DagRuns:
        """DAG runs."""

    @property
    def task_instances(self) -> TaskInstances:
        """Task instances."""

    @property
    def xcoms(self) -> XComs:
        """XComs."""

    @property
    def pools(self) -> Pools:
        """Pools and their waiters."""

    @property
    def lineage(self) -> Lineage:
        """Lineage."""

    @property
    def datasets(self) -> Datasets:
        """Datasets and aliases."""

    @property
    def dataset_events(self) -> DatasetEvents:
        """Events of datasets."""

    @property
    def dataset_queues(self) -> DatasetQueues:
        """What has arrived for the DAGs that run by datasets."""

    @property
    def kept_answers(self) -> KeptAnswers:
        """Answers by idempotency key."""

    @property
    def variables(self) -> Variables:
        """Variables of DAG files."""

    @property
    def connections(self) -> Connections:
        """Connections of DAG files."""

    @property
    def users(self) -> Users:
        """Users with passwords."""

    @property
    def proof_key(self) -> ProofKey:
        """The key of the digests of proven credentials."""

    @property
    def replays(self) -> Replays:
        """Kerberos authenticators that were seen."""

    @property
    def payloads(self) -> Payloads:
        """Large texts."""

    @property
    def task_logs(self) -> TaskLogs:
        """Task logs."""
