"""Queues of datasets, and what has arrived in them."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from chalicelib.domain.datasets.queues import Arrival, ArrivalStep, DatasetQueue
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.dataset_events import EventKey
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.engine.ports.store import Arrived
from chalicelib.store.dynamodb.attributes import instant_text
from chalicelib.store.dynamodb.connection import DynamoDB, Request
from chalicelib.store.dynamodb.dag_runs import creation, token_of
from chalicelib.store.dynamodb.dags import as_dag
from chalicelib.store.dynamodb.models import DatasetArrivalItem, DatasetQueueItem
from chalicelib.store.dynamodb.table import get_each, transact
from chalicelib.store.dynamodb.tables import Tables

_QUEUE = "queue"
_ORIGIN = "origin#"
_RUN = "run#"


class DynamoDatasetQueues:
    """Implements ``engine.ports.store.DatasetQueues``."""

    def __init__(self, dynamodb: DynamoDB, tables: Tables) -> None:
        self._dynamodb = dynamodb
        self._tables = tables
        self._dags = tables.dags
        self._queues = tables.dataset_queues
        self._arrivals = tables.dataset_arrivals

    def get_with_dag(self, dag_id: str) -> tuple[Dag | None, DatasetQueue | None]:
        keys = {
            self._dags.name: self._dags.key(dag_id),
            self._queues.name: self._queues.key(dag_id, _QUEUE),
        }
        found = get_each(self._dynamodb, keys)
        dag = self._dags.read(found.get(self._dags.name))
        queue = self._queues.read(found.get(self._queues.name))
        return as_dag(dag) if dag else None, _as_queue(queue) if queue else None

    def arrive(self, step: ArrivalStep, run: DagRun | None, due_at: datetime) -> Arrived:
        writes = [*self._arriving(step)]
        if run is not None:
            writes += [
                {"Put": self._queues.put_request(_run_entry(run))},
                *creation(self._tables, run, due_at),
            ]
        refusals = transact(self._dynamodb, writes, token_of(writes))
        if not refusals:
            return Arrived.APPLIED
        of_the_origin, of_the_queue, *_ = refusals
        if of_the_origin.failed:
            arrived = self._queues.read(of_the_origin.item)
            # Ours stands after a request whose reply was lost, with the run's uid that only we had chosen.
            is_ours = of_the_queue.failed and self._shows(of_the_queue.item, step)
            return Arrived.APPLIED if arrived and is_ours else Arrived.REPEATED
        return Arrived.OVERTAKEN if of_the_queue.failed else Arrived.DATE_TAKEN

    def _arriving(self, step: ArrivalStep) -> Sequence[Request]:
        marker = DatasetQueueItem(
            step.arrival.dag_id, _ORIGIN + step.arrival.origin, run_uid=step.arrival.run_uid
        )
        as_read = DatasetQueueItem.version == step.before.version
        is_as_read = as_read if step.before.version else DatasetQueueItem.dag_id.does_not_exist()
        return (
            {"Put": self._queues.put_request(marker, DatasetQueueItem.dag_id.does_not_exist())},
            {"Put": self._queues.put_request(_queue_item(step.after), is_as_read)},
            {"Put": self._arrivals.put_request(_arrival_item(step.arrival))},
        )

    def _shows(self, raw: object, step: ArrivalStep) -> bool:
        item = self._queues.read(raw)  # type: ignore[arg-type]  # what a refusal shows of an item
        return item is not None and _as_queue(item) == step.after

    def arrivals(self, run_uid: str) -> Iterator[Arrival]:
        return map(_as_arrival, self._arrivals.query(DatasetArrivalItem.run_uid == run_uid))

    def run_of(self, dag_id: str, origin: str) -> datetime | None:
        marker = self._queues.get(dag_id, _ORIGIN + origin)
        entry = self._queues.get(dag_id, _RUN + marker.run_uid) if marker else None
        return entry.execution_date if entry else None

    def delete_run(self, run_uid: str) -> None:
        """1 request per MB, and 1 per 25 arrivals."""
        self._arrivals.delete_query(DatasetArrivalItem.run_uid == run_uid)

    def delete_dag(self, dag_id: str, generation: int) -> None:
        """1 request; where there is something 1 more per MB and per 25 items."""
        item = self._queues.get(dag_id, _QUEUE)
        if item is None or _as_queue(item).generation >= generation:
            return
        self.delete_run(item.run_uid)
        self._queues.delete_query(DatasetQueueItem.dag_id == dag_id)


def _queue_item(queue: DatasetQueue) -> DatasetQueueItem:
    return DatasetQueueItem(
        queue.dag_id,
        _QUEUE,
        run_uid=queue.run_uid,
        generation=queue.generation,
        version=queue.version,
        arrived=set(queue.arrived) or None,
        interval_start=queue.interval and queue.interval.start,
        interval_end=queue.interval and queue.interval.end,
        latest=queue.latest,
    )


def _as_queue(item: DatasetQueueItem) -> DatasetQueue:
    start, end = item.interval_start, item.interval_end
    return DatasetQueue(
        dag_id=item.dag_id,
        generation=item.generation or 0,
        run_uid=item.run_uid,
        version=item.version or 0,
        arrived=frozenset(item.arrived or ()),
        interval=DataInterval(start=start, end=end) if start and end else None,
        latest=item.latest,
    )


def _run_entry(run: DagRun) -> DatasetQueueItem:
    return DatasetQueueItem(
        run.dag_id, _RUN + run.run_uid, run_uid=run.run_uid, execution_date=run.execution_date
    )


def _arrival_item(arrival: Arrival) -> DatasetArrivalItem:
    return DatasetArrivalItem(
        arrival.run_uid,
        f"{instant_text(arrival.timestamp)}#{arrival.origin}",
        dag_id=arrival.dag_id,
        origin=arrival.origin,
        timestamp=arrival.timestamp,
        events=json.dumps([[key.uri, key.number] for key in arrival.events]),
    )


def _as_arrival(item: DatasetArrivalItem) -> Arrival:
    return Arrival(
        dag_id=item.dag_id,
        run_uid=item.run_uid,
        origin=item.origin,
        timestamp=item.timestamp,
        events=tuple(
            EventKey(uri=uri, timestamp=item.timestamp, origin=item.origin, number=number)
            for uri, number in json.loads(item.events)
        ),
    )
