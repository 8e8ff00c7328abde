"""What DAG files need kept. ``store`` implements it, by the rules of ``engine.ports``."""

from collections.abc import Iterator
from typing import Protocol

from chalicelib.domain.variables import StoredVariable


class Variables(Protocol):
    """Table ``variables``."""

    def get(self, key: str) -> StoredVariable | None:
        """A variable; 1 request."""

    def list(self) -> Iterator[StoredVariable]:
        """All variables, for lists; 1 request per MB."""

    def save(self, variable: StoredVariable) -> None:
        """Keep a variable in place of what is there under its key; 1 request."""

    def delete(self, key: str) -> None:
        """Forget a variable; one that is gone is no error. 1 request."""
