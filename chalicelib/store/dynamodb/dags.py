"""DAGs, their versions and import errors."""

import json
import zlib
from collections.abc import Iterator
from datetime import datetime
from threading import Lock
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.runs.dag_runs import DagRun, RunRef
from chalicelib.domain.runs.dags import AlteredRun, Dag, DagImportError, DagVersion, LatestRun
from chalicelib.domain.schedule.custom import PlannedRun
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.domain.schedule.timetables import DataInterval, Schedule
from chalicelib.engine.ports.store import Write
from chalicelib.store.dynamodb.models import DagItem, DagVersionItem, ImportErrorItem
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.repeats import plan_of
from chalicelib.store.s3 import Bucket, segment

CONTENT_LIMIT = 32 * 1024
"""Compressed bytes of a DAG version that stay in its item: a strong read costs 1 unit per 4 kB."""

VERSIONS_IN_MEMORY = 256

DUE_INDEX = "due"
DUE_SHARD = 0
"""The one hash key of the index: a DAG writes to it once per automated run, and the tick reads it at once."""


class DynamoDags:
    """Implements ``engine.ports.store.Dags``."""

    def __init__(self, tables: Tables, bucket: Bucket) -> None:
        self._dags = tables.dags
        self._versions = tables.dag_versions
        self._import_errors = tables.import_errors
        self._bucket = bucket
        self._known_versions = _Recent()

    def get(self, dag_id: str) -> Dag | None:
        item = self._dags.get(dag_id)
        return as_dag(item) if item else None

    def list(self) -> Iterator[Dag]:
        return map(as_dag, self._dags.scan(DagItem.is_deleted == False))  # noqa: E712 - makes a condition

    def save(self, dag: Dag) -> Dag:
        """1 request."""
        saved = self._dags.update((dag.dag_id,), _renew(dag))
        return as_dag(saved.item) if saved.item else dag

    def set_active(self, dag_id: str, active: bool) -> None:
        """1 request."""
        actions: list[Action] = [DagItem.is_active.set(active)]
        if not active:
            actions += _plan(None)
        self._dags.update((dag_id,), actions, DagItem.dag_id.exists())

    def set_paused(
        self, dag_id: str, paused: bool, changed_by: str, at: datetime | None = None
    ) -> Dag | None:
        actions = [
            DagItem.is_paused.set(paused),
            DagItem.pause_changed_by.set(changed_by),
            _listed_as_due(not paused),
        ]
        if at is not None:
            actions.append((DagItem.paused_at if paused else DagItem.unpaused_at).set(at))
        written = self._dags.update((dag_id,), actions, _IS_KEPT)
        return as_dag(written.item) if written.applied and written.item else None

    def pause_after(self, run: RunRef, end: str, changed_by: str, at: datetime) -> None:
        actions = [
            DagItem.is_paused.set(True),
            DagItem.pause_changed_by.set(changed_by),
            DagItem.paused_after.set(end),
            DagItem.paused_at.set(at),
            _listed_as_due(False),
        ]
        is_new = DagItem.paused_after.does_not_exist() | (DagItem.paused_after != end)
        is_of_this_life = (DagItem.generation == run.generation) & _IS_KEPT
        self._dags.update((run.dag_id,), actions, is_of_this_life & is_new)

    def set_next_run(
        self,
        dag: Dag,
        next_run: DataInterval | None,
        last_interval: DataInterval | None,
        *,
        ask_at: datetime | None = None,
        error: str | None = None,
    ) -> Write[Dag | None]:
        actions = [
            *_plan(next_run, ask_at),
            _assign(DagItem.planning_error, error),
            _assign(DagItem.last_interval_start, last_interval.start if last_interval else None),
            _assign(DagItem.last_interval_end, last_interval.end if last_interval else None),
            _listed_as_due(not dag.is_paused),
        ]
        is_as_given = (
            (DagItem.generation == dag.generation)
            & (DagItem.version == dag.version)
            & (DagItem.is_paused == dag.is_paused)
            & _IS_KEPT
            & _has_plan(dag)
        )
        written = self._dags.update((dag.dag_id,), actions, is_as_given)
        known = as_dag(written.item) if written.item else None
        # Ours, by a request whose reply was lost, or another's: the same either way.
        is_done = known is not None and plan_of(known) == (next_run, last_interval, ask_at)
        return Write(applied=written.applied or is_done, item=known)

    def due(self, now: datetime) -> Iterator[str]:
        """1 request per MB."""
        is_due = (DagItem.due_shard == DUE_SHARD) & (DagItem.due_at <= now)
        return (item.dag_id for item in self._dags.query_index(DUE_INDEX, is_due))

    def set_latest_run(self, run: DagRun) -> None:
        date = run.execution_date
        actions = [
            DagItem.latest_run_date.set(date),
            DagItem.latest_run_uid.set(run.run_uid),
            _assign(DagItem.latest_run_start_date, run.start_date),
        ]
        is_due = DagItem.latest_run_date.does_not_exist() | (DagItem.latest_run_date < date)
        if run.start_date is not None:
            is_due |= DagItem.latest_run_uid == run.run_uid
        self._dags.update((run.dag_id,), actions, (DagItem.generation == run.generation) & is_due)

    def mark_deleted(self, dag_id: str) -> Dag | None:
        """2 requests."""
        dag = self.get(dag_id)
        if dag is None or dag.is_deleted:
            return None
        actions = [
            DagItem.generation.set(dag.generation + 1),
            DagItem.is_deleted.set(True),
            _listed_as_due(False),
        ]
        deleted = self._dags.update((dag_id,), actions, (DagItem.generation == dag.generation) & _IS_KEPT)
        # Not applied: the generation has moved on, by the request whose reply was lost or by another
        # caller's. Either way the DAG that was asked for is deleted.
        return as_dag(deleted.item) if deleted.item else None

    def revive(
        self,
        dag_id: str,
        generation: int,
        *,
        is_paused: bool,
        next_run: DataInterval | None = None,
        at: datetime | None = None,
    ) -> None:
        actions = [
            DagItem.is_deleted.set(False),
            DagItem.is_paused.set(is_paused),
            DagItem.paused_at.remove(),
            _assign(DagItem.unpaused_at, None if is_paused else at),
            DagItem.pause_changed_by.remove(),
            DagItem.paused_after.remove(),
            DagItem.latest_run_date.remove(),
            DagItem.latest_run_uid.remove(),
            DagItem.latest_run_start_date.remove(),
            DagItem.last_interval_start.remove(),
            DagItem.last_interval_end.remove(),
            DagItem.altered_runs.remove(),
            DagItem.planning_error.remove(),
            *_plan(next_run),
            _listed_as_due(not is_paused),
        ]
        is_active = DagItem.is_active == True  # noqa: E712 - makes a condition
        condition = (DagItem.generation == generation) & _IS_DELETED & is_active
        self._dags.update((dag_id,), actions, condition)

    def note_altered(self, run: RunRef, clear_number: int) -> None:
        noted = DagItem.altered_runs.add({_altered_run(run, clear_number)})
        self._dags.update((run.dag_id,), [noted], DagItem.generation == run.generation)

    def forget_altered(self, run: RunRef, clear_number: int) -> None:
        noted = DagItem.altered_runs.delete({_altered_run(run, clear_number)})
        self._dags.update((run.dag_id,), [noted], DagItem.dag_id.exists())

    def version(self, dag_id: str, version: str) -> DagVersion | None:
        """Else 1 request, and 1 S3 request when large."""
        known = self._known_versions.get((dag_id, version))
        if known:
            return known
        item = self._versions.get(dag_id, version)
        if item is None:
            return None
        found = _as_version(item, self._content(item))
        self._known_versions.add((dag_id, version), found)
        return found

    def save_version(self, version: DagVersion) -> None:
        """1 request, and before it 1 S3 request when large."""
        content = _packed(version)
        item = DagVersionItem(version.dag_id, version.version)
        if len(content) <= CONTENT_LIMIT:
            item.content = content
        else:
            item.content_reference = f"dag_versions/{segment(version.dag_id)}/{segment(version.version)}"
            self._bucket.put(item.content_reference, content)
        self._versions.put(item, DagVersionItem.dag_id.does_not_exist())

    def import_errors(self) -> Iterator[DagImportError]:
        return map(_as_import_error, self._import_errors.scan())

    def save_import_error(self, error: DagImportError) -> None:
        """1 request."""
        self._import_errors.put(
            ImportErrorItem(error.filename, stacktrace=error.stacktrace, timestamp=error.timestamp)
        )

    def clear_import_error(self, filename: str) -> None:
        """1 request."""
        self._import_errors.delete((filename,))

    def _content(self, item: DagVersionItem) -> bytes:
        if item.content is not None:
            return item.content
        content = self._bucket.get(item.content_reference)
        if content is None:
            raise KeyError(item.content_reference)
        return content


