"""Files of connections or variables, as Airflow imports, exports and looks them up; pure.

A ``.env`` file has a line ``KEY=VALUE`` each, a ``.json`` file is an object. YAML is read where there is a
library for it: ``load_yaml`` is given.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from chalicelib.domain.errors import UpdraftError

_FIELDS = frozenset(
    {"conn_id", "conn_type", "description", "host", "login", "password", "schema", "port", "extra", "uri"}
)
_COMMENT = re.compile(r"\s*#")


class BadSecretsFile(UpdraftError):
    """A file of connections or variables cannot be understood; the text says why, and shows no value."""

    code: ClassVar[str] = "bad_secrets_file"


def parsed_secrets(
    extension: str, text: str, load_yaml: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    """The values of a file by their keys: texts, or what JSON makes of them.

    ``extension`` is that of the file's name, with its dot. Raises ``BadSecretsFile``.
    """
    kind = extension.lower()
    if kind == ".env":
        return _lines(text)
    if kind in (".yaml", ".yml") and load_yaml is not None:
        return _object(text, load_yaml)
    if kind != ".json":
        taken = ".env .json" if load_yaml is None else ".env .json .yaml .yml"
        raise BadSecretsFile(
            f"Unsupported file format. The file must have one of the following extensions: {taken}"
        )
    return _object(text, json.loads)


def connection_fields(conn_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a connection in a file by Airflow's names, without its id; raises ``BadSecretsFile``."""
    others = sorted(map(str, fields.keys() - _FIELDS - {"extra_dejson"}))
    if others:
        raise BadSecretsFile(
            f"The object have illegal keys: {', '.join(others)}. "
            f"The dictionary can only contain the following keys: {', '.join(sorted(_FIELDS))}"
        )
    if "extra" in fields and "extra_dejson" in fields:
        raise BadSecretsFile(
            "The extra and extra_dejson parameters are mutually exclusive. Please provide only one parameter."
        )
    if fields.get("conn_id", conn_id) != conn_id:
        raise BadSecretsFile(
            f"Mismatch conn_id. The dictionary key has the value: {fields['conn_id']}. "
            f"The item has the value: {conn_id}."
        )
    named = {"extra" if key == "extra_dejson" else key: value for key, value in fields.items()}
    return {key: value for key, value in named.items() if key != "conn_id"}


def _lines(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or _COMMENT.match(line):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise BadSecretsFile(f'line {number} should contain at least one equal sign ("=")')
        if key in found:
            raise BadSecretsFile(f"Found multiple values for {key}")
        found[key] = value
    return found


def _object(text: str, load: Callable[[str], Any]) -> dict[str, Any]:
    if not text.strip():
        raise BadSecretsFile("The file is empty.")
    try:
        found = load(text)
    except ValueError as error:
        raise BadSecretsFile(f"it cannot be read: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise BadSecretsFile("The file should contain the object.")
    return {str(key): _only(str(key), value) for key, value in found.items()}


def _only(key: str, value: Any) -> Any:
    """1.10's files have a list of values for a key."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise BadSecretsFile(f"Found multiple values for {key}")
    return value[0]
