"""The events of a task's outlets, as its code fills them: ``outlet_events`` in the context."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.datasets import Dataset, DatasetAlias, Metadata, key_of
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.runs.dataset_changes import DatasetChange, check_extra


@dataclass(frozen=True)
class AliasEvent:
    """A dataset that a task has changed by an alias."""

    source_alias_name: str
    dest_dataset_uri: str
    extra: dict[str, Any]
    dest_name: str = ""
    """As ``DatasetChange``'s."""


@dataclass
class OutletEvent:
    """What a task says of one of its outlets."""

    raw_key: str | Dataset | DatasetAlias
    extra: dict[str, Any] = field(default_factory=dict)
    dataset_alias_events: list[AliasEvent] = field(default_factory=list)

    def add(self, dataset: Dataset | str, extra: dict[str, Any] | None = None) -> None:
        """Say that a dataset was changed by this alias; of an outlet that is no alias nothing is added."""
        if not isinstance(self.raw_key, DatasetAlias | str):
            return
        name = self.raw_key if isinstance(self.raw_key, str) else self.raw_key.name
        event = AliasEvent(
            source_alias_name=name,
            dest_dataset_uri=key_of(dataset),
            extra=extra or {},
            dest_name=_name_of(dataset),
        )
        self.dataset_alias_events.append(event)


class OutletEvents(Mapping[Any, OutletEvent]):
    """What a task says of its outlets, by dataset, alias, or the URI or name of one."""

    def __init__(self) -> None:
        self._events: dict[str, OutletEvent] = {}

    def __getitem__(self, key: Any) -> OutletEvent:
        return self._events.setdefault(key_of(key), OutletEvent(raw_key=key))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def take(self, metadata: Metadata) -> None:
        """Take in what a task has yielded."""
        event = self[metadata.target]
        event.extra.update(metadata.extra)
        if metadata.alias_name is not None:
            self[DatasetAlias(metadata.alias_name)].add(metadata.target, metadata.extra)

    def changes_of(self, outlets: list[Any]) -> tuple[DatasetChange, ...]:
        """What a task with these outlets has changed once it has succeeded.

        Each dataset among the outlets, then what was added by aliases among them: as in Airflow one for each
        dataset and extra, with the names of all aliases that brought it. Raises ``AirflowException`` for an
        extra that is no JSON, or too large.
        """
        own = [
            DatasetChange(uri=outlet.uri, name=_name_of(outlet), extra=_json(self[outlet].extra))
            for outlet in outlets
            if isinstance(outlet, Dataset)
        ]
        found: dict[tuple[str, str, str], set[str]] = {}
        for alias in (outlet for outlet in outlets if isinstance(outlet, DatasetAlias)):
            for event in self[alias].dataset_alias_events:
                extra = json.dumps(_json(event.extra), sort_keys=True)
                key = (event.dest_dataset_uri, event.dest_name, extra)
                found.setdefault(key, set()).add(event.source_alias_name)
        by_alias = [
            DatasetChange(uri=uri, name=name, extra=json.loads(extra), aliases=tuple(sorted(names)))
            for (uri, name, extra), names in found.items()
        ]
        return (*own, *by_alias)


def _name_of(dataset: Dataset | str) -> str:
    """The name that Airflow 3 knows it by, where that is another than the URI."""
    return dataset.naming.get("name", "") if isinstance(dataset, Dataset) else ""


def _json(extra: dict[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(extra))
    except (TypeError, ValueError) as error:
        raise AirflowException(f"The extra of a dataset event has to be JSON: {error}") from error
    try:
        check_extra(plain)
    except InvalidRequest as error:
        raise AirflowException(str(error)) from None
    return plain
