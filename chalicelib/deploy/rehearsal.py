"""Variables and connections of a stage as loaded DAG files see them; what they change changes no stage.

Before the first deployment there is no table, and so no variable and no connection.
"""

from collections.abc import Iterator
from functools import partial

from chalicelib.deploy.aws_errors import unless_missing
from chalicelib.domain.connections import ConnectionsOfDagFiles, StoredConnection
from chalicelib.domain.variables import StoredVariable, Variables

_NO_TABLE = "ResourceNotFoundException"


class RehearsedVariables:
    """Implements ``domain.variables.Variables`` over a stage's, with changes that end with this object."""

    def __init__(self, standing: Variables) -> None:
        self._standing = standing
        self._changed: dict[str, StoredVariable | None] = {}

    def get(self, key: str) -> StoredVariable | None:
        """The variable as it is rehearsed; None where there is none."""
        return self._changed[key] if key in self._changed else self._get(key)

    def list(self) -> Iterator[StoredVariable]:
        """All variables as they are rehearsed."""
        for variable in self._standing.list():
            if variable.key not in self._changed:
                yield variable
        yield from (variable for variable in self._changed.values() if variable)

    def save(self, variable: StoredVariable) -> None:
        """Keep the variable in this object only."""
        self._changed[variable.key] = variable

    def delete(self, key: str) -> None:
        """Hide the variable in this object only."""
        self._changed[key] = None

    def _get(self, key: str) -> StoredVariable | None:
        return unless_missing(partial(self._standing.get, key), missing=_NO_TABLE)


class RehearsedConnections:
    """Implements ``domain.connections.ConnectionsOfDagFiles`` over a stage's."""

    def __init__(self, standing: ConnectionsOfDagFiles) -> None:
        self._standing = standing

    def get(self, conn_id: str) -> StoredConnection | None:
        """The connection; None where there is none."""
        return unless_missing(partial(self._standing.get, conn_id), missing=_NO_TABLE)
