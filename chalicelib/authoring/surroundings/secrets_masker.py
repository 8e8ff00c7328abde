"""Secrets that must not be readable in logs: values of variables whose names say that they are secret."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from chalicelib.domain.redaction import SHORTEST_MASKED, Redactor

_SENSITIVE_NAMES = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "authorization",
        "keyfile_dict",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "secret",
        "service_account",
        "token",
    }
)
"""Parts of names, as in Airflow; ``[core] sensitive_var_conn_names`` adds to them."""

_ADDS_NAMES = "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES"

_known: dict[str, None] = {}
"""What this process has been told to hide. It is kept until the process ends: a DAG file that is loaded once
may log its secrets in any try."""
_redactor = Redactor()
_listeners: list[Callable[[str], None]] = []


@contextmanager
def telling_secrets(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell each secret that is known, and each that becomes known meanwhile before it can be logged."""
    for secret in _known:
        listener(secret)
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def mask_secret(secret: Any, name: str | None = None) -> None:
    """From now on hide a secret in the logs of this process.

    With a name, only if the name says that it is one. Of lists each text; of a dict those whose own names
    say so, or all if its name does.
    """
    if isinstance(secret, Mapping):
        for key, value in secret.items():
            mask_secret(value, name if name and _is_sensitive(name) else str(key))
    elif isinstance(secret, str):
        if name is None or _is_sensitive(name):
            _add(secret)
    elif isinstance(secret, Iterable):
        for value in secret:
            mask_secret(value, name)


def mask_secrets_of(environ: Mapping[str, str]) -> None:
    """Hide what the environment gives to DAG files and is secret by its name, asked for or not.

    Those are variables (``AIRFLOW_VAR_…``), options (``AIRFLOW__…``) and of connections (``AIRFLOW_CONN_…``)
    the password and what in ``extra`` is named like a secret.
    """
    for name, value in environ.items():
        if name == _ADDS_NAMES:
            continue
        if name.startswith(("AIRFLOW_VAR_", "AIRFLOW__")):
            mask_secret(_parsed(value), name)
            mask_secret(value, name)
        elif name.startswith("AIRFLOW_CONN_"):
            _mask_connection(value)


def _mask_connection(text: str) -> None:
    fields = _parsed(text)
    if isinstance(fields, Mapping):
        mask_secret(fields)
        mask_secret(_parsed(str(fields.get("extra", ""))))
        return
    try:
        parts = urlsplit(text)
    except ValueError:
        return  # no connection can be made of it either
    mask_secret(unquote(parts.password or ""))
    mask_secret(dict(parse_qsl(parts.query)))


def _parsed(text: str) -> Any:
    """What a text that is a JSON object or list stands for; of others nothing."""
    if not text.lstrip().startswith(("{", "[")):
        return ()
    try:
        return json.loads(text)
    except ValueError:
        return ()


def redact(text: str) -> str:
    """The text with ``***`` in place of each secret."""
    return _redactor.redacted(text)


def _add(secret: str) -> None:
    if len(secret) < SHORTEST_MASKED or secret in _known:
        return
    _known[secret] = None
    _redactor.add(secret)
    for listener in _listeners:
        listener(secret)


def _is_sensitive(name: str) -> bool:
    added = os.environ.get(_ADDS_NAMES, "").lower().split(",")
    parts = {*_SENSITIVE_NAMES, *(part.strip() for part in added if part.strip())}
    return any(part in name.lower() for part in parts)
