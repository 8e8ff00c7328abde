"""Durations of schedules: a fixed time, or months and years as the calendar has them."""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_YEAR, _MONTH = timedelta(days=365), timedelta(days=30)
"""What Airflow takes years and months for where it counts intervals since 1970."""

_TEXT = re.compile(r"P(-?\d+)Y(-?\d+)M(-?\d+)DT(-?\d+(?:\.\d+)?)S")


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarDuration:
    """Years and months, and a fixed time that is added after them: dateutil's ``relativedelta``."""

    years: int = 0
    months: int = 0
    rest: timedelta = timedelta()

    @classmethod
    def of_text(cls, text: str) -> "CalendarDuration":
        """The duration that a text of ``text`` names; raises ``ValueError``."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no duration")
        years, months, days, seconds = found.groups()
        rest = timedelta(days=int(days), seconds=float(seconds))
        return cls(years=int(years), months=int(months), rest=rest)

    @property
    def text(self) -> str:
        """The duration as a text, that no cron expression is: ``P0Y1M0DT0.0S`` for a month."""
        seconds = (self.rest - timedelta(days=self.rest.days)).total_seconds()
        return f"P{self.years}Y{self.months}M{self.rest.days}DT{seconds}S"

    @property
    def approximately(self) -> timedelta:
        """Its length, with Airflow's years and months."""
        return self.years * _YEAR + self.months * _MONTH + self.rest

    def __neg__(self) -> "CalendarDuration":
        return CalendarDuration(years=-self.years, months=-self.months, rest=-self.rest)

    def added_to(self, moment: datetime) -> datetime:
        """The moment so much later; the last day of a month stands for days that it has not.

        Raises ``ValueError`` and ``OverflowError`` beyond the years that dates have.
        """
        years, month = divmod(moment.month - 1 + self.months, 12)
        year = moment.year + self.years + years
        if not 1 <= year <= 9999:
            raise OverflowError("date value out of range")
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + self.rest


Duration = timedelta | CalendarDuration


def duration_of(value: str | float) -> Duration:
    """The duration of its stored form: seconds, or the text of a calendar duration."""
    return CalendarDuration.of_text(value) if isinstance(value, str) else timedelta(seconds=value)


def stored(duration: Duration) -> str | float:
    """That form; whole seconds are an ``int``."""
    if isinstance(duration, CalendarDuration):
        return duration.text
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def is_calendar_text(text: str) -> bool:
    """Whether a schedule's text is a calendar duration, and no cron expression."""
    return _TEXT.fullmatch(text) is not None


def later(moment: datetime, duration: Duration) -> datetime:
    """The moment so much later; raises ``ValueError`` and ``OverflowError``."""
    return duration.added_to(moment) if isinstance(duration, CalendarDuration) else moment + duration


def earlier(moment: datetime, duration: Duration) -> datetime:
    """The moment so much earlier; raises as above."""
    return later(moment, -duration)
