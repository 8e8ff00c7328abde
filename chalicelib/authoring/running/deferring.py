"""The deferral of a try: what is kept of it, and how the task goes on by what was kept."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.exceptions import AirflowException, TaskDeferred
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.running.context import Context
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.domain.runs.deferrals import Deferral, Deferring

LONGEST_TEXT = 50_000
"""Bytes kept of a trigger's keywords and of those of the method.

(An item of DynamoDB has 400 KB, and a quotation mark in a text that is kept in another takes two bytes.)
"""

FAIL = "__fail__"
"""Airflow's name of the method by which a task goes on that is to fail."""


def asked_deferral(task: BaseOperator, deferred: TaskDeferred, began_at: datetime) -> Deferring:
    """What is kept of a deferral; its time is over at its timeout, or at the task's (Airflow).

    Raises ``AirflowException`` where its parts are no such things or too long, ``TypeError`` for a value that
    cannot be kept, and what the trigger's ``serialize`` raises.
    """
    classpath, kwargs = deferred.trigger.serialize()
    if not isinstance(classpath, str) or not isinstance(kwargs, Mapping):
        raise AirflowException(f"serialize() of {type(deferred.trigger).__name__} gives no path and keywords")
    texts = to_json(kwargs), to_json(deferred.kwargs or {})
    if sum(len(text.encode()) for text in texts) > LONGEST_TEXT:
        raise AirflowException(
            f"The keywords of the trigger {classpath} and of {deferred.method_name} are longer than "
            f"{LONGEST_TEXT:,} bytes: keep what is long elsewhere, and pass where it is"
        )
    limits = (_after(utcnow(), deferred.timeout), _after(began_at, task.execution_timeout))
    return Deferring(
        classpath=classpath,
        kwargs=texts[0],
        method_name=deferred.method_name,
        method_kwargs=texts[1],
        timeout_at=min((limit for limit in limits if limit is not None), default=None),
    )


def _after(moment: datetime, duration: timedelta | None) -> datetime | None:
    return None if duration is None else moment + duration


def start_of(task: BaseOperator) -> TaskDeferred | None:
    """By what a task is deferred in place of ``execute``; None: it is executed."""
    args = task.start_trigger_args
    if not task.start_from_trigger or args is None:
        return None
    trigger = class_of_trigger(args.trigger_cls)(**(args.trigger_kwargs or {}))
    return TaskDeferred(
        trigger=trigger, method_name=args.next_method, kwargs=args.next_kwargs, timeout=args.timeout
    )


def class_of_trigger(classpath: str) -> Any:
    """The class of an import path; raises ``ImportError`` where there is none."""
    module, _, name = classpath.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (AttributeError, ValueError) as error:
        raise ImportError(f"Module {module!r} does not define a {name!r} attribute/class") from error


def go_on(task: BaseOperator, deferral: Deferral, context: Context) -> Any:
    """Go on with a deferred task; what its method returns."""
    if deferral.error is not None:
        kwargs: dict[str, Any] = {"error": deferral.error}
        if deferral.traceback is not None:
            kwargs["traceback"] = deferral.traceback.splitlines()
        return task.resume_execution(FAIL, kwargs, context)
    kwargs = from_json(deferral.method_kwargs)
    if deferral.event is not None:
        kwargs["event"] = from_json(deferral.event)
    if deferral.method_name == "execute":
        return task.execute(context, **kwargs)
    return task.resume_execution(deferral.method_name or "", kwargs, context)
