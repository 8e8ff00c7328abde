"""JSON by Airflow's encoders (``airflow.utils.json``): for pages and APIs, and for XComs."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.authoring.dates import as_utc
from chalicelib.authoring.running.xcom_objects import Kept, kept_of
from chalicelib.authoring.running.xcom_values import from_json, to_json


class WebEncoder(json.JSONEncoder):
    """Writes values that JSON does not know in a form to be read; nothing makes them of it again.

    Dates are texts in ISO's form (those without a zone are UTC's), decimals numbers, bytes texts; sets,
    durations and objects that an XCom could hold are dicts with the name of their class, all others Python's
    ``repr()``.
    """

    def default(self, o: Any) -> Any:
        """The form of one value."""
        plain = _plain(o)
        if plain is not None:
            return plain
        kept = _kept_of(o)
        if kept is None:
            return repr(o)
        return {"__classname__": kept.class_name, "__version__": kept.version, "__data__": kept.data}


def _plain(value: Any) -> Any:
    """The text or number of a value that has one, else None."""
    if isinstance(value, datetime):
        return (as_utc(value) if value.tzinfo is None else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)
    if isinstance(value, bytes):
        return _text_of(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return None


def _kept_of(value: Any) -> Kept | None:
    if isinstance(value, set | frozenset):
        return Kept(class_name=f"builtins.{type(value).__name__}", version=1, data=list(value))
    if isinstance(value, timedelta):
        return Kept(class_name="datetime.timedelta", version=2, data=value.total_seconds())
    return kept_of(value)


AirflowJsonEncoder = WebEncoder
"""Its older name, by which provider packages have it."""


class XComEncoder(json.JSONEncoder):
    """Writes values as Updraft keeps XComs; raises ``TypeError`` for one that no XCom can hold."""

    def encode(self, o: Any) -> str:
        """The text of a value."""
        return to_json(o)

    def iterencode(self, o: Any, _one_shot: bool = False) -> Iterator[str]:
        """The same in one piece."""
        yield to_json(o)


class XComDecoder(json.JSONDecoder):
    """Reads such a text; raises ``ImportError`` for an object of a class that may not be made."""

    def decode(self, s: str, *_: Any) -> Any:
        """The value of a text."""
        return from_json(s)


def _text_of(value: bytes) -> str:
    try:
        return value.decode("unicode_escape")
    except UnicodeDecodeError:
        return repr(value)
