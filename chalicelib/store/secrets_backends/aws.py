"""Secrets in AWS Secrets Manager, and in the Parameter Store of Systems Manager."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.domain.secrets_backends import SecretsBackendFailed
from chalicelib.store.errors import code

_WORDS: Mapping[str, Sequence[str]] = {
    "login": ("login", "user", "username", "user_name"),
    "password": ("password", "pass", "key"),
    "host": ("host", "remote_host", "server"),
    "port": ("port",),
    "schema": ("database", "schema"),
    "conn_type": ("conn_type", "conn_id", "connection_type", "engine"),
    "extra": ("extra",),
    "description": ("description",),
}
"""What the fields of a connection may be called in a secret of Secrets Manager (Airflow's provider)."""

_OLD_NAMES = {"user": "login"}
"""A name in ``extra_conn_words`` that the provider has since changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookup:
    """Where secrets of a kind are: as ``backend_kwargs`` say."""

    prefix: str | None
    """None: they are not there at all."""
    pattern: str | None = None
    """What a key has to begin with, as a regular expression without regard to case; None: anything."""
    separator: str = "/"

    def path(self, key: str) -> str | None:
        """The secret's name, or None where it cannot be there."""
        if self.prefix is None or (self.pattern and not re.match(self.pattern, key, re.IGNORECASE)):
            return None
        prefix = self.prefix.rstrip(self.separator)
        return f"{prefix}{self.separator}{key}" if prefix else key


class AwsBackend:
    """Implements ``domain.secrets_backends.SecretsBackend``; each method is one request, or none."""

    def __init__(
        self,
        name: str,
        lookups: Mapping[str, Lookup],
        read: Callable[[str], str | None],
        as_connection: Callable[[str], str] = lambda text: text,
    ) -> None:
        self.name = name
        self._lookups = lookups
        self._read = read
        self._as_connection = as_connection

    def connection(self, conn_id: str) -> str | None:
        """A connection as URI or JSON, or None."""
        text = self._find("connections", conn_id)
        return None if text is None else self._as_connection(text)

    def variable(self, key: str) -> str | None:
        """A variable's text, or None."""
        return self._find("variables", key)

    def option(self, key: str) -> str | None:
        """An option's text, or None."""
        return self._find("config", key)

    def _find(self, kind: str, key: str) -> str | None:
        path = self._lookups[kind].path(key)
        if path is None:
            return None
        try:
            return self._read(path)
        except (BotoCoreError, ClientError) as error:
            raise SecretsBackendFailed(f"{self.name} cannot read {path}: {code(error)}") from None


def secrets_manager_backend(kwargs: Mapping[str, Any]) -> AwsBackend:
    """Airflow's ``SecretsManagerBackend``; a secret is a URI, or JSON whose keys are of ``_WORDS``."""
    separator = kwargs.get("sep") or "/"
    words = {field: list(names) for field, names in _WORDS.items()}
    for field, names in (kwargs.get("extra_conn_words") or {}).items():
        words.setdefault(_OLD_NAMES.get(field, field), []).extend(names)

    def as_connection(text: str) -> str:
        return _standardized(text, words) if text.lstrip().startswith("{") else text

    lookups = lookups_of(kwargs, "airflow/", separator)
    return AwsBackend("SecretsManagerBackend", lookups, _secret, as_connection)


def parameter_store_backend(kwargs: Mapping[str, Any]) -> AwsBackend:
    """Airflow's ``SystemsManagerParameterStoreBackend``; a parameter is a URI or JSON of a connection."""
    return AwsBackend("SystemsManagerParameterStoreBackend", lookups_of(kwargs, "/airflow/"), _parameter)


def lookups_of(kwargs: Mapping[str, Any], default: str, separator: str = "/") -> dict[str, Lookup]:
    """Lookups by kind (``connections``, ``variables``, ``config``), below a default prefix."""
    return {
        kind: Lookup(
            prefix=kwargs.get(f"{kind}_prefix", f"{default}{kind}"),
            pattern=kwargs.get(f"{kind}_lookup_pattern"),
            separator=separator,
        )
        for kind in ("connections", "variables", "config")
    }


def _secret(name: str) -> str | None:
    client = aws.client("secretsmanager")
    try:
        secret: str | None = client.get_secret_value(SecretId=name).get("SecretString")
    except client.exceptions.ResourceNotFoundException:
        return None
    return secret


def _parameter(name: str) -> str | None:
    client = aws.client("ssm")
    path = name if name.startswith("/") else f"/{name}"
    try:
        return str(client.get_parameter(Name=path, WithDecryption=True)["Parameter"]["Value"])
    except client.exceptions.ParameterNotFound:
        return None


def _standardized(text: str, words: Mapping[str, Sequence[str]]) -> str:
    """JSON of a connection by Airflow's names of its fields; what is no JSON is handed on as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    fields = {
        field: next((value for key, value in found.items() if key in names), None)
        for field, names in words.items()
    }
    return json.dumps({field: value for field, value in fields.items() if value is not None})
