"""Datasets and their events."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from threading import RLock

from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.runs.dataset_events import DatasetEvent, EventKey


class MemoryDatasets:
    """Implements ``engine.ports.store.Datasets``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._datasets: dict[str, Dataset] = {}

    def get_many(self, references: Iterable[str]) -> Iterator[Dataset]:
        with self._lock:
            return iter([self._datasets[each] for each in references if each in self._datasets])

    def list(self) -> Iterator[Dataset]:
        with self._lock:
            return iter([*self._datasets.values()])

    def save(self, dataset: Dataset) -> None:
        with self._lock:
            known = self._datasets.get(dataset.reference)
            self._datasets[dataset.reference] = (
                replace(dataset, id=known.id, created_at=known.created_at, aliases=known.aliases)
                if known
                else dataset
            )

    def bring(self, dataset: Dataset) -> None:
        with self._lock:
            known = self._datasets.get(dataset.reference, dataset)
            self._datasets[dataset.reference] = replace(
                known,
                aliases=known.aliases | dataset.aliases,
                own_name=known.own_name or dataset.own_name,
            )


class MemoryDatasetEvents:
    """Implements ``engine.ports.store.DatasetEvents``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._events: dict[EventKey, DatasetEvent] = {}

    def save(self, event: DatasetEvent) -> None:
        with self._lock:
            self._events[event.key] = event

    def list(self, uri: str) -> Iterator[DatasetEvent]:
        with self._lock:
            own = (event for event in self._events.values() if event.uri == uri)
            return iter(sorted(own, key=_by_time))

    def get_many(self, keys: Iterable[EventKey]) -> Iterator[DatasetEvent]:
        with self._lock:
            return iter([self._events[key] for key in keys if key in self._events])


def _by_time(event: DatasetEvent) -> tuple[object, ...]:
    return event.timestamp, event.origin, event.number
