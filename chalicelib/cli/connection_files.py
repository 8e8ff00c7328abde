"""Files of connections, as Airflow exports and imports them: JSON, YAML and lines of an environment."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chalicelib.authoring.surroundings.connections import Connection

_FIELDS = ("conn_type", "description", "login", "password", "host", "port", "schema", "extra")


def exported(connections: Sequence["Connection"], file_format: str, serialization_format: str | None) -> str:
    """The text of a file: ``file_format`` is json, yaml or env.

    ``serialization_format`` says how a line of env says a connection: ``uri`` (or None), ``json``.
    """
    if file_format not in ("json", "yaml", "env"):
        raise click.ClickException(
            "Unsupported file format. The file must have the extension .yaml, .json, .env."
        )
    if file_format == "env":
        is_json = (serialization_format or "").lower() == "json"
        return "".join(
            f"{each.conn_id}={json.dumps(_fields(each)) if is_json else each.get_uri()}\n"
            for each in connections
        )
    if serialization_format:
        raise click.ClickException("Option `--serialization-format` may only be used with file type `env`.")
    document = {str(each.conn_id): _fields(each) for each in connections}
    if file_format == "json":
        return json.dumps(document, indent=2)
    import yaml

    text: str = yaml.safe_dump(document)
    return text


def imported(file: Path) -> dict[str, "Connection"]:
    """The connections of a file by their ids, all of them read before the first is kept."""
    from chalicelib.domain.secrets_files import BadSecretsFile, parsed_secrets

    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        raise click.ClickException("Missing connections file.") from None
    try:
        found = parsed_secrets(file.suffix or file.name, text, _load_yaml)
        return {conn_id: _connection(conn_id, value) for conn_id, value in found.items()}
    except BadSecretsFile as error:
        raise click.ClickException(str(error)) from None


def _connection(conn_id: str, value: Any) -> "Connection":
    from chalicelib.authoring.exceptions import AirflowException
    from chalicelib.authoring.surroundings.connections import Connection
    from chalicelib.domain.secrets_files import BadSecretsFile, connection_fields

    try:
        if isinstance(value, str):
            return Connection.from_text(conn_id, value)
        if isinstance(value, dict):
            return Connection.from_json(json.dumps(connection_fields(conn_id, value)), conn_id)
    except (AirflowException, AttributeError, TypeError, ValueError) as error:
        raise BadSecretsFile(f"The connection {conn_id} cannot be read: {error}") from None
    raise BadSecretsFile(
        f"Unexpected value type: {type(value)}. The connection can only be defined using a string or object."
    )


def _fields(connection: "Connection") -> dict[str, Any]:
    return {name: getattr(connection, name) for name in _FIELDS}


def _load_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error
