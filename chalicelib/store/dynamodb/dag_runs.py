"""DAG runs, their ids and the entries of those that are not over."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import chain
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, DagRunType, RunRef, UnfinishedRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.states import DagRunState
from chalicelib.engine.ports.store import Write
from chalicelib.store.dynamodb.attributes import instant_text
from chalicelib.store.dynamodb.connection import DynamoDB, Request
from chalicelib.store.dynamodb.dags import as_dag
from chalicelib.store.dynamodb.kept_answers import keeping
from chalicelib.store.dynamodb.models import DagRunIdItem, DagRunItem, UnfinishedRunItem
from chalicelib.store.dynamodb.table import get_each, transact
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.repeats import shows

DUE_INDEX = "due"
DUE_SHARDS = 16
"""Hash keys of the index: its writes spread over as many partitions."""


ITEMS_OF_A_RUN = 3
"""The run, its run id, its unfinished entry: what a creation writes first."""


class DynamoDagRuns:
    """Implements ``engine.ports.store.DagRuns``."""

    def __init__(self, dynamodb: DynamoDB, tables: Tables) -> None:
        self._dynamodb = dynamodb
        self._tables = tables
        self._dags = tables.dags
        self._runs = tables.dag_runs
        self._run_ids = tables.dag_run_ids
        self._unfinished = tables.unfinished_runs
        self._kept_answers = tables.kept_answers

    def create(self, run: DagRun, due_at: datetime, kept: KeptAnswer | None = None) -> bool:
        writes = [*creation(self._tables, run, due_at)]
        if kept:
            writes.append(keeping(self._kept_answers, kept))
        refusals = transact(self._dynamodb, writes, token_of(writes))
        # One item of ours shows that all were written, by a request whose reply was lost.
        found = (refusal.item for refusal in refusals[:ITEMS_OF_A_RUN] if refusal.item)
        return not refusals or any(item["run_uid"]["S"] == run.run_uid for item in found)

    def get(self, dag_id: str, execution_date: datetime) -> DagRun | None:
        item = self._runs.get(dag_id, execution_date)
        return _as_run(item) if item else None

    def get_many(self, dag_id: str, execution_dates: Iterable[datetime]) -> Iterator[DagRun]:
        return map(_as_run, self._runs.get_many((dag_id, date) for date in execution_dates))

    def get_with_dag(self, dag_id: str, execution_date: datetime) -> tuple[Dag | None, DagRun | None]:
        keys = {
            self._dags.name: self._dags.key(dag_id),
            self._runs.name: self._runs.key(dag_id, execution_date),
        }
        found = get_each(self._dynamodb, keys)
        dag = self._dags.read(found.get(self._dags.name))
        run = self._runs.read(found.get(self._runs.name))
        return as_dag(dag) if dag else None, _as_run(run) if run else None

    def get_by_run_id(self, dag_id: str, run_id: str) -> DagRun | None:
        entry = self._run_ids.get(dag_id, run_id)
        run = self.get(dag_id, entry.execution_date) if entry else None
        # A later generation may have another run, of another id, at that instant.
        return run if run and entry and run.run_uid == entry.run_uid else None

    def list(
        self,
        dag_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = False,
        expected: int | None = None,
    ) -> Iterator[DagRun]:
        if since and until and since > until:  # DynamoDB refuses such a period
            return iter(())
        period = _in_period(dag_id, since, until)
        return map(_as_run, self._runs.query(period, descending=descending, expected=expected))

    def transition(
        self,
        run: RunRef,
        from_states: frozenset[DagRunState],
        change: DagRunChange,
        *,
        fence: int | None = None,
    ) -> Write[DagRun | None]:
        actions = [_assign(name, value) for name, value in change.items()]
        condition = (DagRunItem.run_uid == run.run_uid) & DagRunItem.state.is_in(*sorted(from_states))
        if fence is not None:
            condition &= _has_fence(fence)
        written = self._runs.update((run.dag_id, run.execution_date), actions, condition)
        if written.item is None or written.item.run_uid != run.run_uid:
            return Write(applied=False, item=None)
        item = _as_run(written.item)
        return Write(applied=written.applied or shows(item, change), item=item)

    def requeue(self, run: DagRun, change: DagRunChange, due_at: datetime) -> bool:
        actions = [_assign(name, value) for name, value in change.items()]
        is_as_given = (DagRunItem.run_uid == run.run_uid) & (DagRunItem.state == str(run.state))
        entry = _unfinished_item(run.ref, due_at, change.get("clear_number", run.clear_number))
        is_ours = UnfinishedRunItem.run_uid.does_not_exist() | (UnfinishedRunItem.run_uid == run.run_uid)
        key = (run.dag_id, run.execution_date)
        writes = [
            {"Update": self._runs.update_request(key, actions, is_as_given & _has_fence(run.fence))},
            {"Put": self._unfinished.put_request(entry, is_ours)},
        ]
        refusals = transact(self._dynamodb, writes, token_of(writes))
        item = self._runs.read(refusals[0].item) if refusals else None
        # Written already, by a request whose reply was lost?
        is_repeat = item is not None and item.run_uid == run.run_uid and shows(_as_run(item), change)
        return not refusals or is_repeat

    def unfinished(self, dag_id: str, *, expected: int | None = None) -> Iterator[UnfinishedRun]:
        entries = self._unfinished.query(UnfinishedRunItem.dag_id == dag_id, expected=expected)
        return map(_as_unfinished, entries)

    def first(self, dag_id: str, limit: int) -> Sequence[DagRun]:
        return [*map(_as_run, self._runs.query(DagRunItem.dag_id == dag_id, limit=limit))]

    def delete(self, run: DagRun) -> bool:
        is_ours = UnfinishedRunItem.run_uid == run.run_uid
        self._unfinished.delete((run.dag_id, run.execution_date), is_ours)
        self._run_ids.delete((run.dag_id, run.run_id), DagRunIdItem.run_uid == run.run_uid)
        # Last: by this item an interrupted deletion is found again.
        is_as_given = (DagRunItem.run_uid == run.run_uid) & (DagRunItem.state == str(run.state))
        left = self._runs.delete((run.dag_id, run.execution_date), is_as_given)
        return left is None or left.run_uid != run.run_uid

    def due(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        """16 requests, and 1 per further MB.

        Each minute begins with another shard: a reader that stops early leaves none of them out for good.
        """
        is_due = UnfinishedRunItem.due_at <= now
        items = chain.from_iterable(
            self._unfinished.query_index(
                DUE_INDEX, (UnfinishedRunItem.due_shard == (now.minute + offset) % DUE_SHARDS) & is_due
            )
            for offset in range(DUE_SHARDS)
        )
        return ((item.dag_id, item.execution_date) for item in items)

    def move_due(self, run: RunRef, due_at: datetime) -> bool:
        return self._unfinished.update(
            (run.dag_id, run.execution_date),
            [UnfinishedRunItem.due_at.set(due_at)],
            UnfinishedRunItem.run_uid == run.run_uid,
        ).applied

    def remove_unfinished(self, run: RunRef, clear_number: int = 0) -> None:
        made = UnfinishedRunItem.clear_number
        is_ours = (UnfinishedRunItem.run_uid == run.run_uid) & (
            made.does_not_exist() | (made <= clear_number)
        )
        self._unfinished.delete((run.dag_id, run.execution_date), is_ours)


def creation(tables: Tables, run: DagRun, due_at: datetime) -> Sequence[Request]:
    """The writes of a transaction that creates a run; ``ITEMS_OF_A_RUN`` of them."""
    entry = _unfinished_item(run.ref, due_at)
    return (
        {"Put": tables.dag_runs.put_request(_run_item(run), _is_free_for(DagRunItem, run))},
        {"Put": tables.dag_run_ids.put_request(_run_id_item(run), _is_free_for(DagRunIdItem, run))},
        {"Put": tables.unfinished_runs.put_request(entry, _is_free_for(UnfinishedRunItem, run))},
    )


def _has_fence(fence: int) -> Condition:
    condition: Condition = DagRunItem.fence == fence
    return condition if fence else condition | DagRunItem.fence.does_not_exist()


def token_of(writes: Sequence[Mapping[str, Any]]) -> str:
    """The token by which DynamoDB recognises a transaction that is sent again."""
    # The same token with other contents would be an error, so it is made of all that is written.
    return sha256(json.dumps(writes).encode()).hexdigest()[:36]


def _assign(name: str, value: Any) -> Action:
    attribute: Attribute[Any] = getattr(DagRunItem, name)
    return attribute.remove() if value is None else attribute.set(value)


def _is_free_for(
    model: type[DagRunItem] | type[DagRunIdItem] | type[UnfinishedRunItem], run: DagRun
) -> Condition:
    """Whether a run may be written here: nothing is, or something of an earlier generation."""
    condition: Condition = model.dag_id.does_not_exist() | (model.generation < run.generation)
    return condition


def _in_period(dag_id: str, since: datetime | None, until: datetime | None) -> Condition:
    date = DagRunItem.execution_date
    condition: Condition = DagRunItem.dag_id == dag_id
    # A key condition takes one comparison of the range key.
    if since and until:
        condition &= date.between(since, until)
    elif since:
        condition &= date >= since
    elif until:
        condition &= date <= until
    return condition


def _due_shard(run: RunRef) -> int:
    # A plain checksum: hash() differs from process to process.
    return zlib.crc32(f"{run.dag_id}#{instant_text(run.execution_date)}".encode()) % DUE_SHARDS


def _run_item(run: DagRun) -> DagRunItem:
    return DagRunItem(
        run.dag_id,
        run.execution_date,
        run_uid=run.run_uid,
        generation=run.generation,
        version=run.version,
        id=run.id,
        run_id=run.run_id,
        run_type=run.run_type,
        state=run.state,
        external_trigger=run.external_trigger,
        is_undated=run.is_undated or None,
        is_interval_owed=run.is_interval_owed or None,
        triggered_by=run.triggered_by,
        conf=run.conf.text,
        conf_reference=run.conf.reference,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        queued_at=run.queued_at,
        updated_at=run.updated_at,
        start_date=run.start_date,
        end_date=run.end_date,
        reason=run.reason,
        clear_number=run.clear_number or None,
        fence=run.fence or None,
    )


def _run_id_item(run: DagRun) -> DagRunIdItem:
    return DagRunIdItem(
        run.dag_id,
        run.run_id,
        execution_date=run.execution_date,
        run_uid=run.run_uid,
        generation=run.generation,
    )


def _unfinished_item(run: RunRef, due_at: datetime, clear_number: int = 0) -> UnfinishedRunItem:
    return UnfinishedRunItem(
        run.dag_id,
        run.execution_date,
        run_uid=run.run_uid,
        generation=run.generation,
        version=run.version,
        due_shard=_due_shard(run),
        due_at=due_at,
        clear_number=clear_number or None,
    )


def _as_run(item: DagRunItem) -> DagRun:
    return DagRun(
        dag_id=item.dag_id,
        execution_date=item.execution_date,
        run_uid=item.run_uid,
        generation=item.generation,
        version=item.version,
        id=item.id,
        run_id=item.run_id,
        run_type=DagRunType(item.run_type),
        state=DagRunState(item.state),
        external_trigger=item.external_trigger,
        is_undated=bool(item.is_undated),
        is_interval_owed=bool(item.is_interval_owed),
        triggered_by=item.triggered_by,
        conf=Payload(text=item.conf, reference=item.conf_reference),
        data_interval_start=item.data_interval_start,
        data_interval_end=item.data_interval_end,
        queued_at=item.queued_at,
        updated_at=item.updated_at,
        start_date=item.start_date,
        end_date=item.end_date,
        reason=item.reason,
        clear_number=item.clear_number or 0,
        fence=item.fence or 0,
    )


def _as_unfinished(item: UnfinishedRunItem) -> UnfinishedRun:
    run = RunRef(
        dag_id=item.dag_id,
        execution_date=item.execution_date,
        run_uid=item.run_uid,
        generation=item.generation,
        version=item.version,
    )
    return UnfinishedRun(run=run, due_at=item.due_at, clear_number=item.clear_number or 0)
