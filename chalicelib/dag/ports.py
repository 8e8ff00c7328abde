"""What DAG files need kept. ``store`` implements it, by the rules of ``engine.ports``."""

from collections.abc import Iterator
from typing import Protocol

from chalicelib.domain.variables import StoredVariable


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
