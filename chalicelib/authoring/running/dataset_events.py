"""Dataset events as tasks see them: ``triggering_dataset_events`` and ``inlet_events`` in the context."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.authoring.model.datasets import Dataset, DatasetAlias, key_of
from chalicelib.domain.runs import dataset_events
from chalicelib.domain.runs.dataset_lookup import DatasetLookup
from chalicelib.domain.schedule.dataset_conditions import (
    alias_of,
    alias_reference,
    dataset_reference,
    uri_of,
)


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
    """The events of a task's inlets, by dataset, its URI, alias, or the number of the inlet; by their time.

    Those of an inlet are found when they are first asked for. Raises ``KeyError`` for what is no inlet, and
    ``IndexError`` for the number of one that is neither dataset nor alias.
    """

    def __init__(self, inlets: Sequence[Any], datasets: DatasetLookup) -> None:
        self._inlets = inlets
        self._datasets = datasets
        self._found: dict[str, list[DatasetEvent]] = {}

    def __getitem__(self, key: Any) -> list[DatasetEvent]:
        reference = reference_of(self._inlets[key] if isinstance(key, int) else key)
        if reference is None:
            raise IndexError(key)
        if reference not in map(reference_of, self._inlets):
            raise KeyError(key)
        if reference not in self._found:
            self._found[reference] = [*map(_seen, events_of(self._datasets, reference))]
        return self._found[reference]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)


def reference_of(inlet: Any) -> str | None:
    """What is meant by an inlet, or by a key to the events of one; None: neither dataset nor alias."""
    if isinstance(inlet, DatasetAlias):
        return alias_reference(inlet.name)
    return dataset_reference(key_of(inlet)) if isinstance(inlet, Dataset | str) else None


def events_of(datasets: DatasetLookup, reference: str) -> Sequence[dataset_events.DatasetEvent]:
    """All events of the dataset or alias of a reference."""
    alias = alias_of(reference)
    if alias is not None:
        return datasets.events_of_alias(alias)
    return datasets.events_of(uri_of(reference) or "")


def by_uri(events: Iterable[dataset_events.DatasetEvent]) -> dict[str, list[DatasetEvent]]:
    """Events by the URIs of their datasets, each list in order."""
    found: defaultdict[str, list[DatasetEvent]] = defaultdict(list)
    for event in events:
        found[event.uri].append(_seen(event))
    return found


def _seen(event: dataset_events.DatasetEvent) -> DatasetEvent:
    return DatasetEvent(uri=event.uri, **told_of(event))


def told_of(event: dataset_events.DatasetEvent) -> dict[str, Any]:
    """What an event tells in Airflow 2 and 3, as arguments."""
    kept = {"id": event.id, "extra": json.loads(event.extra), "timestamp": _moment(event.timestamp)}
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
    return kept | {
        "source_dag_id": source.dag_id,
        "source_task_id": source.task_id,
        "source_run_id": source.run_id,
        "source_map_index": source.map_index,
        "source_dag_run": run,
    }


def _moment(moment: datetime) -> datetime:
    import pendulum

    return pendulum.instance(moment).in_timezone("UTC")
