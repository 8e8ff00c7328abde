"""Dataclasses as JSON documents and back: datetimes as ISO texts, nested dataclasses as objects; pure.

A reader ignores fields that it does not know, so that a newer writer may add some. Fields with
``metadata=NOT_SENT`` stay in their process.
"""

import types
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

NOT_SENT = {"sent": False}
"""Metadata of a field that is no part of the document."""


def plain(value: Any) -> Any:
    """What JSON can be made of, for a dataclass or a field of one; what is None is left out."""
    if is_dataclass(value):
        sent = (field.name for field in fields(value) if field.metadata.get("sent", True))
        pairs = ((name, getattr(value, name)) for name in sent)
        return {name: plain(item) for name, item in pairs if item is not None}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | frozenset):
        return [plain(item) for item in value]
    return value


def typed(kind: Any, value: Any) -> Any:
    """The value of that type, a dataclass for one, that a document stands for.

    Raises ``TypeError``, ``ValueError`` or ``KeyError`` where it is none.
    """
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return typed(next(option for option in get_args(kind) if option is not type(None)), value)
    if origin in (tuple, frozenset):
        return origin(typed(get_args(kind)[0], item) for item in _of_type(list, value))
    if origin is dict:
        return _of_type(dict, value)
    if is_dataclass(kind):
        return _dataclass(kind, _of_type(dict, value))
    if kind is datetime:
        return _aware(datetime.fromisoformat(value))
    if issubclass(kind, Enum):
        return kind(value)
    return _of_type(kind, value)


def _dataclass(kind: Any, value: dict[str, Any]) -> Any:
    hints = _hints(kind)
    given = {name: typed(hints[name], value[name]) for name in hints if name in value}
    left_out = dict.fromkeys(_may_be_left_out(kind) - given.keys())  # for they are None
    return kind(**left_out, **given)


def _of_type(kind: type[Any], value: Any) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # JSON has one kind of numbers
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no offset")
    return moment


@cache
def _hints(kind: Any) -> dict[str, Any]:
    sent = {field.name for field in fields(kind) if field.metadata.get("sent", True)}
    return {name: hint for name, hint in get_type_hints(kind).items() if name in sent}


@cache
def _may_be_left_out(kind: Any) -> frozenset[str]:
    hints = _hints(kind)
    required = {field.name for field in fields(kind) if _has_no_default(field)}
    return frozenset(name for name in required & hints.keys() if types.NoneType in get_args(hints[name]))


def _has_no_default(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING
