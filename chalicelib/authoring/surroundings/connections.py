"""Connections, as DAG files ask for them: from the environment, by ``AIRFLOW_CONN_<ID>``."""

import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from chalicelib.authoring.exceptions import AirflowNotFoundException
from chalicelib.authoring.surroundings.secrets_masker import mask_secret


@dataclass(kw_only=True)
class Connection:
    """Where and how to reach another system; repr hides the password."""

    conn_id: str | None = None
    conn_type: str = ""
    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    port: int | None = None
    extra: str | None = field(default=None, repr=False)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """``extra`` parsed."""
        return dict(json.loads(self.extra)) if self.extra else {}

    @classmethod
    def from_text(cls, conn_id: str, text: str) -> "Connection":
        """Read a connection from Airflow's URI form or its JSON form."""
        return (
            cls._from_json(conn_id, text) if text.lstrip().startswith("{") else cls._from_uri(conn_id, text)
        )

    @classmethod
    def _from_json(cls, conn_id: str, text: str) -> "Connection":
        fields = json.loads(text)
        extra = fields.get("extra")
        return cls(
            conn_id=conn_id,
            conn_type=fields.get("conn_type", ""),
            host=fields.get("host"),
            login=fields.get("login"),
            password=fields.get("password"),
            schema=fields.get("schema"),
            port=None if fields.get("port") is None else int(fields["port"]),
            extra=extra if extra is None or isinstance(extra, str) else json.dumps(extra),
        )

    @classmethod
    def _from_uri(cls, conn_id: str, text: str) -> "Connection":
        parts = urlsplit(text)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(
            conn_id=conn_id,
            conn_type=parts.scheme.replace("-", "_"),
            host=unquote(parts.hostname) if parts.hostname else None,
            login=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            schema=unquote(parts.path[1:]) or None,
            port=parts.port,
            extra=query.pop("__extra__", None) or (json.dumps(query) if query else None),
        )

    @classmethod
    def get_connection_from_secrets(cls, conn_id: str) -> "Connection":
        """The connection of that id, whose password is in no log; raises ``AirflowNotFoundException``."""
        text = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
        if text is None:
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        connection = cls.from_text(conn_id, text)
        mask_secret(connection.password)
        return connection


class ConnectionAccessor:
    """``conn`` in templates: connections as attributes, or by ``get``."""

    def __getattr__(self, conn_id: str) -> Connection:
        return Connection.get_connection_from_secrets(conn_id)

    def get(self, conn_id: str, default_conn: Any = None) -> Any:
        """The connection, or the default."""
        try:
            return Connection.get_connection_from_secrets(conn_id)
        except AirflowNotFoundException:
            return default_conn


class BaseHook:
    """Base of hooks: classes of the user's that talk to a system by way of a connection."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of that id; raises ``AirflowNotFoundException``."""
        return Connection.get_connection_from_secrets(conn_id)
