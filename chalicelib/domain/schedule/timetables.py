"""Timetables: Airflow 2.10's and Airflow 3's, for all that ``schedule`` may be.

A run stands for a data interval. In all of these timetables its logical date is the interval's start,
and it is due at the interval's end. Of trigger timetables the interval may be empty: a run stands for the
moment. A timetable of the user's own is asked elsewhere (``domain.schedule.custom``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.schedule import cron
from chalicelib.domain.schedule.cron import NoFurtherTime, NotACronExpression
from chalicelib.domain.schedule.durations import CalendarDuration, Duration, duration_of, is_calendar_text
from chalicelib.domain.schedule.rhythms import CronRhythm, DeltaRhythm, Rhythm, shifted

ONCE = "@once"
CONTINUOUS = "@continuous"
EVENTS = "@events"
"""The expression of a schedule that names its moments one by one."""
CUSTOM = "@timetable"
"""The expression of a schedule that the user's own timetable decides."""

DEFAULT_MAX_ACTIVE_RUNS = 16
"""Airflow's ``[core] max_active_runs_per_dag``."""

MOST_EVENTS = 5_000
"""The item of a DAG holds them, and an item of DynamoDB 400 kB."""


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
    """A cron expression or preset, ``@once``, ``@continuous``, ``@events``, ``@timetable``, a timedelta in
    seconds, the text of a ``CalendarDuration``, or None: never."""
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
    """Whether runs stand for the schedule's moments (trigger timetables) and not for the time between two."""
    interval: str | float = 0
    """Of a trigger: how long before its moment a run's data interval begins; a duration as above."""
    run_immediately: bool | float = False
    """Of a trigger without a start date: how long ago (seconds) the moment may be that counts first; True:
    however long ago, False: a tenth of the time between two."""
    further: tuple[str, ...] = ()
    """Of a trigger: more cron expressions, each of whose moments counts, too."""
    events: tuple[datetime, ...] = ()
    """The moments of ``@events``, in order."""
    restrict_to_events: bool = False
    """Whether runs by hand stand for one of these moments, too."""
    is_custom: bool = False
    """Whether data intervals are the user's own timetable's to say, also of runs by hand."""

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
            **of_timetable(document.get("timetable") or {}),
        )

    @property
    def is_automatic(self) -> bool:
        """Whether the clock ever starts a run."""
        return self.expression is not None

    def next_run(self, last: DataInterval | None, now: datetime) -> DataInterval | None:
        """The automated run that follows the last one (None: there was none yet); None if none follows."""
        try:
            return timetable_of(self).next_run(self, last, now)
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
            return timetable_of(self).manual_interval(moment)
        except NoFurtherTime:
            return DataInterval(start=moment, end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:
        """The last of the schedule's times before a moment; None if it has no rhythm."""
        try:
            return timetable_of(self).previous_time(moment.astimezone(UTC))
        except NoFurtherTime:
            return None

    def check(self) -> None:
        """Raises ``InvalidSchedule`` if no runs can be planned from this, with Airflow's texts."""
        _zone(self.timezone)
        if self.expression == CONTINUOUS and self.max_active_runs > 1:
            raise InvalidSchedule("Invalid max_active_runs: @continuous requires max_active_runs <= 1")
        if len(self.events) > MOST_EVENTS:
            raise InvalidSchedule(f"{len(self.events)} events are too many for one DAG: {MOST_EVENTS} fit")
        for expression in (self.expression, *self.further):
            _check_expression(expression)


def _check_expression(expression: str | float | None) -> None:
    if isinstance(expression, int | float) and expression <= 0:
        raise InvalidSchedule(f"schedule interval must be positive, not {timedelta(seconds=expression)!r}")
    if not isinstance(expression, str) or expression in _WITHOUT_RHYTHM:
        return
    if is_calendar_text(expression):
        if CalendarDuration.of_text(expression).approximately <= timedelta():
            raise InvalidSchedule(f"schedule interval must be positive, not {expression}")
        return
    try:
        cron.check(expression)
    except NotACronExpression as error:
        raise InvalidSchedule(f"Invalid timetable expression: {error}") from error


def of_timetable(document: dict[str, Any]) -> dict[str, Any]:
    """The fields of a schedule that only timetable objects give, of the JSON form that follows."""
    names = ("interval", "run_immediately", "restrict_to_events", "is_custom")
    return {
        **{name: document[name] for name in names if name in document},
        "further": tuple(document.get("further", ())),
        "events": tuple(map(datetime.fromisoformat, document.get("events", ()))),
    }


def timetable_fields(schedule: Schedule) -> dict[str, Any]:
    """The JSON form of these fields; what is as usual is left out."""
    fields = {
        "interval": schedule.interval,
        "run_immediately": schedule.run_immediately,
        "further": list(schedule.further),
        "events": [moment.isoformat() for moment in schedule.events],
        "restrict_to_events": schedule.restrict_to_events,
        "is_custom": schedule.is_custom,
    }
    return {name: value for name, value in fields.items() if value}


class TimeRestriction(Protocol):
    """Within which bounds a run is looked for: of a ``Schedule`` its own."""

    @property
    def start_date(self) -> datetime | None:
        """As ``Schedule`` has it."""

    @property
    def end_date(self) -> datetime | None:
        """As ``Schedule`` has it."""

    @property
    def catchup(self) -> bool:
        """As ``Schedule`` has it."""


class Timetable(Protocol):
    """How one kind of schedule plans; may raise ``NoFurtherTime``."""

    def next_run(
        self, within: TimeRestriction, last: DataInterval | None, now: datetime
    ) -> DataInterval | None:
        """The run that follows the last one (None: there was none yet)."""

    def manual_interval(self, moment: datetime) -> DataInterval:
        """The data interval of a run by hand."""

    def previous_time(self, moment: datetime) -> datetime | None:
        """Where the interval before one that begins then begins; None if it has no rhythm."""


class WithoutRhythm:
    """What the schedules without a rhythm share; by itself ``schedule=None``."""

    def next_run(
        self,
        within: TimeRestriction,  # noqa: ARG002 - nothing decides
        last: DataInterval | None,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> DataInterval | None:
        """None."""
        return None

    def manual_interval(self, moment: datetime) -> DataInterval:
        """The moment itself."""
        return DataInterval(start=moment, end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:  # noqa: ARG002 - there is none
        """None."""
        return None


class Once(WithoutRhythm):
    """``@once``: one run at the start date, with or without catchup."""

    def next_run(
        self,
        within: TimeRestriction,
        last: DataInterval | None,
        now: datetime,  # noqa: ARG002 - it does not matter
    ) -> DataInterval | None:
        """As ``Timetable`` says."""
        start = within.start_date
        if last is not None or start is None or _is_past(within, start):
            return None
        return DataInterval(start=start, end=start)


class Continuous(WithoutRhythm):
    """``@continuous``: a run as soon as the last one is over, for the time since that one was planned."""

    def next_run(
        self, within: TimeRestriction, last: DataInterval | None, now: datetime
    ) -> DataInterval | None:
        """As ``Timetable`` says."""
        if within.start_date is None:
            return None
        start = last.end if last else within.start_date
        end = max(start + timedelta.resolution, now)  # the next run's logical date must be another one
        return None if _is_past(within, end) else DataInterval(start=start, end=end)


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """Moments that are named one by one."""

    moments: Sequence[datetime]
    """In order."""
    is_restricted: bool
    """Whether a run by hand stands for the last of them that has come, or for the first."""

    def next_run(
        self, within: TimeRestriction, last: DataInterval | None, now: datetime
    ) -> DataInterval | None:
        """As ``Timetable`` says."""
        earliest = within.start_date
        if not within.catchup:
            earliest = now if earliest is None else max(now, earliest)
        for moment in self.moments:
            is_early = earliest is not None and moment < earliest
            if not is_early and (last is None or moment > last.end):
                return None if _is_past(within, moment) else DataInterval(start=moment, end=moment)
        return None

    def manual_interval(self, moment: datetime) -> DataInterval:
        """As ``Timetable`` says."""
        if self.is_restricted and self.moments:
            moment = max((each for each in self.moments if each <= moment), default=self.moments[0])
        return DataInterval(start=moment, end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:  # noqa: ARG002 - as in Airflow
        """None."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervals:
    """Data intervals from each of a rhythm's times to the next."""

    rhythm: Rhythm

    def next_run(
        self, within: TimeRestriction, last: DataInterval | None, now: datetime
    ) -> DataInterval | None:
        """As ``Timetable`` says."""
        bounds = []
        if within.start_date is not None:
            bounds.append(self.rhythm.align_to_next(within.start_date))
        if not within.catchup:
            bounds.append(self.rhythm.latest_start(now))
        if last is not None:
            # Aligned, for the schedule may be another one than it was.
            bounds.append(self.rhythm.align_to_previous(last.end))
        if not bounds or _is_past(within, start := max(bounds)):
            return None
        return DataInterval(start=start, end=self.rhythm.next(start))

    def manual_interval(self, moment: datetime) -> DataInterval:
        """As ``Timetable`` says."""
        end = self.rhythm.align_to_previous(moment)
        return DataInterval(start=self.rhythm.previous(end), end=end)

    def previous_time(self, moment: datetime) -> datetime | None:
        """As ``Timetable`` says."""
        return self.rhythm.previous(moment)


@dataclass(frozen=True, kw_only=True, slots=True)
class Triggers:
    """The moments of a rhythm, each with a data interval of one length that ends then."""

    rhythm: Rhythm
    interval: Duration = timedelta()
    immediately: bool | timedelta = False
    """See ``Rhythm.first``."""

    def next_run(
        self, within: TimeRestriction, last: DataInterval | None, now: datetime
    ) -> DataInterval | None:
        """As ``Timetable`` says."""
        moment = self._next(within, last, now)
        return None if moment is None or _is_past(within, moment) else self.manual_interval(moment)

    def _next(self, within: TimeRestriction, last: DataInterval | None, now: datetime) -> datetime | None:
        start = None if within.start_date is None else self.rhythm.align_to_next(within.start_date)
        following = None if last is None else self.rhythm.next(last.end)
        if within.catchup:
            return following or start
        if following is None and start is None:
            return self.rhythm.first(now, self.immediately)
        return max(moment for moment in (self.rhythm.latest(now), following, start) if moment is not None)

    def manual_interval(self, moment: datetime) -> DataInterval:
        """As ``Timetable`` says."""
        return DataInterval(start=shifted(moment, self.interval, back=True), end=moment)

    def previous_time(self, moment: datetime) -> datetime | None:  # noqa: ARG002 - as in Airflow
        """None."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class ManyTriggers:
    """The moments of several triggers; one that several name counts once."""

    triggers: Sequence[Triggers]

    def next_run(
        self, within: TimeRestriction, last: DataInterval | None, now: datetime
    ) -> DataInterval | None:
        """As ``Timetable`` says: the first, or without catchup the latest that has come by now."""
        found = [run for each in self.triggers if (run := each.next_run(within, last, now)) is not None]
        passed = [] if within.catchup else [run for run in found if run.start <= now]
        if passed:
            return max(passed, key=lambda run: run.start)
        return min(found, key=lambda run: run.start, default=None)

    def manual_interval(self, moment: datetime) -> DataInterval:
        """As ``Timetable`` says."""
        return self.triggers[0].manual_interval(moment)

    def previous_time(self, moment: datetime) -> datetime | None:  # noqa: ARG002 - as in Airflow
        """None."""
        return None


_WITHOUT_RHYTHM: dict[str | float | None, Timetable] = {
    None: WithoutRhythm(),
    ONCE: Once(),
    CONTINUOUS: Continuous(),
    CUSTOM: WithoutRhythm(),
    EVENTS: WithoutRhythm(),
}


def _is_past(within: TimeRestriction, moment: datetime) -> bool:
    return within.end_date is not None and moment > within.end_date


def timetable_of(schedule: Schedule) -> Timetable:
    """What plans by a schedule, its dates aside."""
    if schedule.expression == EVENTS:
        return Events(moments=schedule.events, is_restricted=schedule.restrict_to_events)
    if schedule.expression in _WITHOUT_RHYTHM:
        return _WITHOUT_RHYTHM[schedule.expression]
    if not schedule.is_trigger:
        return Intervals(rhythm=_rhythm(schedule, schedule.expression))
    triggers = [_triggers(schedule, each) for each in (schedule.expression, *schedule.further)]
    return ManyTriggers(triggers=triggers) if schedule.further else triggers[0]


def _triggers(schedule: Schedule, expression: str | float | None) -> Triggers:
    immediately = schedule.run_immediately
    return Triggers(
        rhythm=_rhythm(schedule, expression),
        interval=duration_of(schedule.interval),
        immediately=immediately if isinstance(immediately, bool) else timedelta(seconds=immediately),
    )


def _rhythm(schedule: Schedule, expression: str | float | None) -> Rhythm:
    if isinstance(expression, str) and not is_calendar_text(expression):
        return CronRhythm(expression=expression, zone=_zone(schedule.timezone))
    return DeltaRhythm(delta=duration_of(expression or 0))


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
