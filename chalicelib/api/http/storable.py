"""Checks of names and texts against what a table can hold.

A name that no table could hold belongs to nothing, which is an answer; the store would fail on it.
"""

from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import DagNotFound

_LONGEST_KEY = 2048
"""Bytes of UTF-8 that DynamoDB takes as a hash key."""


def dag_id(request: Request) -> str:
    """The DAG id in the path; raises ``DagNotFound`` if no DAG can have it."""
    name = request.path["dag_id"]
    if not is_storable_as_key(name):
        raise DagNotFound(name)
    return name


def is_storable(text: str) -> bool:
    """Whether a text can be stored: it has no NUL, and no lone surrogate, which has no UTF-8."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def is_storable_as_key(name: str) -> bool:
    """Whether a name can be the hash key of an item."""
    return is_storable(name) and 0 < len(name.encode()) <= _LONGEST_KEY
