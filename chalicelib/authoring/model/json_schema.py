"""The part of JSON Schema that params are written with.

Airflow takes all of JSON Schema (draft 2020-12). Checked here: ``type``, ``enum``, ``const``, ``minimum``,
``maximum``, ``exclusiveMinimum``, ``exclusiveMaximum``, ``multipleOf``, ``minLength``, ``maxLength``,
``pattern``, ``minItems``, ``maxItems``, ``uniqueItems``, ``items``, ``required``, ``properties``, ``anyOf``.
Other words (``format``, ``title``, ``section``...) describe and do not restrict.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]


def violation(value: Any, schema: Schema) -> str | None:
    """What is wrong with the value, in one sentence; None if nothing is."""
    for keyword, limit in schema.items():
        check = _CHECKS.get(keyword)
        found = check(value, limit) if check else None
        if found:
            return found
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


def _type(value: Any, limit: Any) -> str | None:
    names = [limit] if isinstance(limit, str) else list(limit)
    if any(_TYPES[name](value) for name in names if name in _TYPES):
        return None
    return f"{value!r} is not of type {', '.join(map(repr, names))}"


def _enum(value: Any, limit: Any) -> str | None:
    return None if value in limit else f"{value!r} is not one of {list(limit)!r}"


def _const(value: Any, limit: Any) -> str | None:
    return None if value == limit else f"{limit!r} was expected"


def _minimum(value: Any, limit: Any) -> str | None:
    return f"{value!r} is less than the minimum of {limit!r}" if _is_number(value) and value < limit else None


def _maximum(value: Any, limit: Any) -> str | None:
    too_much = _is_number(value) and value > limit
    return f"{value!r} is greater than the maximum of {limit!r}" if too_much else None


def _exclusive_minimum(value: Any, limit: Any) -> str | None:
    too_little = _is_number(value) and value <= limit
    return f"{value!r} is less than or equal to the minimum of {limit!r}" if too_little else None


def _exclusive_maximum(value: Any, limit: Any) -> str | None:
    too_much = _is_number(value) and value >= limit
    return f"{value!r} is greater than or equal to the maximum of {limit!r}" if too_much else None


def _multiple_of(value: Any, limit: Any) -> str | None:
    return f"{value!r} is not a multiple of {limit!r}" if _is_number(value) and value % limit else None


def _min_length(value: Any, limit: Any) -> str | None:
    return f"{value!r} is too short" if isinstance(value, str) and len(value) < limit else None


def _max_length(value: Any, limit: Any) -> str | None:
    return f"{value!r} is too long" if isinstance(value, str) and len(value) > limit else None


def _pattern(value: Any, limit: Any) -> str | None:
    bad = isinstance(value, str) and not re.search(limit, value)
    return f"{value!r} does not match {limit!r}" if bad else None


def _min_items(value: Any, limit: Any) -> str | None:
    return f"{value!r} is too short" if isinstance(value, list) and len(value) < limit else None


def _max_items(value: Any, limit: Any) -> str | None:
    return f"{value!r} is too long" if isinstance(value, list) and len(value) > limit else None


def _unique_items(value: Any, limit: Any) -> str | None:
    if not limit or not isinstance(value, list):
        return None
    repeated = any(item in value[:index] for index, item in enumerate(value))
    return f"{value!r} has non-unique elements" if repeated else None


def _items(value: Any, limit: Any) -> str | None:
    if not isinstance(value, list):
        return None
    return next((found for item in value if (found := violation(item, limit))), None)


def _required(value: Any, limit: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return next((f"{name!r} is a required property" for name in limit if name not in value), None)


def _properties(value: Any, limit: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    present = ((name, schema) for name, schema in limit.items() if name in value)
    return next((found for name, schema in present if (found := violation(value[name], schema))), None)


def _any_of(value: Any, limit: Any) -> str | None:
    if any(violation(value, schema) is None for schema in limit):
        return None
    return f"{value!r} is not valid under any of the given schemas"


_CHECKS: dict[str, Callable[[Any, Any], str | None]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "multipleOf": _multiple_of,
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "minItems": _min_items,
    "maxItems": _max_items,
    "uniqueItems": _unique_items,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "anyOf": _any_of,
}
