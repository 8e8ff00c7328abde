"""The ids of the invocation at work, which each of its log lines carries.

Kept for the process, not per thread or context: a Lambda environment handles one invocation at a time, and
what the threads of a user's code log belongs to that one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.domain.messages import Message

_IDS = ("dag_id", "run_id", "run_uid", "execution_date", "task_id", "map_index", "try_number")

_bound: dict[str, object] = {}


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Have each line carry the fields that are not None, until the block ends."""
    global _bound
    before = _bound
    bind(**fields)
    try:
        yield
    finally:
        _bound = before


def bind(**fields: object) -> None:
    """Have each line carry these fields, too, until the ``bound`` block ends that this is called in."""
    global _bound
    _bound = {**_bound, **{name: value for name, value in fields.items() if value is not None}}


def bound_fields() -> Mapping[str, object]:
    """What lines carry now."""
    return _bound


def request_id(context: object) -> str | None:
    """The id of the invocation, by Lambda's context object; None where there is none (tests)."""
    found: str | None = getattr(context, "aws_request_id", None)
    return found


def ids_of(message: "Message") -> dict[str, Any]:
    """The ids that a message carries: its own, those of its run, and of what the run refers to."""
    run = getattr(message, "run", None)
    sources = (message, run, getattr(run, "ref", None))
    found = {name: _first(sources, name) for name in _IDS}
    return {name: value for name, value in found.items() if value is not None}


def _first(sources: tuple[object, ...], name: str) -> object:
    values = (getattr(source, name, None) for source in sources)
    return next((value for value in values if value is not None), None)
