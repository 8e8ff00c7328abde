"""Asset events as tasks of Airflow 3's DAGs see them, and say them of their outlets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from chalicelib.authoring.dates import as_utc, parse
from chalicelib.authoring.exceptions import AirflowRuntimeError
from chalicelib.authoring.model.assets import Asset, AssetAlias, AssetNameRef, AssetUriRef
from chalicelib.authoring.model.datasets import Dataset, DatasetAlias
from chalicelib.authoring.running.dataset_events import SourceRun, events_of, told_of
from chalicelib.authoring.running.outlet_events import AliasEvent, OutletEvent, OutletEvents
from chalicelib.domain.runs import dataset_events
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.dataset_lookup import DatasetLookup, NamedDataset
from chalicelib.domain.schedule.dataset_conditions import alias_reference, dataset_reference

if TYPE_CHECKING:
    from chalicelib.authoring.running.task_instance import TaskInstance


def assets_named(datasets: DatasetLookup, names: Sequence[str]) -> dict[str, Asset]:
    """The assets of these names; raises ``AirflowRuntimeError`` where no file defines one of that name."""
    found = {each.name: _as_asset(each) for each in datasets.named(names)}
    for name in names:
        if name not in found:
            raise AirflowRuntimeError(f"ASSET_NOT_FOUND: {{'name': {name!r}}}")
    return found


class _ByAsset:
    """What is found by asset, alias, or a reference to an asset."""

    datasets: DatasetLookup

    def __getitem__(self, key: Any) -> Any:
        raise NotImplementedError

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> Any:
        """The same for the asset of a name, a URI, or both; raises ``ValueError`` without either."""
        if name and uri:
            return self[Asset(name=name, uri=uri)]
        if not name and not uri:
            raise ValueError("name and uri cannot both be None")
        return self[Asset.ref(name=name or "", uri=uri or "")]

    def for_asset_alias(self, *, name: str) -> Any:
        """The same for the alias of a name."""
        return self[AssetAlias(name)]

    def _meant(self, key: Any) -> Dataset | DatasetAlias:
        """The asset or alias that a key means; raises ``TypeError`` for any other key."""
        if isinstance(key, AssetNameRef):
            return assets_named(self.datasets, (key.name,))[key.name]
        if isinstance(key, AssetUriRef):
            return Asset(uri=key.uri)
        if isinstance(key, Dataset | DatasetAlias):
            return key
        raise TypeError(f"Key should be either an asset or an asset alias, not {type(key)}")


@dataclass
class AssetOutletEvent(OutletEvent):
    """What a task says of one of its outlets."""

    datasets: DatasetLookup = field(kw_only=True, repr=False)

    @property
    def key(self) -> Any:
        """The asset or alias."""
        return self.raw_key

    @property
    def asset_alias_events(self) -> list[AliasEvent]:
        """The assets that were changed by this alias."""
        return self.dataset_alias_events

    def add(self, asset: Any, extra: dict[str, Any] | None = None) -> None:
        """Say that an asset was changed by this alias; of an outlet that is no alias nothing is added."""
        if isinstance(asset, AssetNameRef):
            asset = assets_named(self.datasets, (asset.name,))[asset.name]
        super().add(asset.uri if isinstance(asset, AssetUriRef) else asset, extra)


class AssetOutletEvents(_ByAsset, OutletEvents):
    """What a task says of its outlets, by asset, alias, or a reference to an asset."""

    def __init__(self, datasets: DatasetLookup) -> None:
        super().__init__()
        self.datasets = datasets

    def __getitem__(self, key: Any) -> OutletEvent:
        meant = self._meant(key)
        event = AssetOutletEvent(raw_key=meant, datasets=self.datasets)
        return self._events.setdefault(_reference(meant), event)

    def __iter__(self) -> Iterator[Any]:
        return iter([event.raw_key for event in self._events.values()])

    def changes_of(self, outlets: list[Any]) -> tuple[DatasetChange, ...]:
        """What a task with these outlets, which may be references, has changed; raises as above."""
        references = (AssetNameRef, AssetUriRef)
        return super().changes_of(
            [self._meant(each) if isinstance(each, references) else each for each in outlets]
        )


@dataclass(frozen=True, kw_only=True)
class AssetOfEvent:
    """The asset of an event."""

    name: str
    uri: str
    datasets: DatasetLookup = field(repr=False, compare=False)

    @property
    def group(self) -> str:
        """The group that its file gives it; costs a request."""
        return self._found.group

    @property
    def extra(self) -> dict[str, Any]:
        """The extra that its file gives it; costs a request."""
        return self._found.extra or {}

    @cached_property
    def _found(self) -> Asset:
        return assets_named(self.datasets, (self.name,))[self.name]


@dataclass(frozen=True)
class SourceAlias:
    """An alias by which an event came."""

    name: str


@dataclass(frozen=True)
class SourceTaskInstance:
    """The task instance that has changed an asset."""

    dag_run: SourceRun
    task_id: str
    map_index: int
    reader: "TaskInstance" = field(repr=False, compare=False)

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return self.dag_run.dag_id

    @property
    def run_id(self) -> str:
        """The id of its run."""
        return self.dag_run.run_id

    def xcom_pull(self, *, key: str = "return_value", default: Any = None) -> Any:
        """What it pushed, or the default."""
        value = self.reader.xcom_pull(
            task_ids=self.task_id,
            dag_id=self.dag_id,
            run_id=self.run_id,
            key=key,
            map_indexes=self.map_index,
        )
        return default if value is None else value


@dataclass(frozen=True, kw_only=True)
class AssetEvent:
    """One event of an asset."""

    id: int
    asset: AssetOfEvent
    extra: dict[str, Any]
    timestamp: datetime
    source_aliases: tuple[SourceAlias, ...] = ()
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int | None = None
    source_dag_run: SourceRun | None = field(default=None, compare=False)
    partition_key: str | None = None
    reader: "TaskInstance" = field(repr=False, compare=False)

    @property
    def source_task_instance(self) -> SourceTaskInstance | None:
        """The task instance that has changed the asset; None: it was changed from outside."""
        if self.source_dag_run is None or self.source_task_id is None or self.source_map_index is None:
            return None
        return SourceTaskInstance(
            self.source_dag_run, self.source_task_id, self.source_map_index, self.reader
        )


class AssetEvents(Sequence[AssetEvent]):
    """The events of an inlet by their time, found when they are looked at; each filter changes the object."""

    def __init__(self, ti: "TaskInstance", reference: str) -> None:
        self._ti = ti
        self._reference = reference
        self._after: datetime | None = None
        self._before: datetime | None = None
        self._is_ascending = True
        self._limit: int | None = None

    def after(self, after: str | datetime) -> Self:
        """Leave out what is before a moment."""
        self._after = _as_moment(after)
        return self

    def before(self, before: str | datetime) -> Self:
        """Leave out what is after a moment."""
        self._before = _as_moment(before)
        return self

    def ascending(self, ascending: bool = True) -> Self:
        """Give the earliest first, or the latest."""
        self._is_ascending = ascending
        return self

    def limit(self, limit: int) -> Self:
        """Give that many at most."""
        self._limit = limit
        return self

    def __len__(self) -> int:
        return len(self._filtered())

    def __getitem__(self, key: Any) -> Any:
        return self._filtered()[key]

    def _filtered(self) -> list[AssetEvent]:
        chosen = [event for event in self._all if self._is_between(event.timestamp)]
        return (chosen if self._is_ascending else chosen[::-1])[: self._limit]

    def _is_between(self, moment: datetime) -> bool:
        is_late_enough = self._after is None or moment >= self._after
        return is_late_enough and (self._before is None or moment <= self._before)

    @cached_property
    def _all(self) -> list[AssetEvent]:
        return [_seen(self._ti, event) for event in events_of(self._ti.datasets, self._reference)]


class AssetInletEvents(_ByAsset, Mapping[Any, AssetEvents]):
    """The events of a task's inlets, by asset, alias, reference, or the number of the inlet.

    Raises ``KeyError`` for what is no inlet, ``IndexError`` for the number of one that is neither asset nor
    alias.
    """

    def __init__(self, ti: "TaskInstance") -> None:
        self.datasets = ti.datasets
        self._ti = ti
        self._inlets = ti.task.inlets

    def __getitem__(self, key: Any) -> AssetEvents:
        inlet = self._inlets[key] if isinstance(key, int) else key
        if isinstance(key, int) and not _is_asset_like(inlet):
            raise IndexError(key)
        reference = _reference(self._meant(inlet))
        if reference not in self._references:
            raise KeyError(key)
        return AssetEvents(self._ti, reference)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)

    @cached_property
    def _references(self) -> frozenset[str]:
        return frozenset(_reference(self._meant(each)) for each in self._inlets if _is_asset_like(each))


class TriggeringAssetEvents(_ByAsset, Mapping[Any, list[AssetEvent]]):
    """The events that a run has, by asset, alias, or a reference to an asset; costs 2 requests."""

    def __init__(self, ti: "TaskInstance") -> None:
        self.datasets = ti.datasets
        self._events: dict[str, list[AssetEvent]] = {}
        self._keys: dict[str, Any] = {}
        for event in ti.datasets.triggering_events():
            asset = Asset(name=event.name or event.uri, uri=event.uri)
            keys: list[Asset | AssetAlias] = [asset, *map(AssetAlias, event.aliases)]
            for key in keys:
                self._keys.setdefault(_reference(key), key)
                self._events.setdefault(_reference(key), []).append(_seen(ti, event))

    def __getitem__(self, key: Any) -> list[AssetEvent]:
        return self._events[_reference(self._meant(key))]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._events)


def _seen(ti: "TaskInstance", event: dataset_events.DatasetEvent) -> AssetEvent:
    asset = AssetOfEvent(name=event.name or event.uri, uri=event.uri, datasets=ti.datasets)
    aliases = tuple(map(SourceAlias, event.aliases))
    return AssetEvent(asset=asset, source_aliases=aliases, reader=ti, **told_of(event))


def _as_asset(found: NamedDataset) -> Asset:
    return Asset(name=found.name, uri=found.uri, group=found.group, extra=json.loads(found.extra))


def _is_asset_like(inlet: Any) -> bool:
    return isinstance(inlet, Dataset | DatasetAlias | AssetNameRef | AssetUriRef)


def _reference(meant: Dataset | DatasetAlias) -> str:
    if isinstance(meant, DatasetAlias):
        return alias_reference(meant.name)
    return dataset_reference(meant.uri)


def _as_moment(given: str | datetime) -> datetime:
    return as_utc(parse(given) if isinstance(given, str) else given)
