"""Changes of datasets, as a try or a delivery from outside tells of them, and their text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.json_codec import plain, typed


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


def changes_text(changes: Sequence[DatasetChange]) -> str:
    """The JSON text of the changes of an origin."""
    return json.dumps([plain(change) for change in changes])


def changes_of(text: str) -> tuple[DatasetChange, ...]:
    """The changes of such a text."""
    changes: tuple[DatasetChange, ...] = typed(tuple[DatasetChange, ...], json.loads(text))
    return changes
