"""JSON by Airflow's encoders (``airflow.utils.json``): for pages and APIs, and for XComs."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.authoring.dates import as_utc
from chalicelib.authoring.running.xcom_objects import kept_of
from chalicelib.authoring.running.xcom_values import from_json, to_json


class WebEncoder(json.JSONEncoder):
    """Writes values that JSON does not know in a form to be read; nothing makes them of it again.

    Dates are texts in ISO's form (those without a zone are UTC's), decimals numbers, bytes texts; objects
    that an XCom could hold are dicts with the name of their class, all others Python's ``repr()``.
    """

    def default(self, o: Any) -> Any:
        """The form of one value."""
        if isinstance(o, datetime):
            return (as_utc(o) if o.tzinfo is None else o).isoformat()
        if isinstance(o, date):
            return o.isoformat()
        if isinstance(o, Decimal):
            return int(o) if o == o.to_integral_value() and o.as_tuple().exponent == 0 else float(o)
        if isinstance(o, bytes):
            return _text_of(o)
        if isinstance(o, set | frozenset):
            return sorted(o, key=repr)
        if type(o).__module__ == "numpy" and hasattr(o, "tolist"):
            return o.tolist()
        kept = kept_of(o)
        if kept is None:
            return repr(o)
        return {"__classname__": kept.class_name, "__version__": kept.version, "__data__": kept.data}


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
