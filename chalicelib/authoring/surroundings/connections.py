"""Airflow's connections as DAG files see them, in Airflow's order of places.

Those are the secrets backend, the environment (``AIRFLOW_CONN_<ID>``, as URI or JSON) and the table of the
store. Which store, the process says with ``connections_in``; without one there are the others only.
"""

import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import Any

from chalicelib.authoring.exceptions import AirflowException, AirflowNotFoundException
from chalicelib.authoring.surroundings.connection_uris import (
    fields_of_uri,
    normalized_type,
    uri_of_fields,
)
from chalicelib.authoring.surroundings.secrets import secret_connection
from chalicelib.authoring.surroundings.secrets_masker import mask_secret
from chalicelib.domain.connections import ConnectionsOfDagFiles, StoredConnection

log = logging.getLogger("airflow.task.connections")

_CONN_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}", re.ASCII)
"""What Airflow takes for an id; anything else counts as none."""

_store: ConnectionsOfDagFiles | None = None


@contextmanager
def connections_in(store: ConnectionsOfDagFiles) -> Iterator[None]:
    """Let DAG files find their connections there meanwhile, in the whole process."""
    global _store
    before, _store = _store, store
    try:
        yield
    finally:
        _store = before


class Connection:
    """Where and how to reach another system; its repr is the id, and its password is in no log."""

    EXTRA_KEY = "__extra__"

    def __init__(
        self,
        conn_id: str | None = None,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
        uri: str | None = None,
    ) -> None:
        """``extra`` is JSON or what is to be made JSON; ``uri`` says all fields but the description."""
        if uri and any((conn_type, host, login, password, schema, port, extra)):
            raise AirflowException(
                "You must create an object using the URI or individual values (conn_type, host, login, "
                "password, schema, port or extra).You can't mix these two ways to create this object."
            )
        self.id: int | None = None
        self.conn_id = conn_id if conn_id and _CONN_ID.fullmatch(conn_id) else None
        self.description = description
        self._password: str | None = None
        self._extra: str | None = None
        given: dict[str, Any] = fields_of_uri(uri) if uri else {
            "conn_type": conn_type,
            "host": host,
            "login": login,
            "password": password,
            "schema": schema,
            "port": port,
            "extra": extra if extra is None or isinstance(extra, str) else json.dumps(extra),
        }  # fmt: skip
        self.conn_type: str | None = given["conn_type"]
        self.host: str | None = given["host"]
        self.login: str | None = given["login"]
        self.schema: str | None = given["schema"]
        self.port: int | None = given["port"]
        self.set_password(given["password"])
        self.set_extra(given["extra"])

    def __repr__(self) -> str:
        return self.conn_id or ""

    # -- secrets -----------------------------------------------------------------------------------

    def get_password(self) -> str | None:
        """The password, in plain."""
        return self._password

    def set_password(self, value: str | None) -> None:
        """Change the password of this object; nothing, if there is none to change it to (as in Airflow)."""
        if value:
            self._password = value
            mask_secret(value)

    password = property(get_password, set_password)

    def get_extra(self) -> str | None:
        """The extra, as it is written."""
        return self._extra

    def set_extra(self, value: str | None) -> None:
        """Change the extra of this object; warns of what is no JSON object."""
        self._extra = value
        if value:
            _warn_of_extra(value, self.conn_id)

    extra = property(get_extra, set_extra)

    @property
    def is_encrypted(self) -> bool:
        """Whether the password is encrypted where the connection is kept: always, if there is one."""
        return bool(self._password)

    @property
    def is_extra_encrypted(self) -> bool:
        """Likewise the extra."""
        return bool(self._extra)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """``extra`` parsed; empty where it is no JSON, which is logged."""
        return self.get_extra_dejson()

    def get_extra_dejson(self, nested: bool = False) -> dict[str, Any]:
        """``extra`` parsed, with ``nested`` also the texts in it that are JSON; its secrets are masked."""
        if not self._extra:
            return {}
        try:
            found: dict[str, Any] = json.loads(self._extra)
        except ValueError:
            log.error("Failed parsing the json for conn_id %s", self.conn_id)
            return {}
        if nested:
            found = {key: _parsed(value) for key, value in found.items()}
        mask_secret(found)
        return found

    # -- other forms -------------------------------------------------------------------------------

    def get_uri(self) -> str:
        """The connection as a URI, password and extra included."""
        if self.conn_type and "_" in self.conn_type:
            log.warning(
                "Connection schemes (type: %s) shall not contain '_' according to RFC3986.", self.conn_type
            )
        return uri_of_fields({**self._fields(), "extra": self._extra}, self.extra_dejson)

    def parse_from_uri(self, uri: str) -> None:
        """Take over the fields of a URI; 1.10's way."""
        for name, value in fields_of_uri(uri).items():
            setattr(self, name, value)

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """The fields by name, ``extra`` parsed; ``validate``: ``TypeError`` for what JSON cannot say."""
        found = {"conn_id": self.conn_id, **self._fields()}
        if prune_empty:
            found = {name: value for name, value in found.items() if value is not None}
        extra = self.extra_dejson
        if extra or not prune_empty:
            found["extra"] = extra
        if validate:
            json.dumps(found)
        return found

    def as_json(self) -> str:
        """The fields that are set, without the id, as ``AIRFLOW_CONN_…`` takes them."""
        found = self.to_dict(prune_empty=True, validate=False)
        found.pop("conn_id", None)
        return json.dumps(found)

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> "Connection":
        """Read Airflow's JSON form; raises ``ValueError`` and ``TypeError`` for what is none."""
        given = json.loads(value)
        extra, conn_type, port = (given.pop(name, None) for name in ("extra", "conn_type", "port"))
        try:
            number = int(port) if port else None
        except ValueError:
            raise ValueError(f"Expected integer value for `port`, but got {port!r} instead.") from None
        return cls(
            conn_id=conn_id,
            conn_type=normalized_type(conn_type) if conn_type else None,
            port=number,
            extra=extra or None,
            **given,
        )

    @classmethod
    def from_text(cls, conn_id: str, text: str) -> "Connection":
        """Read a connection from Airflow's URI form or its JSON form; raises as ``from_json``."""
        text = text.strip()
        return cls.from_json(text, conn_id) if text.startswith("{") else cls(conn_id=conn_id, uri=text)

    @classmethod
    def from_stored(cls, stored: StoredConnection) -> "Connection":
        """The connection of the store, as DAG files have it."""
        given = {each.name: getattr(stored, each.name) for each in fields(stored)}
        number = given.pop("id")
        connection = cls(**given)
        connection.id = number
        return connection

    def _fields(self) -> dict[str, Any]:
        """The fields but id and extra, in Airflow's order."""
        names = ("conn_type", "description", "host", "login", "password", "schema", "port")
        return {name: getattr(self, name) for name in names}

    # -- what is reached by it ---------------------------------------------------------------------

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook of the connection's type, of the provider package that has it.

        Raises ``AirflowException`` where no installed package has one.
        """
        from chalicelib.authoring.provider_packages.providers_manager import hook_of, imported

        hook = hook_of(self.conn_type or "")
        if hook is None:
            raise AirflowException(
                f'Unknown hook type "{self.conn_type}": no installed provider package has a hook of it. Put '
                "the package into requirements.txt in the DAGs folder"
            )
        params = {**(hook_params or {}), hook.connection_id_attribute_name: self.conn_id}
        return imported(hook.hook_class_name)(**params)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the system answers, and what it says: False and the reason where there is no hook."""
        try:
            hook = self.get_hook()
            if not getattr(hook, "test_connection", None):
                return (
                    False,
                    f"Hook {type(hook).__name__} doesn't implement or inherit test_connection method",
                )
            status, message = hook.test_connection()
        except Exception as error:
            return False, str(error)
        return bool(status), str(message)

    def log_info(self) -> str:
        """The fields on one line, without secrets; 1.10's way."""
        return self._line("XXXXXXXX" if self.extra_dejson else None)

    def debug_info(self) -> str:
        """The fields on one line, with the extra; 1.10's way."""
        return self._line(self.extra_dejson)

    def _line(self, extra: Any) -> str:
        hidden = "XXXXXXXX" if self._password else None
        return (
            f"id: {self.conn_id}. Host: {self.host}, Port: {self.port}, Schema: {self.schema}, "
            f"Login: {self.login}, Password: {hidden}, extra: {extra}"
        )

    @classmethod
    def get_connection_from_secrets(cls, conn_id: str) -> "Connection":
        """The connection of that id; raises ``AirflowNotFoundException`` and ``StoreUnavailable``."""
        connection = _of_texts(cls, conn_id) or _of_table(cls, conn_id)
        if connection is None:
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        mask_secret(connection.password)
        mask_secret(_parsed(connection.extra))
        return connection

    @classmethod
    def get(cls, conn_id: str) -> "Connection":
        """The same by Airflow 3's name."""
        return cls.get_connection_from_secrets(conn_id)


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

    def __init__(self, logger_name: str | None = None) -> None:
        """``logger_name`` is put behind ``airflow.task.hooks``; None: module and class of the hook."""
        self._logger_name = logger_name

    @property
    def log(self) -> logging.Logger:
        """The hook's logger, whose lines are in the log of the task."""
        # A subclass may not call our __init__.
        own = getattr(self, "_logger_name", None)
        name = own or f"{type(self).__module__}.{type(self).__name__}"
        return logging.getLogger(f"airflow.task.hooks.{name}")

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of that id; raises ``AirflowNotFoundException``."""
        connection = Connection.get_connection_from_secrets(conn_id)
        log.info("Retrieving connection '%s'", connection.conn_id)
        return connection

    @classmethod
    def get_connections(cls, conn_id: str) -> list[Connection]:
        """The connection of that id in a list; 1.10's way."""
        return [cls.get_connection(conn_id)]

    @classmethod
    def get_hook(cls, conn_id: str) -> Any:
        """The hook of a connection's type; raises as ``Connection.get_hook``."""
        return cls.get_connection(conn_id).get_hook()

    def get_conn(self) -> Any:
        """The client of the system; for subclasses to say."""
        raise NotImplementedError

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """What a form of Airflow's would show; nothing here."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Likewise."""
        return {}


