"""Functions on dates that DAG files of 1.10 use (``airflow.utils.dates``)."""

import datetime as dt
import math
from collections.abc import Collection, Iterator
from typing import Any

from chalicelib.authoring.dates import is_localized, parse, utc, utcnow
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.domain.schedule.cron import PRESETS, Cron

cron_presets = dict(PRESETS)

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def date_range(
    start_date: dt.datetime,
    end_date: dt.datetime | None = None,
    num: int | None = None,
    delta: str | dt.timedelta | None = None,
) -> list[dt.datetime]:
    """The dates from a start to an end (now), or ``num`` of them, backwards if negative; in order.

    ``delta`` is what lies between them, a cron text or timedelta; without one there are none. Naive dates
    are taken to be in UTC. Raises ``AirflowException`` for an end before the start, or both end and number.
    """
    if not delta:
        return []
    if end_date and start_date > end_date:
        raise AirflowException("Wait. start_date needs to be before end_date")
    if end_date and num:
        raise AirflowException("Wait. Either specify end_date OR num")
    start = _aware(start_date)
    steps = _steps(start, delta, backwards=bool(num and num < 0))
    if num:
        return sorted(date for date, _ in zip(steps, range(abs(num)), strict=False))
    end = _aware(end_date) if end_date else utcnow()
    dates = []
    for date in steps:
        if date > end:
            break
        dates.append(date)
    return dates


def _aware(date: dt.datetime) -> dt.datetime:
    return date if is_localized(date) else date.replace(tzinfo=utc)


def _steps(start: dt.datetime, delta: str | dt.timedelta, *, backwards: bool) -> Iterator[dt.datetime]:
    cron = Cron(expression=delta, zone=start.tzinfo or utc) if isinstance(delta, str) else None
    date = start
    while True:
        yield date
        if cron is not None:
            date = (cron.previous(date) if backwards else cron.next(date)).astimezone(start.tzinfo)
        elif isinstance(delta, dt.timedelta):
            date += -abs(delta) if backwards else abs(delta)


def round_time(date: dt.datetime, delta: dt.timedelta, start_date: dt.datetime | None = None) -> dt.datetime:
    """Of the moments ``start_date + n * delta`` the one nearest to a date, the later one of two."""
    start = start_date or dt.datetime.min.replace(tzinfo=date.tzinfo)
    return start + max(0, math.floor((date - start) / delta + 0.5)) * delta


def parse_execution_date(text: str) -> Any:
    """The moment that a text names, as a pendulum ``DateTime``."""
    return parse(text)


def infer_time_unit(seconds: Collection[float]) -> str:
    """The unit in which the longest of some durations is read best."""
    longest = max(seconds, default=None)
    if longest is None:
        return "hours"
    if longest <= 2 * 60:
        return "seconds"
    if longest <= 2 * 60 * 60:
        return "minutes"
    return "hours" if longest <= 2 * 24 * 60 * 60 else "days"


def scale_time_units(seconds: Collection[float], unit: str) -> Collection[float]:
    """Durations in seconds, in another unit."""
    return [value / _SECONDS[unit] for value in seconds]
