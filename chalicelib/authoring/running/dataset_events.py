"""Dataset events as tasks see them: ``triggering_dataset_events`` and ``inlet_events`` in the context."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.authoring.model.datasets import Dataset, DatasetAlias, key_of
from chalicelib.domain.runs import dataset_events

FindEvents = Callable[[str], Sequence[dataset_events.DatasetEvent]]
"""Finds the events of the dataset of a URI, by their time."""


@dataclass(frozen=True, kw_only=True)
class SourceRun:
    """The run whose task has changed a dataset; datetimes are pendulum's."""

    dag_id: str
    run_id: str
    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime

    @property
    def execution_date(self) -> datetime:
        """The older name of the logical date."""
        return self.logical_date


@dataclass(frozen=True, kw_only=True)
class DatasetEvent:
    """One event of a dataset."""

    id: int
    uri: str
    extra: dict[str, Any]
    timestamp: datetime
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int = -1
    source_dag_run: SourceRun | None = field(default=None, compare=False)

    @property
    def dataset(self) -> Dataset:
        """The dataset."""
        return Dataset(self.uri)


class InletEvents(Mapping[Any, list[DatasetEvent]]):
    """The events of a task's inlets, by dataset, its URI, or the number of the inlet; by their time.

    Those of an inlet are found when they are first asked for. Raises ``KeyError`` for what is no inlet.
    """

    def __init__(self, inlets: Iterable[Any], find: FindEvents) -> None:
        self._inlets = [each for each in inlets if isinstance(each, Dataset | DatasetAlias)]
        self._find = find
        self._found: dict[str, list[DatasetEvent]] = {}

    def __getitem__(self, key: Any) -> list[DatasetEvent]:
        uri = key_of(self._inlets[key] if isinstance(key, int) else key)
        if uri not in map(key_of, self._inlets):
            raise KeyError(uri)
        if uri not in self._found:
            self._found[uri] = [*map(_seen, self._find(uri))]
        return self._found[uri]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)


def by_uri(events: Iterable[dataset_events.DatasetEvent]) -> dict[str, list[DatasetEvent]]:
    """Events by the URIs of their datasets, each list in order."""
    found: defaultdict[str, list[DatasetEvent]] = defaultdict(list)
    for event in events:
        found[event.uri].append(_seen(event))
    return found


def _seen(event: dataset_events.DatasetEvent) -> DatasetEvent:
    kept = DatasetEvent(
        id=event.id, uri=event.uri, extra=json.loads(event.extra), timestamp=_moment(event.timestamp)
    )
    source = event.source
    if source is None:
        return kept
    run = SourceRun(
        dag_id=source.dag_id,
        run_id=source.run_id,
        logical_date=_moment(source.execution_date),
        data_interval_start=_moment(source.data_interval_start),
        data_interval_end=_moment(source.data_interval_end),
    )
    return replace(
        kept,
        source_dag_id=source.dag_id,
        source_task_id=source.task_id,
        source_run_id=source.run_id,
        source_map_index=source.map_index,
        source_dag_run=run,
    )


def _moment(moment: datetime) -> datetime:
    import pendulum

    return pendulum.instance(moment).in_timezone("UTC")