_IS_DELETED = DagItem.is_deleted == True  # noqa: E712 - makes a condition
_IS_KEPT = DagItem.is_deleted == False  # noqa: E712 - makes a condition


def as_dag(item: DagItem) -> Dag:
    """The DAG of an item."""
    latest = None
    if item.latest_run_date is not None:
        latest = LatestRun(
            execution_date=item.latest_run_date,
            run_uid=item.latest_run_uid,
            start_date=item.latest_run_start_date,
        )
    return Dag(
        dag_id=item.dag_id,
        generation=item.generation,
        is_paused=item.is_paused,
        version=item.version,
        fileloc=item.fileloc,
        is_active=item.is_active,
        is_deleted=item.is_deleted,
        schedule=item.scheduling or Schedule(),
        default_start_date=item.default_start_date,
        has_params=bool(item.has_params),
        dataset_condition=DatasetCondition(item.dataset_condition) if item.dataset_condition else None,
        names_datasets=bool(item.names_datasets),
        latest_run=latest,
        pause_changed_by=item.pause_changed_by,
        paused_after=item.paused_after,
        paused_at=item.paused_at,
        unpaused_at=item.unpaused_at,
        next_run=_next_run(item),
        ask_at=item.due_at if item.next_run_start is None else None,
        planning_error=item.planning_error,
        last_interval=_interval(item.last_interval_start, item.last_interval_end),
        altered_runs=frozenset(map(_as_altered_run, item.altered_runs or ())),
    )


