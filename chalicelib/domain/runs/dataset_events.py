"""Events of datasets: what one origin (the end of a try, a delivery from outside) has changed.

All events of an origin are one unit: Airflow writes those of a task's end in one transaction, so a DAG that
runs by any of them runs once. Everything of an event follows from its origin, so that it may be kept twice.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.runs.dag_runs import RunFacts, id_at
from chalicelib.domain.runs.dataset_changes import DatasetChange


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSource:
    """The task instance that has changed a dataset, and the dates of its run."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    execution_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime

    @classmethod
    def of(cls, run: RunFacts, task_id: str, map_index: int) -> "EventSource":
        """The source that a task instance of a run is."""
        return cls(
            dag_id=run.ref.dag_id,
            task_id=task_id,
            run_id=run.run_id,
            map_index=map_index,
            execution_date=run.ref.execution_date,
            data_interval_start=run.data_interval_start,
            data_interval_end=run.data_interval_end,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetEvent:
    """One event of a dataset. Datetimes are aware, in UTC."""

    uri: str
    name: str = ""
    """As ``DatasetChange``'s."""
    timestamp: datetime
    origin: str
    """Names what made it, once for all: of a try run uid, task, map index and number."""
    number: int
    """Its place among the events of its origin."""
    extra: str = "{}"
    """A JSON object."""
    aliases: tuple[str, ...] = ()
    source: EventSource | None = None
    """None: it came from outside."""

    @property
    def id(self) -> int:
        """The integer that the API shows; the same for the same event."""
        return id_at(self.timestamp, zlib.crc32(f"{self.origin}#{self.number}#{self.uri}".encode()))

    @property
    def key(self) -> "EventKey":
        """The key by which it is found."""
        return EventKey(uri=self.uri, timestamp=self.timestamp, origin=self.origin, number=self.number)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventKey:
    """The key of an event; of one dataset they sort by the time."""

    uri: str
    timestamp: datetime
    origin: str
    number: int


def origin_of_try(run_uid: str, task_key: str, try_number: int) -> str:
    """The origin that the end of a try is."""
    return f"{run_uid}#{task_key}#{try_number}"


def events_of(
    origin: str, timestamp: datetime, changes: Sequence[DatasetChange], source: EventSource | None
) -> tuple[DatasetEvent, ...]:
    """The events that changes make, in their order."""
    return tuple(
        DatasetEvent(
            uri=change.uri,
            name=change.name,
            timestamp=timestamp,
            origin=origin,
            number=number,
            extra=json.dumps(change.extra),
            aliases=change.aliases,
            source=source,
        )
        for number, change in enumerate(changes)
    )
