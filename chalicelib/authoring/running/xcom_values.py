"""XCom values as JSON texts.

JSON values are themselves; keys of dicts become texts, as in Airflow. Beyond JSON these come back as they
were: ``datetime`` (with its time zone; pendulum's as pendulum's), ``date``, ``timedelta``, ``set``,
``frozenset``, ``tuple``, ``Decimal``, ``bytes`` and Airflow's lineage entities. The user's own dataclasses
and attrs classes can be pushed and not pulled, by Airflow's default. The values of a mapped task, pulled
as a lazy sequence, are kept as a list. Anything else is refused.

In the text such a value is an object of two keys, ``__type`` and ``__value``. A dict of the user's that
has a key ``__type`` is wrapped in the same way, so nothing can be mistaken for it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.authoring.dates import timezone_name
from chalicelib.authoring.model.lazy_sequences import LazyXComSelectSequence
from chalicelib.authoring.model.lineage import class_name, entity_fields, entity_of, is_entity

_TYPE, _VALUE = "__type", "__value"
_ENTITY = "entity"


def to_json(value: Any) -> str:
    """The value as a JSON text; raises ``TypeError`` that names the type that cannot be kept."""
    return json.dumps(_encode(value), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Any:
    """The value of such a text; raises ``ImportError`` for an object of a class of the user's."""
    return _decode(json.loads(text))


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        return _plain(value)
    if isinstance(value, list | LazyXComSelectSequence):
        return [_encode(item) for item in value]
    if isinstance(value, Mapping):
        encoded = {_key(key): _encode(item) for key, item in value.items()}
        return _tagged("dict", encoded) if _TYPE in encoded else encoded
    if isinstance(value, datetime) and type(value).__module__.startswith("pendulum."):
        return _tagged("pendulum", _encode_datetime(value))
    for name, (kind, encode, _) in _KINDS.items():
        if isinstance(value, kind):
            return _tagged(name, encode(value))
    if is_entity(value):
        return _tagged(_ENTITY, [class_name(value), _encode(entity_fields(value))])
    raise TypeError(
        f"Object of type {type(value).__name__} is not JSON serializable: an XCom may hold JSON values, "
        f"dates, timedeltas, sets, tuples, decimals, bytes and lineage entities"
    )


def _plain(value: str | int | float) -> str | int | float:
    """The value without its subclass: an enum of texts becomes its text."""
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value)


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {key: _decode(item) for key, item in value.items()}
    if value[_TYPE] == _ENTITY:
        name, values = value[_VALUE]
        return entity_of(name, _decode(values))
    if value[_TYPE] == "dict":
        return {key: _decode(item) for key, item in value[_VALUE].items()}
    _, _, decode = _KINDS[value[_TYPE]]
    return decode(value[_VALUE])


def _tagged(name: str, value: Any) -> dict[str, Any]:
    return {_TYPE: name, _VALUE: value}


def _key(key: Any) -> str:
    return str.__str__(key) if isinstance(key, str) else str(key)


def _encode_items(value: Any) -> list[Any]:
    return [_encode(item) for item in value]


def _encode_set(value: Any) -> list[Any]:
    # In a fixed order, so that equal sets give equal texts.
    return sorted(_encode_items(value), key=lambda item: json.dumps(item, sort_keys=True))


def _encode_datetime(value: datetime) -> list[str | None]:
    zone = None if value.tzinfo is None else timezone_name(value)
    return [value.isoformat(), zone]


def _decode_pendulum(value: list[str | None]) -> datetime:
    import pendulum

    return pendulum.instance(_decode_datetime(value))


def _decode_datetime(value: list[str | None]) -> datetime:
    text, zone = value
    moment = datetime.fromisoformat(str(text))
    if zone is None:
        return moment
    if zone == "UTC":
        return moment.astimezone(UTC)
    if zone[0] in "+-":
        return moment.astimezone(timezone(moment.utcoffset() or timedelta()))
    return moment.astimezone(ZoneInfo(zone))


def _encode_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_KINDS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    # datetime before date, which it is a kind of; pendulum's are told apart before.
    "datetime": (datetime, _encode_datetime, _decode_datetime),
    "pendulum": (datetime, _encode_datetime, _decode_pendulum),
    "date": (date, date.isoformat, date.fromisoformat),
    "timedelta": (
        timedelta,
        _encode_timedelta,
        lambda value: timedelta(days=value[0], seconds=value[1], microseconds=value[2]),
    ),
    "tuple": (tuple, _encode_items, lambda value: tuple(_decode(value))),
    "set": (set, _encode_set, lambda value: set(_decode(value))),
    "frozenset": (frozenset, _encode_set, lambda value: frozenset(_decode(value))),
    "decimal": (Decimal, str, Decimal),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode),
}
"""Per tag: the type, what is kept of a value, and how it is made again."""
