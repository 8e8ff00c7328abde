"""Connections of DAG files; of an item, password and extra are encrypted."""

from collections.abc import Iterator

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.connections import FernetKeyUnusable, StoredConnection
from chalicelib.store.dynamodb.models import ConnectionItem
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.fernet_keys import FernetKeys


class DynamoConnections:
    """Implements ``domain.connections.Connections``."""

    def __init__(self, tables: Tables, keys: FernetKeys) -> None:
        self._table = tables.connections
        self._keys = keys

    def get(self, conn_id: str) -> StoredConnection | None:
        item = self._table.get(conn_id)
        return self._as_connection(item) if item else None

    def list(self) -> Iterator[StoredConnection]:
        return (self._as_connection(item) for item in self._table.scan())

    def add(self, connection: StoredConnection) -> bool:
        write = self._table.put(self._as_item(connection), ConnectionItem.conn_id.does_not_exist())
        return write.applied or (write.item is not None and write.item.id == connection.id)

    def save(self, connection: StoredConnection) -> None:
        self._table.put(self._as_item(connection))

    def delete(self, conn_id: str) -> None:
        self._table.delete([conn_id])

    def rotate_fernet_key(self) -> None:
        self._keys.renewed()
        for item in self._table.scan():
            if not (item.password or item.extra):
                continue
            # One that has changed since is encrypted anew already; one that is gone stays gone.
            unchanged = (
                (ConnectionItem.id == item.id)
                & _is(ConnectionItem.password, item.password)
                & _is(ConnectionItem.extra, item.extra)
            )
            self._table.put(self._as_item(self._as_connection(item)), unchanged)

    def _as_item(self, connection: StoredConnection) -> ConnectionItem:
        return ConnectionItem(
            connection.conn_id,
            id=connection.id,
            conn_type=connection.conn_type,
            description=connection.description,
            host=connection.host,
            login=connection.login,
            password=self._encrypted(connection.password),
            schema=connection.schema,
            port=connection.port,
            extra=self._encrypted(connection.extra),
        )

    def _as_connection(self, item: ConnectionItem) -> StoredConnection:
        try:
            password, extra = self._decrypted(item.password), self._decrypted(item.extra)
        except FernetKeyUnusable as error:
            raise FernetKeyUnusable(f"The connection {item.conn_id} cannot be read. {error}") from None
        return StoredConnection(
            conn_id=item.conn_id,
            id=item.id,
            conn_type=item.conn_type,
            description=item.description,
            host=item.host,
            login=item.login,
            password=password,
            schema=item.schema,
            port=item.port,
            extra=extra,
        )

    def _encrypted(self, secret: str | None) -> str | None:
        """An empty text is none, and needs no key, as in Airflow."""
        return self._keys.encrypted(secret) if secret else secret

    def _decrypted(self, token: str | None) -> str | None:
        return self._keys.decrypted(token) if token else token


def _is(attribute: UnicodeAttribute, value: str | None) -> Condition:
    condition: Condition = attribute.does_not_exist() if value is None else attribute == value
    return condition
