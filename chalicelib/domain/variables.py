"""Variables of the store: what Airflow keeps in its metadata database; pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.domain.errors import InvalidRequest

LONGEST_KEY = 250
"""Characters; what Airflow's column holds."""

LARGEST_VALUE = 350_000
"""Bytes of UTF-8, with the description: an item of DynamoDB takes 400 kB, names and all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVariable:
    """A variable of Airflow's."""

    key: str
    value: str = field(repr=False)
    """Hidden from the repr: it may be a secret."""
    description: str | None = None


def checked_variable(key: str, value: str, description: str | None = None) -> StoredVariable:
    """A variable that can be kept; raises ``InvalidRequest``, whose text does not show the value."""
    if not key or len(key) > LONGEST_KEY:
        raise InvalidRequest(f"The key of a variable takes 1 to {LONGEST_KEY} characters")
    size = len(value.encode()) + len((description or "").encode())
    if size > LARGEST_VALUE:
        raise InvalidRequest(f"The variable {key} has {size} bytes; it takes up to {LARGEST_VALUE}")
    return StoredVariable(key=key, value=value, description=description)


class VariablesOfDagFiles(Protocol):
    """Table ``variables``, as far as DAG files use it."""

    def get(self, key: str) -> StoredVariable | None:
        """A variable; 1 request."""

    def save(self, variable: StoredVariable) -> None:
        """Keep a variable in place of what is there under its key; 1 request."""

    def delete(self, key: str) -> None:
        """Forget a variable; one that is gone is no error. 1 request."""


class Variables(VariablesOfDagFiles, Protocol):
    """Table ``variables``."""

    def list(self) -> Iterator[StoredVariable]:
        """All variables, for lists; 1 request per MB."""
