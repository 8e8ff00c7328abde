"""Sensors that wait for a date, a time of the day, a delay after the data interval, or a day of the week."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.conveniences.weekdays import WeekDay
from chalicelib.authoring.dates import parse, utcnow, zone_named
from chalicelib.authoring.sensors.base import BaseSensorOperator

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class DateTimeSensor(BaseSensorOperator):
    """Waits until a moment, given as a datetime or as a text (templated); naive ones are in UTC."""

    template_fields: Sequence[str] = ("target_time",)

    def __init__(self, *, target_time: str | datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, str | datetime):
            raise TypeError(
                f"Expected str or datetime.datetime type for target_time. Got {type(target_time)}"
            )
        self.target_time = target_time.isoformat() if isinstance(target_time, datetime) else target_time

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - every poke gets it
        """Whether the moment has passed."""
        self.log.info("Checking if the time (%s) has come", self.target_time)
        has_come: bool = utcnow() > parse(self.target_time)
        return has_come


class TimeDeltaSensor(BaseSensorOperator):
    """Waits for a while after the end of the run's data interval."""

    def __init__(self, *, delta: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delta = delta

    def poke(self, context: "Context") -> bool:
        """Whether the while has passed."""
        target = context["data_interval_end"] + self.delta
        self.log.info("Checking if the time (%s) has come", target)
        has_come: bool = utcnow() > target
        return has_come


class TimeSensor(BaseSensorOperator):
    """Waits until a time of the day, in the DAG's time zone."""

    def __init__(self, *, target_time: time, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_time = target_time

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - every poke gets it
        """Whether it is later than that today."""
        self.log.info("Checking if the time (%s) has come", self.target_time)
        return utcnow().astimezone(zone_named(self.dag.timezone)).time() > self.target_time


class DayOfWeekSensor(BaseSensorOperator):
    """Waits until one of these days of the week, given as names or ``WeekDay``.

    The day is today's, or the logical date's with ``use_task_logical_date``. Raises ``AttributeError``
    for a name that is no day, ``TypeError`` for what is no name.
    """

    def __init__(
        self,
        *,
        week_day: str | WeekDay | Iterable[str | WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date or use_task_execution_day
        self._days = WeekDay.validate_week_day(week_day)

    def poke(self, context: "Context") -> bool:
        """Whether it is one of the days."""
        day = (context["logical_date"] if self.use_task_logical_date else utcnow()).isoweekday()
        self.log.info("Poking until weekday is in %s, it is %s", self.week_day, WeekDay(day).name)
        return day in self._days
