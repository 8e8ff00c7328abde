"""``WeekDay``: the days of the week, and their numbers (``airflow.utils.weekday``)."""

from collections.abc import Iterable
from enum import IntEnum


class WeekDay(IntEnum):
    """ISO's days of the week, under Airflow's names."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> "WeekDay":
        """The day of an English name in any case; raises ``AttributeError`` for a text that is none."""
        try:
            return cls[week_day_str.upper()]
        except KeyError:
            raise AttributeError(f'Invalid Week Day passed: "{week_day_str}"') from None

    @classmethod
    def convert(cls, day: "str | WeekDay") -> "WeekDay":
        """The day, given itself or by its name; raises as above."""
        return day if isinstance(day, WeekDay) else cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: "str | WeekDay | Iterable[str | WeekDay]") -> "set[int]":
        """The numbers of one or several days; raises ``TypeError`` for what is no day, and as above."""
        if isinstance(week_day, str | WeekDay):
            return {cls.convert(week_day)}
        if not isinstance(week_day, Iterable):
            raise TypeError(f"Unsupported Type for week_day parameter: {type(week_day)}")
        return {cls.convert(day) for day in week_day}
