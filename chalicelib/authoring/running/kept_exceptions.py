"""Exceptions of tries that ended in other processes, made again of the text that was kept of them."""

import ast
from collections.abc import Iterator
from typing import Any

from chalicelib.authoring import exceptions
from chalicelib.authoring.exceptions import AirflowException


def exception_of(reason: str) -> BaseException:
    """The exception that a reason such as ``ValueError: no such day`` tells of: its class, its text.

    Its constructor is not called, so it has no attributes of its own. An ``AirflowException`` with all of the
    reason where that tells of none, or of a class that this process does not know or that makes another text.
    """
    name, _, text = reason.partition(": ")
    kind = next(_classes_named(name), None)
    if kind is not None:
        for arguments in _possible_arguments(text):
            error = kind.__new__(kind, *arguments)
            error.args = arguments
            if _text_of(error) == text:
                return error
    return AirflowException(reason)


def _classes_named(name: str) -> Iterator[type[BaseException]]:
    """Airflow's class of a name, then Python's and the user's."""
    own = getattr(exceptions, name, None)
    if isinstance(own, type) and issubclass(own, BaseException):
        yield own
    waiting: list[type[BaseException]] = [BaseException]
    while waiting:
        kind = waiting.pop(0)
        if kind.__name__ == name:
            yield kind
        waiting += kind.__subclasses__()


def _possible_arguments(text: str) -> Iterator[tuple[Any, ...]]:
    if not text:
        yield ()
    yield (text,)
    try:
        yield (ast.literal_eval(text),)  # that of a KeyError shows as its repr
    except (SyntaxError, ValueError):
        return


def _text_of(error: BaseException) -> str | None:
    try:
        return str(error)
    except Exception:  # the class's own, which misses what its constructor would have made
        return None
