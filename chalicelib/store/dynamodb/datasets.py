"""Datasets, aliases and events."""

import json
from collections.abc import Iterable, Iterator

from pynamodb.expressions.update import Action

from chalicelib.domain.datasets.datasets import DEFAULT_GROUP, Dataset, Mention
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.runs.dataset_events import DatasetEvent, EventKey, EventSource
from chalicelib.store.dynamodb.attributes import instant_text
from chalicelib.store.dynamodb.models import DatasetEventItem, DatasetItem
from chalicelib.store.dynamodb.tables import Tables


class DynamoDatasets:
    """Implements ``engine.ports.store.Datasets``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.datasets

    def get_many(self, references: Iterable[str]) -> Iterator[Dataset]:
        return map(_as_dataset, self._table.get_many((each,) for each in references))

    def list(self) -> Iterator[Dataset]:
        return map(_as_dataset, self._table.scan())

    def save(self, dataset: Dataset) -> None:
        mentions = DatasetItem.mentions
        actions = [
            DatasetItem.id.set(DatasetItem.id | dataset.id),
            DatasetItem.created_at.set(DatasetItem.created_at | dataset.created_at),
            DatasetItem.updated_at.set(dataset.updated_at),
            DatasetItem.extra.set(dataset.extra),
            mentions.set(_mentions_text(dataset)) if dataset.mentions else mentions.remove(),
            *_naming(dataset),
        ]
        self._table.update((dataset.reference,), actions)

    def bring(self, dataset: Dataset) -> None:
        actions: list[Action] = [
            DatasetItem.id.set(DatasetItem.id | dataset.id),
            DatasetItem.created_at.set(DatasetItem.created_at | dataset.created_at),
            DatasetItem.updated_at.set(DatasetItem.updated_at | dataset.updated_at),
            DatasetItem.extra.set(DatasetItem.extra | dataset.extra),
        ]
        if dataset.aliases:
            actions.append(DatasetItem.aliases.add(set(dataset.aliases)))
        if dataset.own_name:
            actions.append(DatasetItem.own_name.set(DatasetItem.own_name | dataset.own_name))
        self._table.update((dataset.reference,), actions)


class DynamoDatasetEvents:
    """Implements ``engine.ports.store.DatasetEvents``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.dataset_events

    def save(self, event: DatasetEvent) -> None:
        self._table.put(
            DatasetEventItem(
                event.uri,
                _event_key(event.key),
                name=event.name or None,
                timestamp=event.timestamp,
                origin=event.origin,
                number=event.number,
                extra=event.extra,
                aliases=set(event.aliases) or None,
                source=json.dumps(plain(event.source)) if event.source else None,
            )
        )

    def list(self, uri: str) -> Iterator[DatasetEvent]:
        return map(_as_event, self._table.query(DatasetEventItem.uri == uri))

    def get_many(self, keys: Iterable[EventKey]) -> Iterator[DatasetEvent]:
        return map(_as_event, self._table.get_many((key.uri, _event_key(key)) for key in keys))


def _event_key(key: EventKey) -> str:
    return f"{instant_text(key.timestamp)}#{key.origin}#{key.number:06}"


def _mentions_text(dataset: Dataset) -> str:
    return json.dumps([plain(mention) for mention in dataset.mentions])


def _naming(dataset: Dataset) -> Iterator[Action]:
    own_name, group = DatasetItem.own_name, DatasetItem.group
    yield own_name.set(dataset.own_name) if dataset.own_name else own_name.remove()
    yield group.set(dataset.group) if dataset.group != DEFAULT_GROUP else group.remove()


def _as_dataset(item: DatasetItem) -> Dataset:
    return Dataset(
        reference=item.reference,
        id=item.id,
        created_at=item.created_at,
        updated_at=item.updated_at,
        own_name=item.own_name or "",
        group=item.group or DEFAULT_GROUP,
        extra=item.extra,
        mentions=typed(tuple[Mention, ...], json.loads(item.mentions)) if item.mentions else (),
        aliases=frozenset(item.aliases or ()),
    )


def _as_event(item: DatasetEventItem) -> DatasetEvent:
    return DatasetEvent(
        uri=item.uri,
        name=item.name or "",
        timestamp=item.timestamp,
        origin=item.origin,
        number=item.number,
        extra=item.extra,
        aliases=tuple(sorted(item.aliases or ())),
        source=typed(EventSource, json.loads(item.source)) if item.source else None,
    )
