"""Queues of datasets: what has arrived for a DAG since its last run by datasets, and when it runs.

As in Airflow: a run has all events since the one before it, those that came while the DAG was paused
included, but only what came while it was not counts for its condition. A run uses up all that has arrived.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.runs.dataset_events import DatasetEvent, EventKey
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.domain.schedule.timetables import DataInterval


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetQueue:
    """What has arrived for a DAG since its last run by datasets. Datetimes are aware, in UTC."""

    dag_id: str
    generation: int
    """Its DAG's life."""
    run_uid: str
    """The identity that the next run will have: what arrives is kept under it from the start."""
    version: int = 0
    """Grows with each change."""
    arrived: frozenset[str] = frozenset()
    """References that count for the condition."""
    interval: DataInterval | None = None
    """The data interval of the next run as far as it is known; None: nothing has arrived."""
    latest: datetime | None = None
    """The moment of the latest event or run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """All events of one origin that concern a DAG."""

    dag_id: str
    run_uid: str
    """The run that has, or will have, them."""
    origin: str
    timestamp: datetime
    events: tuple[EventKey, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """A run by datasets that is to be made."""

    run_uid: str
    execution_date: datetime
    data_interval: DataInterval


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrivalStep:
    """What an arrival makes of a queue: all of it is one write."""

    arrival: Arrival
    before: DatasetQueue
    """The queue as it was read; of version 0 if there was none."""
    after: DatasetQueue
    run: PlannedRun | None = None
    """The run that is made by it; None: its condition is not met yet."""


def queue_for(kept: DatasetQueue | None, dag_id: str, generation: int, new_run_uid: str) -> DatasetQueue:
    """The queue of a DAG's present life: that of an earlier one counts as empty."""
    if kept is None:
        return DatasetQueue(dag_id=dag_id, generation=generation, run_uid=new_run_uid)
    if kept.generation == generation:
        return kept
    return DatasetQueue(dag_id=dag_id, generation=generation, run_uid=new_run_uid, version=kept.version)


def arrive(
    queue: DatasetQueue,
    condition: DatasetCondition,
    events: Collection[DatasetEvent],
    references: frozenset[str],
    *,
    is_paused: bool,
    new_run_uid: str,
    not_before: datetime | None = None,
) -> ArrivalStep:
    """What the events (one at least) of an origin, which stand for references, make of a queue.

    ``new_run_uid`` is for the run after the one that may be made; ``not_before``: earlier dates are
    taken by other runs.
    """
    first = next(iter(events))
    arrival = Arrival(
        dag_id=queue.dag_id,
        run_uid=queue.run_uid,
        origin=first.origin,
        timestamp=first.timestamp,
        events=tuple(event.key for event in events),
    )
    counted = frozenset[str]() if is_paused else references
    interval = _joined(queue.interval, events)
    after = replace(
        queue,
        version=queue.version + 1,
        arrived=(queue.arrived | counted) & condition.references,
        interval=interval,
        latest=max(first.timestamp, queue.latest or first.timestamp),
    )
    if is_paused or not condition.is_met(after.arrived):
        return ArrivalStep(arrival=arrival, before=queue, after=after)
    return _step_with_run(queue, after, arrival, interval, new_run_uid, not_before)


def meet(
    queue: DatasetQueue,
    condition: DatasetCondition,
    moment: datetime,
    *,
    new_run_uid: str,
    not_before: datetime | None = None,
) -> ArrivalStep | None:
    """What is made of a queue whose DAG has another condition now; None: what has arrived does not meet it.

    It is an arrival of no events, whose origin no other has. Arguments as above.
    """
    arrived = queue.arrived & condition.references
    if not arrived or queue.interval is None or not condition.is_met(arrived):
        return None
    arrival = Arrival(
        dag_id=queue.dag_id,
        run_uid=queue.run_uid,
        origin=f"condition#{queue.run_uid}",
        timestamp=moment,
        events=(),
    )
    after = replace(queue, version=queue.version + 1)
    return _step_with_run(queue, after, arrival, queue.interval, new_run_uid, not_before)


def _step_with_run(
    queue: DatasetQueue,
    after: DatasetQueue,
    arrival: Arrival,
    interval: DataInterval,
    new_run_uid: str,
    not_before: datetime | None,
) -> ArrivalStep:
    date = _date_of_run(queue, arrival.timestamp, not_before)
    run = PlannedRun(run_uid=queue.run_uid, execution_date=date, data_interval=interval)
    emptied = replace(after, run_uid=new_run_uid, arrived=frozenset(), interval=None, latest=date)
    return ArrivalStep(arrival=arrival, before=queue, after=emptied, run=run)


def _date_of_run(queue: DatasetQueue, moment: datetime, not_before: datetime | None) -> datetime:
    """The moment of the event, but later than any of the runs before: so dates go as runs do."""
    after_latest = queue.latest + timedelta.resolution if queue.latest else moment
    return max(moment, after_latest, not_before or moment)


def _joined(interval: DataInterval | None, events: Collection[DatasetEvent]) -> DataInterval:
    """Airflow's rule: from the earliest to the latest source run; an event without one is a moment."""
    intervals = [_interval_of(event) for event in events] + ([interval] if interval else [])
    return DataInterval(start=min(each.start for each in intervals), end=max(each.end for each in intervals))


def _interval_of(event: DatasetEvent) -> DataInterval:
    if event.source is None:
        return DataInterval(start=event.timestamp, end=event.timestamp)
    return DataInterval(start=event.source.data_interval_start, end=event.source.data_interval_end)
