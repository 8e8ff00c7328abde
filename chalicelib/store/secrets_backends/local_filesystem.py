"""Connections and variables in files, by Airflow's ``LocalFilesystemBackend``."""

import json
from pathlib import Path
from typing import Any

from chalicelib.domain.secrets_backends import SecretsBackendFailed
from chalicelib.domain.secrets_files import BadSecretsFile, connection_fields, parsed_secrets


class LocalFilesystemBackend:
    """Implements ``domain.secrets_backends.SecretsBackend`` over a file each, ``.json`` or ``.env``.

    Files are read at each lookup, as in Airflow. They hold no options.
    """

    name = "LocalFilesystemBackend"

    def __init__(
        self, variables_file_path: str | None = None, connections_file_path: str | None = None
    ) -> None:
        self._variables = variables_file_path
        self._connections = connections_file_path

    def connection(self, conn_id: str) -> str | None:
        """A connection as URI or JSON, or None."""
        found = self._secrets(self._connections).get(conn_id)
        if not isinstance(found, dict):
            return _text(found)
        try:
            return json.dumps(connection_fields(conn_id, found))
        except BadSecretsFile as error:
            raise SecretsBackendFailed(f"{self.name} cannot read {conn_id}: {error}") from None

    def variable(self, key: str) -> str | None:
        """A variable's text, or None."""
        return _text(self._secrets(self._variables).get(key))

    def option(self, key: str) -> str | None:  # noqa: ARG002 - the protocol's
        """There is none."""
        return None

    def _secrets(self, path: str | None) -> dict[str, Any]:
        if not path:
            return {}
        try:
            return parsed_secrets(Path(path).suffix, Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SecretsBackendFailed(f"{self.name} cannot read {path}: {error.strerror}") from None
        except BadSecretsFile as error:
            raise SecretsBackendFailed(f"{self.name} cannot read {path}: {error}") from None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
