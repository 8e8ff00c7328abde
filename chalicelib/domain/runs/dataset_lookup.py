"""``DatasetLookup``: what a try may ask of datasets and their events while it runs."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.runs.dataset_events import DatasetEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedDataset:
    """A dataset, found by its name."""

    uri: str
    name: str
    group: str
    extra: str
    """A JSON object: what DAG files say of it."""


class DatasetLookup(Protocol):
    """Datasets and events, for one try. All of it may raise ``StoreUnavailable``."""

    def triggering_events(self) -> tuple[DatasetEvent, ...]:
        """The events that the try's run has, by their time."""

    def events_of(self, uri: str) -> tuple[DatasetEvent, ...]:
        """All events of a dataset, by their time."""

    def events_of_alias(self, name: str) -> tuple[DatasetEvent, ...]:
        """All events that came by an alias, by their time."""

    def named(self, names: Collection[str]) -> tuple[NamedDataset, ...]:
        """The datasets of these names, in no order, without missing ones."""


class NoDatasets:
    """Outside of a worker there are none."""

    def triggering_events(self) -> tuple[DatasetEvent, ...]:
        """None."""
        return ()

    def events_of(self, uri: str) -> tuple[DatasetEvent, ...]:  # noqa: ARG002 - as above
        """None."""
        return ()

    def events_of_alias(self, name: str) -> tuple[DatasetEvent, ...]:  # noqa: ARG002 - as above
        """None."""
        return ()

    def named(self, names: Collection[str]) -> tuple[NamedDataset, ...]:  # noqa: ARG002 - as above
        """None."""
        return ()
