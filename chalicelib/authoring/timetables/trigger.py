"""Timetables whose runs stand for moments, with a data interval of one length that ends then."""

from dataclasses import replace
from datetime import timedelta, tzinfo
from functools import cached_property
from typing import Any

from chalicelib.authoring.timetables.base import (
    BuiltInTimetable,
    delta_of,
    duration_of,
    stored_duration,
)
from chalicelib.authoring.timetables.rhythmic import CronMixin, DeltaMixin, RhythmicTimetable
from chalicelib.domain.schedule import timetables
from chalicelib.domain.schedule.timetables import Schedule

__all__ = ["CronTriggerTimetable", "DeltaTriggerTimetable", "MultipleCronTriggerTimetable"]

_AT_ONCE = timedelta()


class _TriggerTimetable(RhythmicTimetable):
    """What they share."""

    _interval: Any
    _run_immediately: bool | timedelta | None = None

    def plans(self) -> timetables.Timetable:
        """Its times, each by itself."""
        return timetables.Triggers(
            rhythm=self.rhythm(),
            interval=duration_of(self._interval),
            immediately=True if self._run_immediately is None else self._run_immediately,
        )


class CronTriggerTimetable(CronMixin, _TriggerTimetable):
    """The moments of a cron expression.

    ``run_immediately`` is Airflow 3's: where the DAG has no start date, whether the moment that has just
    passed counts. In Airflow 2 it always does.
    """

    __module__ = "airflow.timetables.trigger"

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | tzinfo,
        interval: Any = _AT_ONCE,
        run_immediately: bool | timedelta | None = None,
    ) -> None:
        super().__init__(cron, timezone)
        self._interval = interval
        self._run_immediately = run_immediately

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "CronTriggerTimetable":
        """The timetable of such data."""
        return cls(data["expression"], timezone=data["timezone"], interval=delta_of(data["interval"]))

    def serialize(self) -> dict[str, Any]:
        """Expression, name of the zone, and interval."""
        return {**super().serialize(), "interval": stored_duration(self._interval)}

    def planning(self) -> Schedule:
        """Its schedule."""
        return Schedule(
            expression=self._expression,
            timezone=self.zone_name,
            is_trigger=True,
            interval=stored_duration(self._interval),
            run_immediately=_seconds(self._run_immediately),
        )


class DeltaTriggerTimetable(DeltaMixin, _TriggerTimetable):
    """Moments a duration apart; Airflow 3's."""

    __module__ = "airflow.timetables.trigger"

    def __init__(self, delta: Any, *, interval: Any = _AT_ONCE) -> None:
        super().__init__(delta)
        self._interval = interval

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "DeltaTriggerTimetable":
        """The timetable of such data."""
        return cls(delta_of(data["delta"]), interval=delta_of(data["interval"]))

    def serialize(self) -> dict[str, Any]:
        """Delta and interval."""
        return {**super().serialize(), "interval": stored_duration(self._interval)}

    def planning(self) -> Schedule:
        """Its schedule."""
        return Schedule(
            expression=stored_duration(self._delta),
            is_trigger=True,
            interval=stored_duration(self._interval),
        )


class MultipleCronTriggerTimetable(BuiltInTimetable):
    """The moments of several cron expressions; Airflow 3's. Raises ``ValueError`` without any."""

    __module__ = "airflow.timetables.trigger"

    def __init__(
        self,
        *crons: str,
        timezone: str | tzinfo,
        interval: Any = _AT_ONCE,
        run_immediately: bool | timedelta | None = None,
    ) -> None:
        if not crons:
            raise ValueError("cron expression required")
        self._timetables = [
            CronTriggerTimetable(cron, timezone=timezone, interval=interval, run_immediately=run_immediately)
            for cron in crons
        ]

    @cached_property
    def description(self) -> str:  # type: ignore[override]  # which may be set, too
        """The expressions in words."""
        return ", ".join(each.description for each in self._timetables)

    @property
    def summary(self) -> str:
        """The expressions."""
        return ", ".join(each.summary for each in self._timetables)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "MultipleCronTriggerTimetable":
        """The timetable of such data."""
        return cls(*data["expressions"], timezone=data["timezone"], interval=delta_of(data["interval"]))

    def serialize(self) -> dict[str, Any]:
        """Expressions, and what is the same for all."""
        first = self._timetables[0].serialize()
        return {
            "expressions": [each.summary for each in self._timetables],
            "timezone": first["timezone"],
            "interval": first["interval"],
        }

    def planning(self) -> Schedule:
        """Its schedule."""
        first, *further = (each.planning() for each in self._timetables)
        return replace(first, further=tuple(str(each.expression) for each in further))


def _seconds(run_immediately: bool | timedelta | None) -> bool | float:
    return (
        run_immediately.total_seconds() if isinstance(run_immediately, timedelta) else bool(run_immediately)
    )
