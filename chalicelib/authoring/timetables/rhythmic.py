"""Timetables with a rhythm: Airflow's methods for its times, which derived classes may override."""

from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from chalicelib.authoring.dates import as_utc, pendulum_datetime, timezone_name, utcnow, zone_named
from chalicelib.authoring.timetables.base import BuiltInTimetable, delta_of, duration_of, stored_duration
from chalicelib.authoring.timetables.cron_words import description_of
from chalicelib.domain.schedule.cron import PRESETS
from chalicelib.domain.schedule.rhythms import CronRhythm, DeltaRhythm, Rhythm


class RhythmicTimetable(BuiltInTimetable):
    """A timetable whose times follow each other.

    Moments are aware; those that its methods return are pendulum's, in UTC.
    """

    def _own_rhythm(self) -> Rhythm:
        raise NotImplementedError

    def rhythm(self) -> Rhythm:
        """The times by which runs are planned, with what a derived class makes of them."""
        return _AskedRhythm(self)

    def _get_next(self, current: datetime) -> datetime:
        return pendulum_datetime(self._own_rhythm().next(as_utc(current)))

    def _get_prev(self, current: datetime) -> datetime:
        return pendulum_datetime(self._own_rhythm().previous(as_utc(current)))

    def _align_to_next(self, current: datetime) -> datetime:
        return pendulum_datetime(self._own_rhythm().align_to_next(as_utc(current)))

    def _align_to_prev(self, current: datetime) -> datetime:
        return pendulum_datetime(self._own_rhythm().align_to_previous(as_utc(current)))

    def _skip_to_latest(self, earliest: datetime | None) -> datetime:
        latest = pendulum_datetime(self._own_rhythm().latest_start(utcnow()))
        return latest if earliest is None else max(latest, self._align_to_next(earliest))


class _AskedRhythm:
    """Implements ``Rhythm`` by a timetable's methods."""

    def __init__(self, timetable: RhythmicTimetable) -> None:
        self._timetable = timetable

    def next(self, moment: datetime) -> datetime:
        return as_utc(self._timetable._get_next(pendulum_datetime(moment)))

    def previous(self, moment: datetime) -> datetime:
        return as_utc(self._timetable._get_prev(pendulum_datetime(moment)))

    def align_to_next(self, moment: datetime) -> datetime:
        return as_utc(self._timetable._align_to_next(pendulum_datetime(moment)))

    def align_to_previous(self, moment: datetime) -> datetime:
        return as_utc(self._timetable._align_to_prev(pendulum_datetime(moment)))

    def latest(self, now: datetime) -> datetime:
        return self._timetable._own_rhythm().latest(now)

    def first(self, now: datetime, immediately: bool | timedelta) -> datetime:
        return self._timetable._own_rhythm().first(now, immediately)

    def latest_start(self, now: datetime) -> datetime:  # noqa: ARG002 - by the clock of DAG code, which is the same
        return as_utc(self._timetable._skip_to_latest(None))


class CronMixin(RhythmicTimetable):
    """The times of a cron expression or preset, in a time zone or that of its name."""

    __module__ = "airflow.timetables._cron"

    def __init__(self, cron: str, timezone: str | tzinfo) -> None:
        self._expression = PRESETS.get(cron, cron)
        self.zone_name = timezone if isinstance(timezone, str) else _name_of(timezone)

    @cached_property
    def _timezone(self) -> tzinfo:
        return zone_named(self.zone_name)

    @cached_property
    def description(self) -> str:  # type: ignore[override]  # which may be set, too
        """The expression in words."""
        return description_of(self._expression)

    @property
    def summary(self) -> str:
        """The expression."""
        return self._expression

    def serialize(self) -> dict[str, Any]:
        """Expression and name of the zone."""
        return {"expression": self._expression, "timezone": self.zone_name}

    def _own_rhythm(self) -> Rhythm:
        return CronRhythm(expression=self._expression, zone=self._timezone)


class DeltaMixin(RhythmicTimetable):
    """Times a ``timedelta`` or dateutil's ``relativedelta`` apart."""

    __module__ = "airflow.timetables._delta"

    def __init__(self, delta: Any) -> None:
        self._delta = delta

    @property
    def summary(self) -> str:
        """The delta."""
        return str(self._delta)

    def serialize(self) -> dict[str, Any]:
        """The delta."""
        return {"delta": stored_duration(self._delta)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "DeltaMixin":
        """The timetable of such data."""
        return cls(delta_of(data["delta"]))

    def _own_rhythm(self) -> Rhythm:
        return DeltaRhythm(delta=duration_of(self._delta))


def _name_of(zone: tzinfo) -> str:
    return timezone_name(datetime(2000, 1, 1, tzinfo=zone))
