"""Listeners: functions of plugins that are called when the state of a task or of a DAG run changes.

Airflow calls those of task instances, and of datasets that a task has changed, where the task runs, and so
does Updraft. Those of DAG runs are called
as callbacks of DAGs are: by a message, after the state was written. There is nothing that those of processes
(``on_starting``) and of import errors could be told of.
"""

import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.authoring.exceptions import NotOffered

log = logging.getLogger("airflow.task")

_MARK = "airflow_impl"


class Event(StrEnum):
    """What listeners are told of, by the names that their functions have."""

    RUNNING = "on_task_instance_running"
    SUCCESS = "on_task_instance_success"
    FAILED = "on_task_instance_failed"
    RUN_RUNNING = "on_dag_run_running"
    RUN_SUCCESS = "on_dag_run_success"
    RUN_FAILED = "on_dag_run_failed"
    DATASET_CHANGED = "on_dataset_changed"
    ASSET_CHANGED = "on_asset_changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hook:
    """What ``hookimpl`` says of a function."""

    tryfirst: bool = False
    trylast: bool = False
    specname: str | None = None
    """The event's name where the function has another one."""


def hookimpl(
    function: Callable[..., Any] | None = None,
    *,
    hookwrapper: bool = False,
    optionalhook: bool = False,  # noqa: ARG001 - all are optional
    tryfirst: bool = False,
    trylast: bool = False,
    specname: str | None = None,
) -> Any:
    """Mark a function of a listener; may be written with or without arguments."""
    if hookwrapper:
        raise NotOffered("listeners that wrap others (hookwrapper); write one function per event")

    def mark(marked: Callable[..., Any]) -> Callable[..., Any]:
        setattr(marked, _MARK, Hook(tryfirst=tryfirst, trylast=trylast, specname=specname))
        return marked

    return mark if function is None else mark(function)


_listeners: Sequence[Any] = ()


def register(listeners: Sequence[Any]) -> None:
    """Have these called from now on, and no others."""
    global _listeners
    _listeners = tuple(listeners)


@contextmanager
def silenced() -> Iterator[None]:
    """Have none called of what the code inside does: it is no task of the user's."""
    registered = _listeners
    register(())
    try:
        yield
    finally:
        register(registered)


def are_registered() -> bool:
    """Whether there is any to be called."""
    return bool(_listeners)


def is_heard(event: Event) -> bool:
    """Whether one wants to be told of an event."""
    return bool(_functions(event))


def tell(event: Event, **arguments: Any) -> None:
    """Call the listeners of an event, the one registered last first; each gets the arguments that it names.

    What one raises is logged and changes nothing.
    """
    for function in _functions(event):
        parameters = inspect.signature(function).parameters
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        try:
            function(**{name: value for name, value in arguments.items() if takes_all or name in parameters})
        except (Exception, SystemExit):
            log.exception("The listener %s failed", getattr(function, "__qualname__", function))


def _functions(event: Event) -> list[Callable[..., Any]]:
    found = [each for listener in reversed(_listeners) for each in _marked(listener, event)]
    found.sort(key=lambda each: (each[0].trylast, not each[0].tryfirst))
    return [function for _, function in found]


def _marked(listener: Any, event: Event) -> Iterator[tuple[Hook, Callable[..., Any]]]:
    for name in dir(listener):
        function = getattr(listener, name, None)
        hook = getattr(function, _MARK, None)
        if callable(function) and isinstance(hook, Hook) and (hook.specname or name) == event:
            yield hook, function
