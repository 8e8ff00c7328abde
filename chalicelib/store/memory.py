"""The store in memory: the twin of ``dynamodb`` for tests, the fault simulator and ``dags test``.

Dicts of the frozen domain objects behind one lock, so each method is as atomic as its one write is in
DynamoDB. Nothing outlives the process.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count, islice
from threading import RLock

from chalicelib.auth.users import LoginRecord, User
from chalicelib.domain.dag_runs import DagRun, DagRunChange, RunRef, UnfinishedRun
from chalicelib.domain.dags import Dag, DagImportError, DagVersion, LatestRun
from chalicelib.domain.generations import VOID
from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.payload import Payload, fits_inline
from chalicelib.domain.pools import Holding, Pool, PoolShard, Waiter
from chalicelib.domain.states import DagRunState
from chalicelib.domain.task_instances import (
    Expected,
    FinishedTry,
    Parts,
    TaskInstance,
    TaskInstanceChange,
    merged,
    task_key,
)
from chalicelib.domain.timetables import DataInterval
from chalicelib.engine.ports import Write
from chalicelib.store.keys import untouched
from chalicelib.store.repeats import bears, shows
from chalicelib.store.resizing import resized, resizing


class MemoryStore:
    """Implements ``engine.ports.Store``; safe to share among threads."""

    def __init__(self) -> None:
        lock = RLock()
        self.dags = MemoryDags(lock)
        self.kept_answers = MemoryKeptAnswers(lock)
        self.dag_runs = MemoryDagRuns(lock, self.dags, self.kept_answers)
        self.task_instances = MemoryTaskInstances(lock)
        self.xcoms = MemoryXComs(lock)
        self.pools = MemoryPools(lock, self.kept_answers)
        self.lineage = MemoryLineage(lock)
        self.payloads = MemoryPayloads(lock)
        self.task_logs = MemoryTaskLogs(lock)
        self.users = MemoryUsers(lock)
        self.replays = MemoryReplays(lock)


class MemoryDags:
    """Implements ``engine.ports.Dags``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._dags: dict[str, Dag] = {}
        self._versions: dict[tuple[str, str], DagVersion] = {}
        self._import_errors: dict[str, DagImportError] = {}

    def get(self, dag_id: str) -> Dag | None:
        """See the port."""
        return self._dags.get(dag_id)

    def list(self) -> Iterator[Dag]:
        """See the port."""
        with self._lock:
            return iter([dag for dag in self._dags.values() if not dag.is_deleted])

    def save(self, dag: Dag) -> Dag:
        """See the port."""
        with self._lock:
            known = self._dags.get(dag.dag_id)
            if known is None:
                saved = replace(dag, is_deleted=False, latest_run=None, next_run=None, last_interval=None)
            else:
                saved = replace(
                    known,
                    version=dag.version,
                    fileloc=dag.fileloc,
                    is_active=dag.is_active,
                    schedule=dag.schedule,
                    default_start_date=dag.default_start_date,
                )
            self._dags[dag.dag_id] = saved
            return saved

    def set_active(self, dag_id: str, active: bool) -> None:
        """See the port."""
        with self._lock:
            if dag := self._dags.get(dag_id):
                next_run = dag.next_run if active else None
                self._dags[dag_id] = replace(dag, is_active=active, next_run=next_run)

    def set_paused(self, dag_id: str, paused: bool, changed_by: str) -> Dag | None:
        """See the port."""
        with self._lock:
            dag = self._dags.get(dag_id)
            if dag is None or dag.is_deleted:
                return None
            self._dags[dag_id] = replace(dag, is_paused=paused, pause_changed_by=changed_by)
            return self._dags[dag_id]

    def set_next_run(
        self, dag: Dag, next_run: DataInterval | None, last_interval: DataInterval | None
    ) -> Write[Dag | None]:
        """See the port."""
        with self._lock:
            known = self._dags.get(dag.dag_id)
            if known is None or known.is_deleted or _planning_basis(known) != _planning_basis(dag):
                is_done = known is not None and _plan(known) == (next_run, last_interval)
                return Write(applied=is_done, item=known)
            planned = replace(known, next_run=next_run, last_interval=last_interval)
            self._dags[dag.dag_id] = planned
            return Write(applied=True, item=planned)

    def due(self, now: datetime) -> Iterator[str]:
        """See the port."""
        with self._lock:
            listed = [dag for dag in self._dags.values() if not (dag.is_paused or dag.is_deleted)]
            return iter([dag.dag_id for dag in listed if dag.next_run and dag.next_run.run_after <= now])

    def set_latest_run(self, run: DagRun) -> None:
        """See the port."""
        with self._lock:
            dag = self._dags.get(run.dag_id)
            if dag is None or dag.generation != run.generation:
                return
            known = dag.latest_run
            is_started = known and known.run_uid == run.run_uid and run.start_date
            if known and known.execution_date >= run.execution_date and not is_started:
                return
            latest = LatestRun(
                execution_date=run.execution_date, run_uid=run.run_uid, start_date=run.start_date
            )
            self._dags[run.dag_id] = replace(dag, latest_run=latest)

    def mark_deleted(self, dag_id: str) -> Dag | None:
        """See the port."""
        with self._lock:
            dag = self._dags.get(dag_id)
            if dag is None or dag.is_deleted:
                return None
            deleted = replace(dag, generation=dag.generation + 1, is_deleted=True)
            self._dags[dag_id] = deleted
            return deleted

    def revive(
        self, dag_id: str, generation: int, *, is_paused: bool, next_run: DataInterval | None = None
    ) -> None:
        """See the port."""
        with self._lock:
            dag = self._dags.get(dag_id)
            if dag is None or not dag.is_deleted or not dag.is_active or dag.generation != generation:
                return
            self._dags[dag_id] = replace(
                dag,
                is_deleted=False,
                is_paused=is_paused,
                latest_run=None,
                pause_changed_by=None,
                next_run=next_run,
                last_interval=None,
            )

    def version(self, dag_id: str, version: str) -> DagVersion | None:
        """See the port."""
        return self._versions.get((dag_id, version))

    def save_version(self, version: DagVersion) -> None:
        """See the port."""
        with self._lock:
            self._versions.setdefault((version.dag_id, version.version), version)

    def import_errors(self) -> Iterator[DagImportError]:
        """See the port."""
        with self._lock:
            return iter([*self._import_errors.values()])

    def save_import_error(self, error: DagImportError) -> None:
        """See the port."""
        with self._lock:
            self._import_errors[error.filename] = error

    def clear_import_error(self, filename: str) -> None:
        """See the port."""
        with self._lock:
            self._import_errors.pop(filename, None)


