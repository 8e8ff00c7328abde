"""Connections of the store: what Airflow keeps in its metadata database; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import ClassVar, Final, Protocol

from chalicelib.domain.errors import InvalidRequest, UpdraftError

LONGEST_CONN_ID = 200
"""Characters; Airflow's command line takes no more."""

LARGEST_CONNECTION = 250_000
"""Bytes of UTF-8 of all fields: encrypted, they grow by a third, and an item of DynamoDB takes 400 kB."""

_CONN_ID = re.compile(r"[\w.-]+", re.ASCII)


class FernetKeyUnusable(UpdraftError):
    """Secrets of connections cannot be encrypted or decrypted; the text says why, and shows no key."""

    code: ClassVar[str] = "fernet_key_unusable"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredConnection:
    """A connection of Airflow's; password and extra are hidden from the repr."""

    conn_id: str
    id: int = 0
    """Airflow's number of it, given when it is made; 0 where it is not in a table."""
    conn_type: str | None = None
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    port: int | None = None
    extra: str | None = field(default=None, repr=False)
    """JSON, as a rule an object."""


def checked_connection(connection: StoredConnection) -> StoredConnection:
    """A connection that can be kept; raises ``InvalidRequest``, whose text shows no field but the id."""
    check_conn_id(connection.conn_id)
    texts = (getattr(connection, each.name) for each in fields(connection))
    size = sum(len(text.encode()) for text in texts if isinstance(text, str))
    if size > LARGEST_CONNECTION:
        raise InvalidRequest(
            f"The connection {connection.conn_id} has {size} bytes; it takes up to {LARGEST_CONNECTION}"
        )
    return connection


def check_conn_id(conn_id: str) -> None:
    """Raise ``InvalidRequest``, with Airflow's text, for what cannot be the id of a kept connection."""
    if len(conn_id) > LONGEST_CONN_ID:
        raise InvalidRequest(f"The key has to be less than {LONGEST_CONN_ID} characters")
    if not _CONN_ID.fullmatch(conn_id):
        raise InvalidRequest(
            f"The key {conn_id!r} has to be made of alphanumeric characters, dashes, dots and underscores "
            "exclusively"
        )


class ConnectionsOfDagFiles(Protocol):
    """Table ``connections``, as far as DAG files use it."""

    def get(self, conn_id: str) -> StoredConnection | None:
        """A connection; 1 request, and 1 more when the process first decrypts something."""


class Connections(ConnectionsOfDagFiles, Protocol):
    """Table ``connections``. Methods may raise ``FernetKeyUnusable``."""

    def list(self) -> Iterator[StoredConnection]:
        """All connections, for lists; 1 request per MB."""

    def add(self, connection: StoredConnection) -> bool:
        """Keep a new connection; whether there was none of its id. 1 request."""

    def save(self, connection: StoredConnection) -> None:
        """Keep a connection in place of what is there under its id; 1 request."""

    def delete(self, conn_id: str) -> None:
        """Forget a connection; one that is gone is no error. 1 request."""

    def rotate_fernet_key(self) -> None:
        """Encrypt all secrets anew with the first key; 1 request per MB, and 1 per connection with any."""


class _NoConnections:
    """Implements ``ConnectionsOfDagFiles`` where there is no table."""

    def get(self, conn_id: str) -> StoredConnection | None:  # noqa: ARG002 - the protocol's
        """There is none."""
        return None


NO_CONNECTIONS: Final[ConnectionsOfDagFiles] = _NoConnections()
