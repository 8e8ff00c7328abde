"""Connections of DAG files."""

from collections.abc import Iterator
from threading import RLock

from chalicelib.domain.connections import StoredConnection


class MemoryConnections:
    """Implements ``domain.connections.Connections``, unencrypted: nothing outlives the process."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._connections: dict[str, StoredConnection] = {}

    def get(self, conn_id: str) -> StoredConnection | None:
        return self._connections.get(conn_id)

    def list(self) -> Iterator[StoredConnection]:
        with self._lock:
            return iter(list(self._connections.values()))

    def add(self, connection: StoredConnection) -> bool:
        with self._lock:
            standing = self._connections.setdefault(connection.conn_id, connection)
            return standing.id == connection.id

    def save(self, connection: StoredConnection) -> None:
        with self._lock:
            self._connections[connection.conn_id] = connection

    def delete(self, conn_id: str) -> None:
        with self._lock:
            self._connections.pop(conn_id, None)

    def rotate_fernet_key(self) -> None:
        """There is none."""
