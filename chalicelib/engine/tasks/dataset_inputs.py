"""``DatasetsForTry``: what a try may ask of datasets, for user code has no rights of its own at the store."""

from collections.abc import Collection
from dataclasses import dataclass

from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.runs.dag_runs import DagRunType, RunFacts
from chalicelib.domain.runs.dataset_events import DatasetEvent
from chalicelib.domain.runs.dataset_lookup import NamedDataset
from chalicelib.domain.schedule.dataset_conditions import dataset_reference
from chalicelib.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class DatasetsForTry:
    """Implements ``domain.runs.dataset_lookup.DatasetLookup`` for the tries of a run."""

    engine: Engine
    run: RunFacts

    def triggering_events(self) -> tuple[DatasetEvent, ...]:
        """The events that a run by datasets has, by their time; 2 requests, none for other runs."""
        if self.run.run_type is not DagRunType.DATASET_TRIGGERED:
            return ()
        arrivals = self.engine.store.dataset_queues.arrivals(self.run.ref.run_uid)
        keys = [key for arrival in arrivals for key in arrival.events]
        found = {event.key: event for event in self.engine.store.dataset_events.get_many(keys)}
        return tuple(found[key] for key in keys if key in found)

    def events_of(self, uri: str) -> tuple[DatasetEvent, ...]:
        """All events of a dataset, by their time; 1 request per MB of them."""
        return tuple(self.engine.store.dataset_events.list(uri))

    def events_of_alias(self, name: str) -> tuple[DatasetEvent, ...]:
        """All events that came by an alias, by their time.

        1 request per MB of all datasets, and for each that the alias has brought 1 per MB of its events.
        """
        uris = [each.uri for each in self.engine.store.datasets.list() if name in each.aliases]
        events = [event for uri in uris if uri is not None for event in self.events_of(uri)]
        return tuple(sorted((event for event in events if name in event.aliases), key=_by_time))

    def named(self, names: Collection[str]) -> tuple[NamedDataset, ...]:
        """The datasets of these names.

        1 request; for those whose names are not their URIs, 1 more per MB of all datasets.
        """
        wanted = frozenset(names)
        datasets = self.engine.store.datasets
        found = {each.name: each for each in datasets.get_many(map(dataset_reference, sorted(wanted)))}
        if wanted - found.keys():
            found |= {each.name: each for each in datasets.list() if each.uri and each.name in wanted}
        return tuple(_named(each) for name, each in sorted(found.items()) if name in wanted)


def _named(dataset: Dataset) -> NamedDataset:
    return NamedDataset(uri=dataset.uri or "", name=dataset.name, group=dataset.group, extra=dataset.extra)


def _by_time(event: DatasetEvent) -> tuple[object, ...]:
    return event.timestamp, event.origin, event.number
