"""Timetables whose runs stand for the time between two moments."""

from typing import Any

from chalicelib.authoring.timetables.base import stored_duration
from chalicelib.authoring.timetables.rhythmic import CronMixin, DeltaMixin, RhythmicTimetable
from chalicelib.domain.schedule import timetables
from chalicelib.domain.schedule.timetables import Schedule

__all__ = ["CronDataIntervalTimetable", "DeltaDataIntervalTimetable", "_DataIntervalTimetable"]


class _DataIntervalTimetable(RhythmicTimetable):
    """What they share."""

    __module__ = "airflow.timetables.interval"

    def plans(self) -> timetables.Timetable:
        """Data intervals from one of its times to the next."""
        return timetables.Intervals(rhythm=self.rhythm())


class CronDataIntervalTimetable(CronMixin, _DataIntervalTimetable):
    """Of an expression of cron, or a preset that stands for one."""

    __module__ = "airflow.timetables.interval"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "CronDataIntervalTimetable":
        """The timetable of such data."""
        return cls(data["expression"], data["timezone"])

    def planning(self) -> Schedule:
        """Its schedule."""
        return Schedule(expression=self._expression, timezone=self.zone_name)


class DeltaDataIntervalTimetable(DeltaMixin, _DataIntervalTimetable):
    """Of a ``timedelta``, or dateutil's ``relativedelta``."""

    __module__ = "airflow.timetables.interval"

    def planning(self) -> Schedule:
        """Its schedule."""
        return Schedule(expression=stored_duration(self._delta))