def _of_texts(kind: type[Connection], conn_id: str) -> Connection | None:
    """The connection of the secrets backend, else of the environment; a text that is none is passed over."""
    for place, text in (
        ("the secrets backend", secret_connection(conn_id)),
        ("the environment", os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")),
    ):
        if not text:
            continue
        try:
            return kind.from_text(conn_id, text)
        except (AirflowException, AttributeError, TypeError, ValueError) as error:
            # The error's own text may show the connection.
            log.error(
                "Unable to retrieve connection %s from %s, whose text is none (%s). Checking the next place.",
                conn_id,
                place,
                type(error).__name__,
            )
    return None


def _of_table(kind: type[Connection], conn_id: str) -> Connection | None:
    stored = _store.get(conn_id) if _store is not None and conn_id else None
    return kind.from_stored(stored) if stored else None


def _parsed(value: Any) -> Any:
    """What a text that is JSON says; anything else as it is."""
    if isinstance(value, str):
        with suppress(ValueError):
            return json.loads(value)
    return value


def _warn_of_extra(extra: str, conn_id: str | None) -> None:
    try:
        found = json.loads(extra)
    except ValueError:
        _deprecated(
            f"Encountered non-JSON in `extra` field for connection {conn_id!r}. Support for non-JSON `extra` "
            "will be removed in Airflow 3.0"
        )
        return
    if not isinstance(found, dict):
        _deprecated(
            "Encountered JSON value in `extra` which does not parse as a dictionary in connection "
            f"{conn_id!r}. From Airflow 3.0, the `extra` field must contain a JSON representation of a "
            "Python dict."
        )


def _deprecated(text: str) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=5)
