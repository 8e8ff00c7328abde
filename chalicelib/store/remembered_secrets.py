"""Connections and secrets that a process remembers for a minute, to spare requests."""

from collections.abc import Callable

from chalicelib.auth.short_memory import ShortMemory
from chalicelib.domain.connections import ConnectionsOfDagFiles, StoredConnection
from chalicelib.domain.secrets_backends import SecretsBackend

REMEMBERED_SECONDS = 60
"""For how long, what is not there included: so old may be what a try gets to know."""

Clock = Callable[[], float]
"""Gives seconds since 1970."""


class RememberedConnections:
    """Implements ``domain.connections.ConnectionsOfDagFiles`` over others, made when first needed."""

    def __init__(self, connections: Callable[[], ConnectionsOfDagFiles], clock: Clock) -> None:
        self._connections = connections
        self._known: ShortMemory[tuple[StoredConnection | None]] = ShortMemory(REMEMBERED_SECONDS, clock)

    def get(self, conn_id: str) -> StoredConnection | None:
        """A connection; no request if it is remembered."""
        found = self._known.get(conn_id.encode())
        if found is None:
            found = (self._connections().get(conn_id),)
            self._known.put(conn_id.encode(), found)
        return found[0]


class RememberedSecrets:
    """Implements ``domain.secrets_backends.SecretsBackend`` over another."""

    def __init__(self, backend: SecretsBackend, clock: Clock) -> None:
        self.name = backend.name
        self._backend = backend
        self._known: ShortMemory[tuple[str | None]] = ShortMemory(REMEMBERED_SECONDS, clock)

    def connection(self, conn_id: str) -> str | None:
        """A connection as URI or JSON, or None."""
        return self._find(self._backend.connection, conn_id)

    def variable(self, key: str) -> str | None:
        """A variable's text, or None."""
        return self._find(self._backend.variable, key)

    def option(self, key: str) -> str | None:
        """An option's text, or None."""
        return self._find(self._backend.option, key)

    def _find(self, look_up: Callable[[str], str | None], key: str) -> str | None:
        fingerprint = f"{look_up.__name__}:{key}".encode()
        found = self._known.get(fingerprint)
        if found is None:
            found = (look_up(key),)
            self._known.put(fingerprint, found)
        return found[0]
