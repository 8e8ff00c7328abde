"""Names and other texts: what no table could hold is not there, rather than an error of the store."""

from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import DagNotFound, InvalidRequest, NoDagToDelete, PoolNotFound

_LONGEST_KEY = 2048
"""Bytes of UTF-8 that DynamoDB takes as a hash key."""


def dag_id(request: Request) -> str:
    """The DAG id in the path; raises ``DagNotFound`` if no DAG can have it."""
    name = request.path["dag_id"]
    if not _can_be_key(name):
        raise DagNotFound(name)
    return name


def dag_id_to_delete(request: Request) -> str:
    """The DAG id in the path; raises ``NoDagToDelete`` if no DAG can have it."""
    try:
        return dag_id(request)
    except DagNotFound as error:
        raise NoDagToDelete(request.path["dag_id"]) from error


def pool_name(request: Request) -> str:
    """The pool's name in the path; raises ``InvalidRequest`` if it is blank, or ``PoolNotFound``."""
    name = request.path["name"]
    if not name.strip():
        raise InvalidRequest("Pool name shouldn't be empty")
    if not _can_be_key(name):
        raise PoolNotFound(name)
    return name


def is_storable(text: str) -> bool:
    """Whether a text can be kept: lone surrogates, which JSON can escape, are no UTF-8; NUL is no text."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _can_be_key(name: str) -> bool:
    return is_storable(name) and 0 < len(name.encode()) <= _LONGEST_KEY
