"""Timetables: Airflow 2.10's and Airflow 3's, for all that ``schedule`` may be.

A run stands for a data interval. In all of these timetables its logical date is the interval's start,
and it is due at the interval's end. Of Airflow 3's the interval is empty: a run stands for the moment.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.schedule import cron
from chalicelib.domain.schedule.cron import Cron, NoFurtherTime, NotACronExpression

ONCE = "@once"
CONTINUOUS = "@continuous"

DEFAULT_MAX_ACTIVE_RUNS = 16
"""Airflow's ``[core] max_active_runs_per_dag``."""

_LONG_AGO = timedelta(minutes=5)


class InvalidSchedule(UpdraftError):
    """No runs can be planned from a schedule; the text says why."""

    code = "invalid_schedule"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataInterval:
    """What a run stands for; aware datetimes in UTC."""

    start: datetime
    end: datetime

    @property
    def logical_date(self) -> datetime:
        """The logical (execution) date of the interval's automated run."""
        return self.start

    @property
    def run_after(self) -> datetime:
        """When that run is due."""
        return self.end


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a DAG runs by the clock, as its file says."""

    expression: str | float | None = None
    """A cron expression or preset, ``@once``, ``@continuous``, a timedelta in seconds, or None: never."""
    timezone: str = "UTC"
    """Cron is read in the zone of that name, or offset (``+02:00``)."""
    start_date: datetime | None = None
    """The first logical date there can be; None: no bound."""
    end_date: datetime | None = None
    """The last logical date there can be; None: no bound."""
    catchup: bool = True
    """False: of the intervals that have passed only the latest counts."""
    max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS
    """0: no limit."""
    is_trigger: bool = False
    """Whether runs stand for the schedule's moments (Airflow 3's rule) and not for the time between two."""

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> "Schedule":
        """The schedule in a serialized DAG; what an older form of it lacks has Airflow's default."""
        return cls(
            expression=document.get("schedule"),
            timezone=document.get("timezone") or "UTC",
            start_date=_date(document.get("start_date")),
            end_date=_date(document.get("end_date")),
            catchup=document.get("catchup", True),
            max_active_runs=document.get("max_active_runs") or DEFAULT_MAX_ACTIVE_RUNS,
            is_trigger=document.get("is_trigger", False),
        )

    @property
    def is_automatic(self) -> bool:
        """Whether the clock ever starts a run."""
        return self.expression is not None

    def next_run(self, last: DataInterval | None, now: datetime) -> DataInterval | None:
        """The automated run that follows the last one (None: there was none yet); None if none follows."""
        try:
            return _timetable(self).next_run(self, last, now)
        except NoFurtherTime:
            return None

    def advance(self, last: DataInterval | None, now: datetime) -> DataInterval | None:
        """``next_run``, but always of a later logical date than the last one's.

        Where clocks are changed by half an hour (Lord Howe) an hourly schedule has two intervals of which
        each follows the other; Airflow stays between them for ever.
        """
        planned = self.next_run(last, now)
        if planned is None or last is None or planned.start > last.start:
            return planned
        return replace(self, start_date=last.end).next_run(None, now)

    def between(self, earliest: datetime | None, latest: datetime | None) -> "Schedule":
        """The same rhythm with other bounds in place of the DAG's dates, and all that lies between them."""
        return replace(self, start_date=earliest, end_date=latest, catchup=True)

    def following(self, interval: DataInterval, now: datetime) -> DataInterval | None:
        """The run that follows another whatever the DAG's dates and ``catchup`` say."""
        return self.between(None, None).next_run(interval, now)

    def manual_interval(self, execution_date: datetime) -> DataInterval:
        """The data interval of a run that is triggered for a date.

        For cron the last interval that was complete by then, for a timedelta the one that ends then,
        else (and where the calendar ends) the moment itself.
        """
        moment = execution_date.astimezone(UTC)
        try:
            return _timetable(self).manual_interval(moment)
        except NoFurtherTime:
            return DataInterval(start=moment, end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:
        """The last of the schedule's times before a moment; None if it has no rhythm."""
        try:
            return _timetable(self).previous_time(moment.astimezone(UTC))
        except NoFurtherTime:
            return None

    def check(self) -> None:
        """Raises ``InvalidSchedule`` if no runs can be planned from this, with Airflow's texts."""
        _zone(self.timezone)
        if self.expression == CONTINUOUS and self.max_active_runs > 1:
            raise InvalidSchedule("Invalid max_active_runs: @continuous requires max_active_runs <= 1")
        if isinstance(self.expression, str) and self.expression not in (ONCE, CONTINUOUS):
            try:
                cron.check(self.expression)
            except NotACronExpression as error:
                raise InvalidSchedule(f"Invalid timetable expression: {error}") from error
        if isinstance(self.expression, int | float) and self.expression <= 0:
            raise InvalidSchedule(
                f"schedule interval must be positive, not {timedelta(seconds=self.expression)!r}"
            )


class _Timetable(Protocol):
    """How one kind of schedule plans; may raise ``NoFurtherTime``."""

    def next_run(
        self, schedule: Schedule, last: DataInterval | None, now: datetime
    ) -> DataInterval | None: ...

    def manual_interval(self, moment: datetime) -> DataInterval: ...

    def previous_time(self, moment: datetime) -> datetime | None: ...


class _WithoutRhythm:
    """What the schedules without a rhythm share; by itself ``schedule=None``."""

    def next_run(self, schedule: Schedule, last: DataInterval | None, now: datetime) -> DataInterval | None:  # noqa: ARG002 - nothing decides
        return None

    def manual_interval(self, moment: datetime) -> DataInterval:
        return DataInterval(start=moment, end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:  # noqa: ARG002 - there is none
        return None


class _Once(_WithoutRhythm):
    """``@once``: one run at the start date, with or without catchup."""

    def next_run(self, schedule: Schedule, last: DataInterval | None, now: datetime) -> DataInterval | None:  # noqa: ARG002 - now does not matter
        start = schedule.start_date
        if last is not None or start is None or _is_past(schedule, start):
            return None
        return DataInterval(start=start, end=start)


class _Continuous(_WithoutRhythm):
    """``@continuous``: a run as soon as the last one is over, for the time since that one was planned."""

    def next_run(self, schedule: Schedule, last: DataInterval | None, now: datetime) -> DataInterval | None:
        if schedule.start_date is None:
            return None
        start = last.end if last else schedule.start_date
        end = max(start + timedelta.resolution, now)  # the next run's logical date must be another one
        return None if _is_past(schedule, end) else DataInterval(start=start, end=end)


class _Rhythm(Protocol):
    """Times that follow each other: a cron expression or a timedelta."""

    def next(self, moment: datetime) -> datetime: ...

    def previous(self, moment: datetime) -> datetime: ...

    def align_to_next(self, moment: datetime) -> datetime: ...

    def align_to_previous(self, moment: datetime) -> datetime: ...

    def latest(self, now: datetime) -> datetime:
        """The latest of the times that has come."""
        ...

    def first(self, now: datetime) -> datetime:
        """The time that counts first where nothing says since when."""
        ...

    def latest_start(self, now: datetime) -> datetime:
        """Where the latest interval begins that is complete now."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rhythmic:
    """Data intervals from each of a rhythm's times to the next."""

    rhythm: _Rhythm

    def next_run(self, schedule: Schedule, last: DataInterval | None, now: datetime) -> DataInterval | None:
        bounds = []
        if schedule.start_date is not None:
            bounds.append(self.rhythm.align_to_next(schedule.start_date))
        if not schedule.catchup:
            bounds.append(self.rhythm.latest_start(now))
        if last is not None:
            # Aligned, for the schedule may be another one than it was.
            bounds.append(self.rhythm.align_to_previous(last.end))
        if not bounds or _is_past(schedule, start := max(bounds)):
            return None
        return DataInterval(start=start, end=self.rhythm.next(start))

    def manual_interval(self, moment: datetime) -> DataInterval:
        end = self.rhythm.align_to_previous(moment)
        return DataInterval(start=self.rhythm.previous(end), end=end)

    def previous_time(self, moment: datetime) -> datetime | None:
        return self.rhythm.previous(moment)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Triggered:
    """The moments of a rhythm, each an empty data interval: Airflow 3's trigger timetables."""

    rhythm: _Rhythm

    def next_run(self, schedule: Schedule, last: DataInterval | None, now: datetime) -> DataInterval | None:
        moment = self._next(schedule, last, now)
        return (
            None if moment is None or _is_past(schedule, moment) else DataInterval(start=moment, end=moment)
        )

    def _next(self, schedule: Schedule, last: DataInterval | None, now: datetime) -> datetime | None:
        start = None if schedule.start_date is None else self.rhythm.align_to_next(schedule.start_date)
        following = None if last is None else self.rhythm.next(last.end)
        if schedule.catchup:
            return following or start
        if following is None and start is None:
            return self.rhythm.first(now)
        return max(moment for moment in (self.rhythm.latest(now), following, start) if moment is not None)

    def manual_interval(self, moment: datetime) -> DataInterval:
        return DataInterval(start=moment, end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:
        return self.rhythm.previous(moment)


@dataclass(frozen=True, kw_only=True, slots=True)
class _CronRhythm(Cron):
    """Times of the wall clock."""

    def latest(self, now: datetime) -> datetime:
        return self.align_to_previous(now)

    def first(self, now: datetime) -> datetime:
        # Airflow's rule: the time before now if that is not long ago, measured by the time between the two.
        before, after = self.latest(now), self.next(now)
        is_close = now - before <= max((after - before) / 10, _LONG_AGO)
        return before if is_close else after

    def latest_start(self, now: datetime) -> datetime:
        last = self.previous(now)
        return last if self.next(last) <= now else self.previous(last)


@dataclass(frozen=True, kw_only=True, slots=True)
class _DeltaRhythm:
    """Times a fixed duration apart, counted from wherever the first run starts: any moment is one of them."""

    delta: timedelta

    def next(self, moment: datetime) -> datetime:
        return self._shifted(moment, self.delta)

    def previous(self, moment: datetime) -> datetime:
        return self._shifted(moment, -self.delta)

    def align_to_next(self, moment: datetime) -> datetime:
        return moment

    def align_to_previous(self, moment: datetime) -> datetime:
        return moment

    def latest(self, now: datetime) -> datetime:
        # Airflow counts from 1970 here, in floats.
        seconds = now.timestamp()
        return datetime.fromtimestamp(seconds - seconds % self.delta.total_seconds(), UTC)

    def first(self, now: datetime) -> datetime:
        return self.latest(now)

    def latest_start(self, now: datetime) -> datetime:
        return self.previous(self.latest(now))

    def _shifted(self, moment: datetime, delta: timedelta) -> datetime:
        try:
            return moment + delta
        except OverflowError as error:
            raise NoFurtherTime from error


def _is_past(schedule: Schedule, moment: datetime) -> bool:
    return schedule.end_date is not None and moment > schedule.end_date


def _timetable(schedule: Schedule) -> _Timetable:
    expression = schedule.expression
    if expression is None:
        return _WithoutRhythm()
    if expression == ONCE:
        return _Once()
    if expression == CONTINUOUS:
        return _Continuous()
    rhythm: _Rhythm
    if isinstance(expression, str):
        rhythm = _CronRhythm(expression=expression, zone=_zone(schedule.timezone))
    else:
        rhythm = _DeltaRhythm(delta=timedelta(seconds=expression))
    return _Triggered(rhythm=rhythm) if schedule.is_trigger else _Rhythmic(rhythm=rhythm)


@cache
def _zone(name: str) -> tzinfo:
    """The zone of a name, or of an offset such as ``+02:00``; raises ``InvalidSchedule``."""
    try:
        if name[:1] in ("+", "-"):
            offset = datetime.strptime(name, "%z").tzinfo
            return offset or UTC
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise InvalidSchedule(f"{name!r} is no time zone that is known here") from error


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
