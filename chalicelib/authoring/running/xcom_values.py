"""XCom values as JSON texts.

JSON values are themselves, as Python's ``json`` writes them and as in Airflow: keys of dicts become JSON's
words (``null``, ``true``, ``3``), a key that JSON has no word for is refused, and a tuple inside a list or
dict is a list. Beyond JSON these come back as they were: a tuple that is the value itself, and what is in
it; ``datetime`` (with its time zone; pendulum's as pendulum's), ``date``, ``timedelta``, ``set``,
``frozenset``, ``Decimal``, ``bytes``, ``ZoneInfo``, ``UUID`` (as in Airflow 3), numbers of NumPy and lineage
entities. Objects of the user's classes are kept by ``xcom_objects``. The values of a mapped task, pulled as
a lazy sequence, are kept as a list. Anything else is refused; of tables and arrays a reference has to be
pushed.

In the text such a value is an object of two keys, ``__type`` and ``__value``. A dict of the user's that
has a key ``__type`` is wrapped in the same way, so nothing can be mistaken for it.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from chalicelib.authoring.dates import timezone_name
from chalicelib.authoring.model.lazy_sequences import LazyXComSelectSequence
from chalicelib.authoring.model.lineage import Entity, class_name, entity_fields, entity_of
from chalicelib.authoring.running import xcom_objects

_TYPE, _VALUE = "__type", "__value"
_ENTITY, _OBJECT, _NUMPY = "entity", "object", "numpy"

_TABLES = frozenset({"dask", "numpy", "pandas", "polars", "pyarrow", "pyspark"})
"""Packages whose objects are large by nature."""


def to_json(value: Any) -> str:
    """The value as a JSON text; raises ``TypeError`` that names the type that cannot be kept."""
    encoded = _inside(value) if isinstance(value, tuple) else _encode(value)
    text = json.dumps(encoded, ensure_ascii=False, separators=(",", ":"))
    # Halves of characters, as in names of files that are no UTF-8, have no bytes but as escapes.
    return text if _is_unicode(text) else json.dumps(encoded, separators=(",", ":"))


def from_json(text: str) -> Any:
    """The value of such a text; raises ``ImportError`` for an object of a class that may not be made."""
    return _decode(json.loads(text))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode(value: Any) -> Any:
    """A value as Python's ``json`` writes it: its containers hold JSON."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        return _plain(value)
    if isinstance(value, list | tuple | LazyXComSelectSequence):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return _encode_dict({_key(key): _encode(item) for key, item in value.items()})
    return _encode_object(value)


def _inside(value: Any) -> Any:
    """A value in one that JSON does not know: as above, but tuples stay, and keys are ``str()`` of them."""
    if isinstance(value, tuple):
        return _tagged("tuple", [_inside(item) for item in value])
    if isinstance(value, list):
        return [_inside(item) for item in value]
    if isinstance(value, dict):
        texts = {str.__str__(key) if isinstance(key, str) else str(key): key for key in value}
        return _encode_dict({text: _inside(value[key]) for text, key in texts.items()})
    return _encode(value)


def _encode_dict(encoded: dict[str, Any]) -> dict[str, Any]:
    return _tagged("dict", encoded) if _TYPE in encoded else encoded


def _encode_object(value: Any) -> dict[str, Any]:
    if isinstance(value, datetime) and type(value).__module__.startswith("pendulum."):
        return _tagged("pendulum", _encode_datetime(value))
    for name, (kind, encode, _) in _KINDS.items():
        if isinstance(value, kind):
            return _tagged(name, encode(value))
    if isinstance(value, Entity):
        return _tagged(_ENTITY, [class_name(value), _inside(entity_fields(value))])
    if _is_of_numpy(value):
        return _tagged(_NUMPY, [type(value).__name__, value.item()])
    kept = xcom_objects.kept_of(value)
    if kept is not None:
        return _tagged(_OBJECT, [kept.class_name, kept.version, _inside(kept.data)])
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable{_advice(value)}")


def _advice(value: Any) -> str:
    if type(value).__module__.partition(".")[0] in _TABLES:
        return ": keep it where both tasks can reach it (a file in S3, a table) and push its address"
    return (
        ": an XCom may hold JSON values, dates, timedeltas, sets, tuples, decimals, bytes, UUIDs, "
        "dataclasses and lineage entities"
    )


def _decimal_text(value: Decimal) -> str:
    """Airflow's: without an end of zeros, and no more exact than a float where it has decimal places."""
    exponent = value.as_tuple().exponent
    is_whole = isinstance(exponent, int) and exponent >= 0
    return str(int(value)) if is_whole else str(float(value))


def _is_of_numpy(value: Any) -> bool:
    """Whether a value is one of NumPy's booleans, integers or floats."""
    if type(value).__module__ != "numpy" or getattr(value, "shape", None) != ():
        return False
    return isinstance(value.item(), bool | int | float)


def _plain(value: str | int | float) -> str | int | float:
    """The value without its subclass: an enum of texts becomes its text."""
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value)


def _key(key: Any) -> str:
    """A dict's key in JSON; raises ``TypeError`` for one that JSON has no word for."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {key: _decode(item) for key, item in value.items()}
    if value[_TYPE] == "dict":
        return {key: _decode(item) for key, item in value[_VALUE].items()}
    decode = _OBJECTS.get(value[_TYPE]) or _KINDS[value[_TYPE]][2]
    return decode(value[_VALUE])


def _decode_entity(value: Any) -> Any:
    name, values = value
    return entity_of(name, _decode(values))


def _decode_object(value: Any) -> Any:
    name, version, data = value
    return xcom_objects.made_of(xcom_objects.Kept(class_name=name, version=version, data=_decode(data)))


def _decode_number(value: Any) -> Any:
    name, number = value
    return getattr(import_module("numpy"), name)(number)


_OBJECTS: dict[str, Callable[[Any], Any]] = {
    _ENTITY: _decode_entity,
    _OBJECT: _decode_object,
    _NUMPY: _decode_number,
}


def _tagged(name: str, value: Any) -> dict[str, Any]:
    return {_TYPE: name, _VALUE: value}


def _encode_items(value: Any) -> list[Any]:
    return [_inside(item) for item in value]


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
    "decimal": (Decimal, _decimal_text, Decimal),
    "timezone": (ZoneInfo, str, ZoneInfo),
    "uuid": (UUID, str, UUID),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode),
}
"""Per tag: the type, what is kept of a value, and how it is made again."""
