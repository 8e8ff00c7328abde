"""Conditions on datasets: the ``schedule`` of a DAG that runs when datasets have changed.

The form is Airflow's ``as_expression``: a dataset is its URI, an alias ``{"alias": name}``, a dataset that
is meant by its name ``{"asset_ref": {"name": name}}``, and ``{"all": [...]}`` and ``{"any": [...]}`` hold
conditions.
"""

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 2_000
"""Bytes of a URI or a name: a reference is a key of DynamoDB, which takes 2,048 (Airflow's columns 3,000)."""

_DATASET = "dataset:"
_ALIAS = "alias:"
_NAME = "name:"


def dataset_reference(uri: str) -> str:
    """The text by which a dataset is referred to: ``dataset:s3://bucket/key``."""
    return _DATASET + uri


def alias_reference(name: str) -> str:
    """The text by which an alias is referred to: ``alias:name``."""
    return _ALIAS + name


def name_reference(name: str) -> str:
    """The text by which a dataset is referred to by its name only (Airflow 3's): ``name:prices``."""
    return _NAME + name


def name_of(reference: str) -> str | None:
    """The name that a reference gives in place of a URI; None if it does not."""
    return reference.removeprefix(_NAME) if reference.startswith(_NAME) else None


def alias_of(reference: str) -> str | None:
    """The name of the alias that a reference means; None if it means a dataset."""
    return reference.removeprefix(_ALIAS) if reference.startswith(_ALIAS) else None


def uri_of(reference: str) -> str | None:
    """The URI of the dataset that a reference means; None if it means an alias."""
    return reference.removeprefix(_DATASET) if reference.startswith(_DATASET) else None


@dataclass(frozen=True, slots=True)
class DatasetCondition:
    """A condition, by the JSON text of its expression."""

    text: str

    @classmethod
    def of(cls, expression: Any) -> "DatasetCondition":
        """The condition of an expression; raises ``ValueError`` where it is none."""
        for _ in _references(expression):
            pass
        return cls(json.dumps(expression))

    @property
    def expression(self) -> Any:
        """The expression: JSON values."""
        return json.loads(self.text)

    @property
    def references(self) -> frozenset[str]:
        """The references of all datasets and aliases that it names."""
        return frozenset(_references(self.expression))

    def is_met(self, arrived: Set[str]) -> bool:
        """Whether it holds once these references have changed."""
        return _is_met(self.expression, arrived)


def _is_met(expression: Any, arrived: Set[str]) -> bool:
    match expression:
        case str(uri):
            return dataset_reference(uri) in arrived
        case {"alias": str(name)}:
            return alias_reference(name) in arrived
        case {"asset_ref": {"name": str(name)}}:
            return name_reference(name) in arrived
        case {"all": [*conditions]}:
            return all(_is_met(each, arrived) for each in conditions)
        case {"any": [*conditions]}:
            return any(_is_met(each, arrived) for each in conditions)
    raise _not_a_condition(expression)


def _references(expression: Any) -> Iterator[str]:
    match expression:
        case str(uri):
            yield dataset_reference(uri)
        case {"alias": str(name)}:
            yield alias_reference(name)
        case {"asset_ref": {"name": str(name)}}:
            yield name_reference(name)
        case {"all": [*conditions]} | {"any": [*conditions]}:
            for each in conditions:
                yield from _references(each)
        case _:
            raise _not_a_condition(expression)


def _not_a_condition(expression: Any) -> ValueError:
    return ValueError(f"{expression!r} is no condition on datasets")