def _planning_basis(dag: Dag) -> tuple[object, ...]:
    return dag.generation, dag.version, dag.is_paused, dag.next_run


def _plan(dag: Dag) -> tuple[DataInterval | None, DataInterval | None]:
    return dag.next_run, dag.last_interval


class MemoryDagRuns:
    """Implements ``engine.ports.DagRuns``."""

    def __init__(self, lock: RLock, dags: MemoryDags, kept_answers: "MemoryKeptAnswers") -> None:
        self._lock = lock
        self._dags = dags
        self._kept_answers = kept_answers
        self._runs: defaultdict[str, dict[datetime, DagRun]] = defaultdict(dict)
        self._by_run_id: dict[tuple[str, str], DagRun] = {}
        self._unfinished: defaultdict[str, dict[datetime, UnfinishedRun]] = defaultdict(dict)

    def create(self, run: DagRun, due_at: datetime, kept: KeptAnswer | None = None) -> bool:
        """See the port."""
        with self._lock:
            rivals = (self.get(run.dag_id, run.execution_date), self._by_run_id.get((run.dag_id, run.run_id)))
            taken = [rival for rival in rivals if rival and rival.generation >= run.generation]
            if taken:
                return any(rival.run_uid == run.run_uid for rival in taken)
            if kept and not self._kept_answers.keep(kept):
                return False
            self._runs[run.dag_id][run.execution_date] = run
            self._by_run_id[run.dag_id, run.run_id] = run
            self._unfinished[run.dag_id][run.execution_date] = UnfinishedRun(run=run.ref, due_at=due_at)
            return True

    def get(self, dag_id: str, execution_date: datetime) -> DagRun | None:
        """See the port."""
        return self._runs.get(dag_id, {}).get(execution_date)

    def get_with_dag(self, dag_id: str, execution_date: datetime) -> tuple[Dag | None, DagRun | None]:
        """See the port."""
        with self._lock:
            return self._dags.get(dag_id), self.get(dag_id, execution_date)

    def get_many(self, dag_id: str, execution_dates: Iterable[datetime]) -> Iterator[DagRun]:
        """See the port."""
        with self._lock:
            found = [self.get(dag_id, date) for date in execution_dates]
            return iter([run for run in found if run is not None])

    def get_by_run_id(self, dag_id: str, run_id: str) -> DagRun | None:
        """See the port."""
        with self._lock:
            created = self._by_run_id.get((dag_id, run_id))
            run = created and self.get(dag_id, created.execution_date)
            return run if run and created and run.run_uid == created.run_uid else None

    def list(
        self,
        dag_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = False,
        expected: int | None = None,  # noqa: ARG002 - here a run costs nothing before it is read
    ) -> Iterator[DagRun]:
        """See the port."""
        with self._lock:
            dates = [
                date
                for date in self._runs[dag_id]
                if (since is None or since <= date) and (until is None or date <= until)
            ]
            return iter([self._runs[dag_id][date] for date in sorted(dates, reverse=descending)])

    def transition(
        self,
        run: RunRef,
        from_states: frozenset[DagRunState],
        change: DagRunChange,
        *,
        fence: int | None = None,
    ) -> Write[DagRun | None]:
        """See the port."""
        with self._lock:
            item = self.get(run.dag_id, run.execution_date)
            if item is None or item.run_uid != run.run_uid:
                return Write(applied=False, item=None)
            if item.state not in from_states or fence not in (None, item.fence):
                return Write(applied=shows(item, change), item=item)
            changed = replace(item, **change)
            self._runs[run.dag_id][run.execution_date] = changed
            return Write(applied=True, item=changed)

    def requeue(self, run: DagRun, change: DagRunChange, due_at: datetime) -> bool:
        """See the port."""
        with self._lock:
            item = self.get(run.dag_id, run.execution_date)
            if item is None or item.run_uid != run.run_uid:
                return False
            if (item.state, item.fence) != (run.state, run.fence):
                return shows(item, change)
            changed = replace(item, **change)
            entry = UnfinishedRun(run=run.ref, due_at=due_at, clear_number=changed.clear_number)
            self._runs[run.dag_id][run.execution_date] = changed
            self._unfinished[run.dag_id][run.execution_date] = entry
            return True

    def unfinished(self, dag_id: str, *, expected: int | None = None) -> Iterator[UnfinishedRun]:  # noqa: ARG002 - nothing is read ahead
        """See the port."""
        with self._lock:
            return iter([entry for _, entry in sorted(self._unfinished[dag_id].items(), key=_date)])

    def first(self, dag_id: str, limit: int) -> Sequence[DagRun]:
        """See the port."""
        return [*islice(self.list(dag_id), limit)]

    def delete(self, run: DagRun) -> bool:
        """See the port."""
        with self._lock:
            if self._unfinished_entry(run.ref):
                del self._unfinished[run.dag_id][run.execution_date]
            created = self._by_run_id.get((run.dag_id, run.run_id))
            if created and created.run_uid == run.run_uid:
                del self._by_run_id[run.dag_id, run.run_id]
            item = self.get(run.dag_id, run.execution_date)
            if item is None or item.run_uid != run.run_uid:
                return True
            if item.state is not run.state:
                return False
            del self._runs[run.dag_id][run.execution_date]
            return True

    def due(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        """See the port."""
        with self._lock:
            return iter(
                [
                    (dag_id, date)
                    for dag_id, entries in self._unfinished.items()
                    for date, entry in entries.items()
                    if entry.due_at <= now
                ]
            )

    def move_due(self, run: RunRef, due_at: datetime) -> bool:
        """See the port."""
        with self._lock:
            entry = self._unfinished_entry(run)
            if entry is None:
                return False
            self._unfinished[run.dag_id][run.execution_date] = replace(entry, due_at=due_at)
            return True

    def remove_unfinished(self, run: RunRef, clear_number: int = 0) -> None:
        """See the port."""
        with self._lock:
            entry = self._unfinished_entry(run)
            if entry and entry.clear_number <= clear_number:
                del self._unfinished[run.dag_id][run.execution_date]

    def _unfinished_entry(self, run: RunRef) -> UnfinishedRun | None:
        entry = self._unfinished[run.dag_id].get(run.execution_date)
        return entry if entry and entry.run.run_uid == run.run_uid else None


class MemoryTaskInstances:
    """Implements ``engine.ports.TaskInstances``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._items: defaultdict[str, dict[str, TaskInstance]] = defaultdict(dict)
        self._tries: defaultdict[tuple[str, str], dict[int, FinishedTry]] = defaultdict(dict)

    def get(self, run_uid: str, key: str) -> TaskInstance | None:
        """See the port."""
        return self._items.get(run_uid, {}).get(key)

    def list(self, run_uid: str) -> Iterator[tuple[str, TaskInstance]]:
        """See the port."""
        with self._lock:
            return iter(sorted(self._items[run_uid].items(), key=_key))

    def arrive(self, run_uid: str, key: str, added: Mapping[str, int]) -> Write[TaskInstance]:
        """See the port."""
        with self._lock:
            item = self._items[run_uid].get(key) or untouched(run_uid, key)
            if bears(item.marks, added):
                return Write(applied=False, item=item)
            return self._write(key, replace(item, marks=merged(item.marks, added)))

    def transition(
        self,
        run_uid: str,
        key: str,
        expected: Expected,
        change: TaskInstanceChange,
        added: Mapping[str, int] | None = None,
    ) -> Write[TaskInstance]:
        """See the port."""
        with self._lock:
            item = self._items[run_uid].get(key) or untouched(run_uid, key)
            marks = added or {}
            if not _is_as(expected, item):
                return Write(applied=shows(item, change) and bears(item.marks, marks), item=item)
            changed = replace(item, **change)
            return self._write(key, replace(changed, marks=merged(item.marks, marks)) if marks else changed)

    def _write(self, key: str, item: TaskInstance) -> Write[TaskInstance]:
        self._items[item.run_uid][key] = item
        return Write(applied=True, item=item)

    def save_finished_try(self, finished: FinishedTry) -> None:
        """See the port."""
        with self._lock:
            key = (finished.run_uid, task_key(finished.task_id, finished.map_index))
            self._tries[key].setdefault(finished.try_number, finished)

    def finished_tries(self, run_uid: str, task_id: str, map_index: int) -> Iterator[FinishedTry]:
        """See the port."""
        with self._lock:
            tries = self._tries[run_uid, task_key(task_id, map_index)]
            return iter([tries[number] for number in sorted(tries)])

    def delete_run(self, run_uid: str) -> None:
        """See the port."""
        with self._lock:
            self._items.pop(run_uid, None)
            for owner in [owner for owner in self._tries if owner[0] == run_uid]:
                del self._tries[owner]


def _is_as(expected: Expected, item: TaskInstance) -> bool:
    return (
        item.state in expected.states
        and expected.try_number in (None, item.try_number)
        and expected.lease_token in (None, item.lease_token)
        and expected.updated_at in (None, item.updated_at)
        and expected.clears in (None, item.clears)
        and expected.voids in (None, len(item.marks.get(VOID, ())))
    )


class MemoryXComs:
    """Implements ``engine.ports.XComs``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._values: defaultdict[tuple[str, str, int], dict[str, str]] = defaultdict(dict)

    def push(self, run_uid: str, task_id: str, map_index: int, key: str, value: str) -> None:
        """See the port."""
        with self._lock:
            self._values[run_uid, task_id, map_index][key] = value

    def pull(self, run_uid: str, task_id: str, map_index: int, key: str) -> str | None:
        """See the port."""
        with self._lock:
            return self._values[run_uid, task_id, map_index].get(key)

    def clear(self, run_uid: str, task_id: str, map_index: int) -> None:
        """See the port."""
        with self._lock:
            self._values.pop((run_uid, task_id, map_index), None)

    def delete_run(self, run_uid: str) -> None:
        """See the port."""
        with self._lock:
            for owner in [owner for owner in self._values if owner[0] == run_uid]:
                del self._values[owner]


class MemoryPools:
    """Implements ``engine.ports.Pools``."""

    def __init__(self, lock: RLock, kept_answers: "MemoryKeptAnswers") -> None:
        self._lock = lock
        self._kept_answers = kept_answers
        self._pools: dict[str, Pool] = {}
        self._shards: defaultdict[str, dict[int, PoolShard]] = defaultdict(dict)
        self._waiters: defaultdict[str, dict[str, Waiter]] = defaultdict(dict)
        self._marks = count(1)

    def get(self, name: str) -> Pool | None:
        """See the port."""
        return self._pools.get(name)

    def list(self) -> Iterator[Pool]:
        """See the port."""
        with self._lock:
            return iter([*self._pools.values()])

    def save(self, pool: Pool) -> Pool:
        """See the port."""
        with self._lock:
            known = self._pools.get(pool.name)
            saved = replace(pool, id=known.id) if known else pool
            shards = self._shards[pool.name]
            plan = resizing(pool.name, pool.slots, shards.values())
            shards.update({shard.number: shard for shard in plan.added})
            shards.update({shard.number: resized(shard, capacity) for shard, capacity in plan.changed})
            for shard in plan.removed:
                del shards[shard.number]
            self._pools[pool.name] = saved
            return saved

    def save_once(self, pool: Pool, keep: Callable[[Pool], KeptAnswer]) -> Pool | None:
        """See the port."""
        with self._lock:
            known = self._pools.get(pool.name)
            becoming = replace(pool, id=known.id) if known else pool
            return self.save(becoming) if self._kept_answers.keep(keep(becoming)) else None

    def delete(self, name: str) -> Pool | None:
        """See the port."""
        with self._lock:
            self._shards.pop(name, None)
            return self._pools.pop(name, None)

    def shards(self, name: str) -> Sequence[PoolShard]:
        """See the port."""
        with self._lock:
            return [shard for _, shard in sorted(self._shards[name].items())]

    def all_shards(self) -> Iterator[PoolShard]:
        """See the port."""
        with self._lock:
            return iter([shard for shards in self._shards.values() for shard in shards.values()])

    def take(self, name: str, holder: str, parts: Parts, now: datetime) -> bool:
        """See the port."""
        with self._lock:
            shards = self._shards[name]
            if all(_holds(shards.get(number), holder, slots) for number, slots in parts):
                return True
            if not all(_has_room(shards.get(number), holder, slots) for number, slots in parts):
                return False
            for number, slots in parts:
                self._put(_taken(shards[number], holder, slots, now))
            return True

    def give(self, name: str, holder: str, parts: Parts) -> bool:
        """See the port."""
        with self._lock:
            waited_for = False
            for number, slots in parts:
                shard = self._shards[name].get(number)
                if shard and _holds(shard, holder, slots):
                    self._put(_given(shard, holder))
                waited_for = waited_for or _is_waited_for(shard)
            return waited_for

    def swap(self, name: str, shard: int, leaving: str, entering: str, slots: int, now: datetime) -> bool:
        """See the port."""
        with self._lock:
            item = self._shards[name].get(shard)
            if item is None:
                return False
            if not _holds(item, leaving, slots):
                return leaving not in item.holders and _holds(item, entering, slots)
            if entering in item.holders or item.free < 0 or item.waiting:
                return False
            self._put(_taken(_given(item, leaving), entering, slots, now))
            return True

    def add_waiter(self, waiter: Waiter) -> None:
        """See the port."""
        with self._lock:
            self._waiters[waiter.pool][waiter.key] = waiter
            mark = str(next(self._marks))
            for shard in self.shards(waiter.pool):
                self._put(replace(shard, waiting=mark))

    def waiters(self, name: str, limit: int) -> Sequence[Waiter]:
        """See the port."""
        with self._lock:
            return [waiter for _, waiter in sorted(self._waiters[name].items(), key=_key)[:limit]]

    def remove_waiter(self, waiter: Waiter) -> None:
        """See the port."""
        with self._lock:
            self._waiters[waiter.pool].pop(waiter.key, None)

    def clear_waiting(self, shard: PoolShard) -> None:
        """See the port."""
        with self._lock:
            item = self._shards[shard.name].get(shard.number)
            if item and item.waiting == shard.waiting:
                self._put(replace(item, waiting=None))

    def drop_holder(self, shard: PoolShard, holder: str) -> bool:
        """See the port."""
        with self._lock:
            holding = shard.holders.get(holder)
            if holding is None:
                return shard.waiting is not None
            item = self._shards[shard.name].get(shard.number)
            if item and item.holders.get(holder) == holding:
                self._put(_given(item, holder))
            return _is_waited_for(item)

    def _put(self, shard: PoolShard) -> None:
        self._shards[shard.name][shard.number] = shard


def _holds(shard: PoolShard | None, holder: str, slots: int) -> bool:
    return shard is not None and holder in shard.holders and shard.holders[holder].slots == slots


def _has_room(shard: PoolShard | None, holder: str, slots: int) -> bool:
    return shard is not None and holder not in shard.holders and shard.free >= slots


def _is_waited_for(shard: PoolShard | None) -> bool:
    return shard is not None and shard.waiting is not None


def _taken(shard: PoolShard, holder: str, slots: int, now: datetime) -> PoolShard:
    holders = {**shard.holders, holder: Holding(slots=slots, since=now)}
    return replace(shard, free=shard.free - slots, holders=holders)


def _given(shard: PoolShard, holder: str) -> PoolShard:
    holders = {name: holding for name, holding in shard.holders.items() if name != holder}
    return replace(shard, free=shard.free + shard.holders[holder].slots, holders=holders)


class MemoryLineage:
    """Implements ``engine.ports.Lineage``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._entries: defaultdict[str, dict[str, tuple[Sequence[str], Sequence[str]]]] = defaultdict(dict)

    def save(self, run_uid: str, task_id: str, inlets: Sequence[str], outlets: Sequence[str]) -> None:
        """See the port."""
        with self._lock:
            self._entries[run_uid][task_id] = (tuple(inlets), tuple(outlets))

    def list(self, run_uid: str) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
        """See the port."""
        with self._lock:
            return iter([(task_id, *entry) for task_id, entry in sorted(self._entries[run_uid].items())])

    def delete_run(self, run_uid: str) -> None:
        """See the port."""
        with self._lock:
            self._entries.pop(run_uid, None)


class MemoryKeptAnswers:
    """Implements ``engine.ports.KeptAnswers``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._answers: dict[str, KeptAnswer] = {}

    def get(self, scoped_key: str) -> KeptAnswer | None:
        """See the port."""
        return self._answers.get(scoped_key)

    def keep(self, answer: KeptAnswer) -> bool:
        """Keep an answer unless another one that is live has its key."""
        with self._lock:
            standing = self._answers.get(answer.scoped_key)
            if standing and standing.is_live(answer.kept_at):
                return standing == answer
            self._answers[answer.scoped_key] = answer
            return True


class MemoryUsers:
    """Implements ``auth.ports.Users``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._users: dict[str, User] = {}
        self._failures: dict[tuple[str, int], int] = {}

    def get(self, username: str) -> User | None:
        """See the port."""
        return self._users.get(username)

    def list(self) -> Iterator[User]:
        """See the port."""
        with self._lock:
            return iter(list(self._users.values()))

    def create(self, user: User) -> bool:
        """See the port."""
        with self._lock:
            return self._users.setdefault(user.username, user) == user

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        """See the port."""
        with self._lock:
            user = self._users.get(username)
            if user is None:
                return False
            self._users[username] = replace(user, password_hash=password_hash, password_set_at=set_at)
            return True

    def delete(self, username: str) -> None:
        """See the port."""
        with self._lock:
            self._users.pop(username, None)

    def for_login(self, username: str, window: int) -> LoginRecord:
        """See the port."""
        with self._lock:
            failures = self._failures.get((username, window), 0)
            return LoginRecord(user=self._users.get(username), failures=failures)

    def note_failure(self, username: str, window: int) -> None:
        """See the port."""
        with self._lock:
            self._failures = {key: count for key, count in self._failures.items() if key[1] >= window}
            self._failures[username, window] = self._failures.get((username, window), 0) + 1


class MemoryReplays:
    """Implements ``auth.ports.Replays``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._claims: dict[str, tuple[str, datetime]] = {}

    def claim(self, authenticator: str, claimant: str, now: datetime, until: datetime) -> bool:
        """See the port."""
        with self._lock:
            claims = {key: claim for key, claim in self._claims.items() if claim[1] > now}
            first, _ = claims.setdefault(authenticator, (claimant, until))
            self._claims = claims
            return first == claimant


class MemoryPayloads:
    """Implements ``engine.ports.Payloads``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._objects: dict[str, str] = {}

    def keep(self, key: str, text: str) -> Payload:
        """See the port."""
        if fits_inline(text):
            return Payload(text=text)
        with self._lock:
            self._objects[key] = text
        return Payload(reference=key)

    def read(self, payload: Payload) -> str:
        """See the port."""
        if payload.text is not None:
            return payload.text
        return self._objects[payload.reference or ""]


class MemoryTaskLogs:
    """Implements ``engine.ports.TaskLogs``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._logs: dict[tuple[str, str, int], bytes] = {}
        self._callback_logs: dict[tuple[str, str | None, int, str], bytes] = {}

    def save(self, run: RunRef, run_id: str, key: str, try_number: int, text: bytes) -> None:  # noqa: ARG002 - the bucket's keys need it
        """See the port."""
        with self._lock:
            self._logs[run.run_uid, key, try_number] = text

    def read(self, run: RunRef, run_id: str, key: str, try_number: int) -> bytes | None:  # noqa: ARG002 - the bucket's keys need it
        """See the port."""
        return self._logs.get((run.run_uid, key, try_number))

    def save_callback(
        self,
        run: RunRef,
        run_id: str,  # noqa: ARG002 - the bucket's keys need it
        key: str | None,
        try_number: int,
        kind: str,
        text: bytes,
    ) -> None:
        """See the port."""
        with self._lock:
            self._callback_logs[run.run_uid, key, try_number, kind] = text

    def read_callback(
        self,
        run: RunRef,
        run_id: str,  # noqa: ARG002 - the bucket's keys need it
        key: str | None,
        try_number: int,
        kind: str,
    ) -> bytes | None:
        """See the port."""
        return self._callback_logs.get((run.run_uid, key, try_number, kind))


def _date(entry: tuple[datetime, UnfinishedRun]) -> datetime:
    return entry[0]


def _key(entry: tuple[str, object]) -> str:
    return entry[0]
