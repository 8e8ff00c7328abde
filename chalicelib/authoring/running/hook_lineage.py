"""Datasets that hooks tell of while a task runs: what they read and write, collected for its lineage.

Airflow collects them for readers of plugins alone; here they join the inlets and outlets that the task
declares, wherever lineage is shown. As in Airflow they make no events of datasets.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from chalicelib.authoring.model.datasets import Dataset
from chalicelib.authoring.model.lineage import serialized
from chalicelib.authoring.provider_packages.providers_manager import ProvidersManager

log = logging.getLogger("airflow.lineage.hook")


@dataclass(slots=True)
class DatasetLineageInfo:
    """A dataset that a hook read or wrote."""

    dataset: Dataset
    """The dataset; Airflow 3 calls it ``asset``."""
    count: int
    """How many times."""
    context: Any
    """The hook, or the path of an object store."""

    @property
    def asset(self) -> Dataset:
        """The dataset by Airflow 3's name."""
        return self.dataset


AssetLineageInfo = DatasetLineageInfo


@dataclass(slots=True)
class HookLineage:
    """What was read and what was written."""

    inputs: list[DatasetLineageInfo] = field(default_factory=list)
    outputs: list[DatasetLineageInfo] = field(default_factory=list)


MOST_COLLECTED = 100
"""How many datasets a task's inlets, and its outlets, get of hooks; Airflow 3's bound."""

_Key = tuple[str, str, int]
_Seen = dict[_Key, DatasetLineageInfo]


class HookLineageCollector:
    """Collects what hooks tell of; each dataset once per hook, with a count."""

    def __init__(self, **_: Any) -> None:
        self._inputs: _Seen = {}
        self._outputs: _Seen = {}

    def create_dataset(
        self,
        scheme: str | None = None,
        uri: str | None = None,
        dataset_kwargs: Mapping[str, Any] | None = None,
        dataset_extra: dict[str, Any] | None = None,
    ) -> Dataset | None:
        """The dataset of a URI, or the one that the provider package with that scheme makes.

        None where there is no such package, and for what no dataset can be made of.
        """
        try:
            if uri:
                return Dataset(uri, extra=dataset_extra)
            factory = ProvidersManager().dataset_factories.get(scheme or "")
            if factory is not None:
                made: Dataset = factory(**(dataset_kwargs or {}), extra=dataset_extra)
                return made
        except Exception as error:  # code of others; a task goes on without its lineage
            log.debug("No dataset is made of %s: %s", uri or scheme, error)
            return None
        log.debug("No dataset is made of the scheme %s: no provider package has it", scheme)
        return None

    def create_asset(
        self,
        scheme: str | None = None,
        uri: str | None = None,
        asset_kwargs: Mapping[str, Any] | None = None,
        asset_extra: dict[str, Any] | None = None,
    ) -> Dataset | None:
        """The same by Airflow 3's name."""
        return self.create_dataset(scheme, uri, asset_kwargs, asset_extra)

    def add_input_dataset(self, context: Any, *args: Any, **kwargs: Any) -> None:
        """A hook has read what ``create_dataset`` makes of the other arguments."""
        _add(self._inputs, self.create_dataset(*args, **kwargs), context)

    def add_output_dataset(self, context: Any, *args: Any, **kwargs: Any) -> None:
        """A hook has written it."""
        _add(self._outputs, self.create_dataset(*args, **kwargs), context)

    def add_input_asset(self, context: Any, *args: Any, **kwargs: Any) -> None:
        """A hook has read it; Airflow 3's name and arguments."""
        _add(self._inputs, self.create_asset(*args, **kwargs), context)

    def add_output_asset(self, context: Any, *args: Any, **kwargs: Any) -> None:
        """A hook has written it, likewise."""
        _add(self._outputs, self.create_asset(*args, **kwargs), context)

    @property
    def collected_datasets(self) -> HookLineage:
        """What was collected until now."""
        return HookLineage(list(self._inputs.values()), list(self._outputs.values()))

    @property
    def collected_assets(self) -> HookLineage:
        """The same by Airflow 3's name."""
        return self.collected_datasets

    @property
    def has_collected(self) -> bool:
        """Whether there is any."""
        return bool(self._inputs or self._outputs)


class NoOpCollector(HookLineageCollector):
    """Collects nothing: what hooks get outside of a task."""

    def create_dataset(self, *_: Any, **__: Any) -> None:
        """Nothing is made where nothing is collected."""


class HookLineageReader:
    """What plugins read the lineage of hooks with, in listeners for example."""

    def __init__(self, **_: Any) -> None:
        pass

    @property
    def lineage_collector(self) -> HookLineageCollector:
        """The collector of the task that runs."""
        return get_hook_lineage_collector()

    def retrieve_hook_lineage(self) -> HookLineage:
        """What was collected until now."""
        return self.lineage_collector.collected_datasets


_current: ContextVar[HookLineageCollector | None] = ContextVar("hook_lineage_collector", default=None)


def get_hook_lineage_collector() -> HookLineageCollector:
    """The collector of the task that runs; outside of one a collector that keeps nothing."""
    return _current.get() or NoOpCollector()


@contextmanager
def collecting() -> Iterator[HookLineageCollector]:
    """Collect what hooks tell of in the code inside."""
    collector = HookLineageCollector()
    token = _current.set(collector)
    try:
        yield collector
    finally:
        _current.reset(token)


def shown(declared: Iterable[Any], collected: Iterable[DatasetLineageInfo]) -> tuple[str, ...]:
    """The texts of lineage: what the task declares, then what its hooks told of, each dataset once."""
    declared = list(declared)
    known = {item for item in declared if isinstance(item, Dataset)}
    added = dict.fromkeys(info.dataset for info in collected if info.dataset not in known)
    return tuple(serialized(item) for item in (*declared, *added))


def _add(seen: _Seen, dataset: Dataset | None, context: Any) -> None:
    if dataset is None:
        return
    key = (dataset.uri, json.dumps(dataset.extra, sort_keys=True, default=str), id(context))
    if key not in seen and len(seen) >= MOST_COLLECTED:
        log.debug("No more than %s datasets are collected", MOST_COLLECTED)
        return
    info = seen.setdefault(key, DatasetLineageInfo(dataset=dataset, count=0, context=context))
    info.count += 1
