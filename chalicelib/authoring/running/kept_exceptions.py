"""Exceptions of tries that ended in other processes: what is kept of one, and how one is made again."""

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from chalicelib.authoring import exceptions
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.surroundings.secrets_masker import redact
from chalicelib.domain.runs.outcomes import MAX_ERROR_LENGTH

_CLASSES, _TEXT, _ATTRIBUTES = "classes", "text", "attributes"

_LONGEST_TEXT = 4000
"""Characters; with escapes of any of them a kept exception stays below ``MAX_ERROR_LENGTH``."""

_Names = list[tuple[str, str]]
"""Module and name of classes."""


def kept_of(error: BaseException) -> str:
    """What is kept of an exception, as JSON: its class and those that it derives from, its whole text.

    Attributes are kept that are JSON, where there is room for them. What is secret is masked.
    """
    classes = [
        (kind.__module__, kind.__qualname__)
        for kind in type(error).__mro__
        if issubclass(kind, BaseException) and kind is not BaseException
    ]
    text = redact(_text_of(error) or "")[:_LONGEST_TEXT]
    kept = {_CLASSES: classes, _TEXT: text}
    with_attributes = json.dumps({**kept, _ATTRIBUTES: _attributes(error)})
    return with_attributes if len(with_attributes) <= MAX_ERROR_LENGTH else json.dumps(kept)


def exception_of(reason: str, kept: str | None = None) -> BaseException:
    """The exception that was kept, or the one that a reason such as ``ValueError: no such day`` tells of.

    Its constructor is not called. Of a class that this process does not know, such as those that botocore
    makes as it goes, one is made below the nearest class that it does know. By a reason alone an
    ``AirflowException`` with all of it is given where no class is known or it makes another text.
    """
    if kept is not None:
        return _remade(json.loads(kept))
    name, _, text = reason.partition(": ")
    kind = next(_classes_named(name), None)
    if kind is not None:
        made = _with_text(kind, text)
        if made is not None:
            return made
    return AirflowException(reason)


def _remade(kept: Mapping[str, Any]) -> BaseException:
    names: _Names = [(module, name) for module, name in kept[_CLASSES]]
    kind = next(filter(None, (_class_at(*each) for each in names)), Exception)
    if (kind.__module__, kind.__qualname__) != names[0]:
        kind = _below(kind, *names[0])
    text = kept[_TEXT]
    made = _with_text(kind, text) or _with_text(_that_shows(kind, text), text)
    if made is None:
        return AirflowException(text)
    made.__dict__.update(kept.get(_ATTRIBUTES, {}))
    return made


def _class_at(module: str, name: str) -> type[BaseException] | None:
    """The class of that place; one of a DAG file, which is no module to import, is found by its name."""
    try:
        found: Any = sys.modules.get(module) or import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:  # of modules of others: whatever hinders their import, the class is not known here
        return next((kind for kind in _known_classes() if kind.__qualname__ == name), None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _below(kind: type[BaseException], module: str, name: str) -> type[BaseException]:
    return type(name.rpartition(".")[2], (kind,), {"__module__": module, "__qualname__": name})


def _that_shows(kind: type[BaseException], text: str) -> type[BaseException]:
    """A class in its place whose exceptions have that text, whatever its own makes of arguments."""
    made = _below(kind, kind.__module__, kind.__qualname__)
    made.__str__ = lambda _: text  # type: ignore[method-assign]
    return made


def _attributes(error: BaseException) -> dict[str, Any]:
    return {name: _masked(value) for name, value in vars(error).items() if _is_json(value)}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return {key: _masked(each) for key, each in value.items()} if isinstance(value, dict) else value


def _is_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def _classes_named(name: str) -> Iterator[type[BaseException]]:
    """Airflow's class of a name, then Python's and the user's."""
    own = getattr(exceptions, name, None)
    if isinstance(own, type) and issubclass(own, BaseException):
        yield own
    yield from (kind for kind in _known_classes() if kind.__name__ == name)


def _known_classes() -> Iterator[type[BaseException]]:
    waiting: list[type[BaseException]] = [BaseException]
    while waiting:
        kind = waiting.pop(0)
        yield kind
        waiting += kind.__subclasses__()


def _with_text(kind: type[BaseException], text: str) -> BaseException | None:
    """An exception of a class that shows as that text; None if none of its possible arguments does."""
    for arguments in _possible_arguments(text):
        error = kind.__new__(kind, *arguments)
        error.args = arguments
        if _text_of(error) == text:
            return error
    return None


def _possible_arguments(text: str) -> Iterator[tuple[Any, ...]]:
    if not text:
        yield ()
    yield (text,)
    try:
        yield (ast.literal_eval(text),)  # that of a KeyError shows as its repr
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return


def _text_of(error: BaseException) -> str | None:
    try:
        return str(error)
    except Exception:  # the class's own, which misses what its constructor would have made
        return None
