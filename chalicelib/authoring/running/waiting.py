"""``let_pass``: time that a task waits, without holding compute for it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.authoring import clock
from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.exceptions import SensorSleeps

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator
    from chalicelib.authoring.running.task_instance import TaskInstance

SHORT_WAIT = 2.0
"""Seconds of a wait up to which a task stays in its invocation..."""

LONGEST_STAY = 10.0
"""...and for how long in all. After that it sleeps even for a moment: no task holds compute by waiting."""


def let_pass(task: "BaseOperator", ti: "TaskInstance", seconds: float, arrived: datetime, pokes: int) -> None:
    """Return when so many seconds have passed, if they are few and the task has not been here for long.

    ``arrived`` is when the invocation began, ``pokes`` how often it has looked in vain. Else raises
    ``SensorSleeps``: the try goes on in another invocation, from the beginning of ``execute``.
    """
    if seconds > SHORT_WAIT or (utcnow() - arrived).total_seconds() > LONGEST_STAY:
        raise SensorSleeps(_wakes_at(task, ti, seconds), pokes)
    clock.current().sleep(seconds)


def later(moment: datetime, seconds: float) -> datetime:
    """A moment so many seconds later, as a plain datetime; the end of the calendar at most."""
    left = (datetime.max.replace(tzinfo=moment.tzinfo) - moment).total_seconds()
    return moment + timedelta(seconds=min(seconds, left - 1))


def _wakes_at(task: "BaseOperator", ti: "TaskInstance", seconds: float) -> datetime:
    """When it goes on, or sooner: when ``execution_timeout`` cuts the sleep short."""
    wakes_at = later(utcnow(), seconds)
    if task.execution_timeout is None:
        return wakes_at
    return min(wakes_at, later(ti.began_at, task.execution_timeout.total_seconds()))
