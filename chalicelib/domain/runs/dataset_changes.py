"""Changes of datasets, as a try or a delivery from outside tells of them, and their text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.json_codec import plain, typed

LARGEST_EXTRA = 100_000
"""Bytes of the extra of an event or of a dataset, as JSON: an item of DynamoDB has 400 kB in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetChange:
    """One change of a dataset."""

    uri: str
    name: str = ""
    """The name that Airflow 3's file gives it beside the URI; empty if none."""
    extra: dict[str, Any] = field(default_factory=dict)
    """JSON values."""
    aliases: tuple[str, ...] = ()
    """Names of the aliases by which the task found the dataset, sorted; empty if it names it as an outlet."""


def check_extra(extra: Mapping[str, Any]) -> None:
    """Raise ``InvalidRequest`` for an extra (JSON values) that is too large to be kept."""
    size = len(json.dumps(extra))
    if size > LARGEST_EXTRA:
        raise InvalidRequest(
            f"The extra of a dataset has {size:,} bytes as JSON; up to {LARGEST_EXTRA:,} are kept: "
            "keep what is long elsewhere, and tell where it is"
        )


def changes_text(changes: Sequence[DatasetChange]) -> str:
    """The JSON text of the changes of an origin."""
    return json.dumps([plain(change) for change in changes])


def changes_of(text: str) -> tuple[DatasetChange, ...]:
    """The changes of such a text."""
    changes: tuple[DatasetChange, ...] = typed(tuple[DatasetChange, ...], json.loads(text))
    return changes
