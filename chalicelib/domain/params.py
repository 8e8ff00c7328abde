"""Params of DAGs: their JSON Schemas, and which values of a run's conf these refuse.

The schemas are JSON Schema's, of the draft that ``$schema`` names (else the newest), and are checked by the
library ``jsonschema``, whose texts clients see, as in Airflow. It is loaded for the first value that a schema
bounds. Formats are checked as Airflow 2.10 does: ``date``, ``date-time``, ``time`` (``HH:MM:SS``), ``email``,
``ipv4``, ``ipv6``, ``regex``, ``uuid``; others describe and do not restrict.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

Schema = Mapping[str, Any]

NO_VALUE = "No value passed and Param has no default value"

_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)t(\d\d:\d\d:\d\d)(?:\.\d+)?(?:z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParamRule:
    """What a run's conf may say of one param."""

    name: str
    schema: Schema
    refusal: str | None
    """Why a run cannot do with the default: there is none, or the schema refuses it; None: it can."""


def rules_of_document(document: Mapping[str, Any]) -> list[ParamRule]:
    """The rules of a serialized DAG (``authoring.loading.serialization``), in the order of its params."""
    return [
        ParamRule(name=name, schema=param["schema"], refusal=param["refusal"])
        for name, param in document["params"].items()
    ]


def refusal_of(rules: Iterable[ParamRule], conf: Mapping[str, Any]) -> str | None:
    """Why a run with that conf may not be, naming the param; None if it may.

    Airflow's order: first the values of the conf as they come, then the params that it leaves out.
    """
    by_name = {rule.name: rule for rule in rules}
    for name, value in conf.items():
        found = violation(value, by_name[name].schema) if name in by_name else None
        if found:
            return invalid_input(name, found)
    for name, rule in by_name.items():
        if name not in conf and rule.refusal is not None:
            return invalid_input(name, rule.refusal)
    return None


def invalid_input(name: str, reason: str) -> str:
    """Airflow's text about a param that has no value, or a wrong one."""
    return f"Invalid input for param {name}: {reason}"


def violation(value: Any, schema: Schema) -> str | None:
    """What is wrong with a value, or with the schema itself, in the library's words; None if nothing is."""
    if not schema:
        return None
    import jsonschema_specifications
    from jsonschema.exceptions import SchemaError, best_match
    from jsonschema.validators import validator_for
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
        # With a registry of its own the library fetches nothing that a "$ref" names.
        registry = jsonschema_specifications.REGISTRY
        checker = kind(schema, format_checker=_format_checker(), registry=registry)
        error = best_match(checker.iter_errors(value))
    except SchemaError as error_in_schema:
        return str(error_in_schema)
    except Unresolvable as unresolvable:
        return str(unresolvable)
    if error is None or (error.schema.get("format") == "date-time" and _is_iso_8601(value)):
        return None
    return str(error)


@cache
def _format_checker() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker()
    checker.checks("date-time")(_is_rfc_3339)
    return checker


def _is_rfc_3339(value: object) -> bool:
    """Whether a text is a date-time by RFC 3339; what is no text is not looked at."""
    if not isinstance(value, str):
        return True
    parts = _RFC_3339.fullmatch(value)
    return parts is not None and _is_moment(f"{parts[1]}T{parts[2]}")


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_iso_8601(value: object) -> bool:
    """Whether a text is a date-time by ISO 8601, which Airflow takes, too; a mere date or time is none."""
    from pendulum.parsing import parse_iso8601

    try:
        return isinstance(parse_iso8601(value), datetime)  # type: ignore[arg-type]  # refused by it as below
    except (TypeError, ValueError):
        return False
