"""The secrets backend as DAG files see it: what is in it comes before the environment and the store."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.secrets_backends import SecretsBackend

log = logging.getLogger("airflow.task.secrets")

_backend: SecretsBackend | None = None


@contextmanager
def secrets_from(backend: SecretsBackend | None) -> Iterator[None]:
    """Let connections and variables be looked for there first meanwhile, in the whole process."""
    global _backend
    before, _backend = _backend, backend
    try:
        yield
    finally:
        _backend = before


def secret_connection(conn_id: str) -> str | None:
    """The text of a connection in the backend, None where there is none or the backend cannot tell."""
    return _found("connection", conn_id, lambda backend: backend.connection(conn_id))


def secret_variable(key: str) -> str | None:
    """The text of a variable in the backend, None where there is none or the backend cannot tell."""
    return _found("variable", key, lambda backend: backend.variable(key))


def secret_option(key: str) -> str | None:
    """The text of an option in the backend, None where there is none or the backend cannot tell."""
    return _found("config", key, lambda backend: backend.option(key))


def _found(kind: str, key: str, look_up: Callable[[SecretsBackend], str | None]) -> str | None:
    if _backend is None:
        return None
    try:
        return look_up(_backend)
    except (UpdraftError, AirflowException) as error:
        log.warning(
            "Unable to retrieve %s %s from secrets backend (%s). Checking subsequent secrets backend. (%s)",
            kind,
            key,
            _backend.name,
            error,
        )
        return None