def _altered_run(run: RunRef, clear_number: int) -> str:
    return f"{run.run_uid}/{clear_number}"


def _as_altered_run(text: str) -> AlteredRun:
    run_uid, clear_number = text.split("/")
    return AlteredRun(run_uid=run_uid, clear_number=int(clear_number))


def _renew(dag: Dag) -> list[Action]:
    """What a sync changes; what else a DAG needs is set only when there is none yet."""
    actions = [
        DagItem.version.set(dag.version),
        DagItem.fileloc.set(dag.fileloc),
        DagItem.is_active.set(dag.is_active),
        DagItem.scheduling.set(dag.schedule),
        _assign(DagItem.default_start_date, dag.default_start_date),
        _assign(DagItem.has_params, dag.has_params or None),
        _assign(DagItem.dataset_condition, dag.dataset_condition and dag.dataset_condition.text),
        DagItem.is_deleted.set(DagItem.is_deleted | False),
        DagItem.generation.set(DagItem.generation | dag.generation),
        DagItem.is_paused.set(DagItem.is_paused | dag.is_paused),
    ]
    if dag.names_datasets:
        actions.append(DagItem.names_datasets.set(True))
    if dag.pause_changed_by is not None:
        actions.append(DagItem.pause_changed_by.set(DagItem.pause_changed_by | dag.pause_changed_by))
    return actions


def _plan(run: DataInterval | None, ask_at: datetime | None = None) -> list[Action]:
    planned = run if isinstance(run, PlannedRun) else None
    return [
        _assign(DagItem.next_run_start, run.start if run else None),
        _assign(DagItem.next_run_end, planned.end if planned else None),
        _assign(DagItem.next_run_id, planned.run_id if planned else None),
        _assign(DagItem.due_at, run.run_after if run else ask_at),
    ]


def _next_run(item: DagItem) -> DataInterval | None:
    if item.next_run_start is None or item.due_at is None:
        return None
    if item.next_run_end is None or item.next_run_id is None:
        return DataInterval(start=item.next_run_start, end=item.due_at)
    return PlannedRun(
        start=item.next_run_start, end=item.next_run_end, due=item.due_at, run_id=item.next_run_id
    )


def _has_plan(dag: Dag) -> Condition:
    """Whether the plan is the one of that DAG."""
    run = dag.next_run
    due_at = run.run_after if run else dag.ask_at
    due: Condition = DagItem.due_at.does_not_exist() if due_at is None else DagItem.due_at == due_at
    start: Condition = DagItem.next_run_start.does_not_exist()
    if run is not None:
        start = DagItem.next_run_start == run.start
    both: Condition = due & start
    return both


def _listed_as_due(is_listed: bool) -> Action:
    """Only an item with ``due_shard`` is in the index, whatever its ``due_at``: so a pause costs nothing."""
    return DagItem.due_shard.set(DUE_SHARD) if is_listed else DagItem.due_shard.remove()


def _interval(start: datetime | None, end: datetime | None) -> DataInterval | None:
    return None if start is None or end is None else DataInterval(start=start, end=end)


def _assign(attribute: Attribute[Any], value: Any) -> Action:
    return attribute.remove() if value is None else attribute.set(value)


def _packed(version: DagVersion) -> bytes:
    return zlib.compress(json.dumps({"document": version.document, "code": version.code}).encode())


def _as_version(item: DagVersionItem, content: bytes) -> DagVersion:
    unpacked = json.loads(zlib.decompress(content))
    return DagVersion(dag_id=item.dag_id, version=item.version, **unpacked)


def _as_import_error(item: ImportErrorItem) -> DagImportError:
    return DagImportError(filename=item.filename, stacktrace=item.stacktrace, timestamp=item.timestamp)


class _Recent:
    """DAG versions that this process has read; the oldest make room. Versions never change."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._versions: dict[tuple[str, str], DagVersion] = {}

    def get(self, key: tuple[str, str]) -> DagVersion | None:
        return self._versions.get(key)

    def add(self, key: tuple[str, str], version: DagVersion) -> None:
        with self._lock:
            self._versions[key] = version
            if len(self._versions) > VERSIONS_IN_MEMORY:
                del self._versions[next(iter(self._versions))]
