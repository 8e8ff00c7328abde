"""``Timetable``, and what timetables are asked and answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from chalicelib.authoring.dates import as_utc, pendulum_datetime, utcnow
from chalicelib.authoring.exceptions import AirflowTimetableInvalid, NotOffered
from chalicelib.domain.runs.dag_runs import generated_run_id
from chalicelib.domain.schedule import durations, timetables
from chalicelib.domain.schedule.cron import NoFurtherTime
from chalicelib.domain.schedule.durations import CalendarDuration, Duration
from chalicelib.domain.schedule.timetables import InvalidSchedule, Schedule

__all__ = ["DagRunInfo", "DataInterval", "TimeRestriction", "Timetable"]


class DataInterval(NamedTuple):
    """What a run stands for; aware datetimes."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> Self:
        """The moment itself."""
        return cls(start=at, end=at)


class TimeRestriction(NamedTuple):
    """Within which bounds a run is looked for: those of a DAG's dates."""

    earliest: datetime | None
    """Aware, included; None: no bound."""
    latest: datetime | None
    """Aware, included; None: no bound."""
    catchup: bool
    """Whether what has passed counts."""


class DagRunInfo(NamedTuple):
    """A run that a timetable plans."""

    run_after: datetime
    """When the run is due; aware."""
    data_interval: DataInterval
    """What it stands for."""

    @classmethod
    def exact(cls, at: datetime) -> Self:
        """The run of a moment."""
        return cls(run_after=at, data_interval=DataInterval.exact(at))

    @classmethod
    def interval(cls, start: datetime, end: datetime) -> Self:
        """The run of the time between two moments, due at its end."""
        return cls(run_after=end, data_interval=DataInterval(start, end))

    @property
    def logical_date(self) -> datetime:
        """The logical date: where the data interval begins."""
        return self.data_interval.start


class Timetable:
    """Base of timetables. What a timetable of the user's own may override is Airflow's."""

    description: str = ""
    """The schedule in words."""
    periodic: bool = True
    """Whether runs come again and again."""
    _can_be_scheduled: bool = True
    run_ordering: Sequence[str] = ("data_interval_end", "execution_date")
    """Attributes of runs by which pages of Airflow order them; nothing here does."""
    active_runs_limit: int | None = None
    """The number of runs that the timetable allows at the same time; None: any."""

    @property
    def can_be_scheduled(self) -> bool:
        """Whether the clock ever starts a run."""
        return bool(getattr(self, "can_run", self._can_be_scheduled))

    @property
    def summary(self) -> str:
        """The schedule in short; usually the name of the class."""
        return type(self).__name__

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "Timetable":  # noqa: ARG003 - Airflow's signature
        """The timetable of what ``serialize`` gave."""
        return cls()

    def serialize(self) -> dict[str, Any]:
        """What ``deserialize`` makes the timetable of, as JSON values."""
        return {}

    def validate(self) -> None:
        """Raises ``AirflowTimetableInvalid`` if no runs can be planned."""

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """The data interval of a run by hand for that moment."""
        raise NotImplementedError

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run that follows the last one of the clock's (None: there was none yet); None if none does."""
        raise NotImplementedError

    def generate_run_id(
        self,
        *,
        run_type: Any,
        logical_date: datetime | None = None,
        data_interval: DataInterval | None,  # noqa: ARG002 - Airflow's signature
        run_after: datetime | None = None,
        **extra: Any,  # noqa: ARG002 - Airflow's signature
    ) -> str:
        """The id of a run; raises ``ValueError`` without a date."""
        date = logical_date or run_after
        if date is None:
            raise ValueError("a run id is made of the run's date")
        return generated_run_id(run_type, date)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Within:
    """A restriction as the domain has it."""

    start_date: datetime | None
    end_date: datetime | None
    catchup: bool


class BuiltInTimetable(Timetable):
    """A timetable of Airflow's own, for which the scheduler decides without the DAG file."""

    def planning(self) -> Schedule:
        """The schedule that the scheduler plans by, without the DAG's dates."""
        raise NotImplementedError

    def plans(self) -> timetables.Timetable:
        """What decides; classes that derive from this one may be asked for their own times by it."""
        return timetables.timetable_of(self.planning())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.planning() == other.planning()

    def __hash__(self) -> int:
        return hash((type(self), self.planning()))

    def validate(self) -> None:
        """Raises ``AirflowTimetableInvalid`` if no runs can be planned."""
        try:
            replace(self.planning(), max_active_runs=1).check()
        except InvalidSchedule as error:
            raise AirflowTimetableInvalid(str(error)) from None

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """The data interval of a run by hand for that moment."""
        moment = as_utc(run_after)
        try:
            return interval_of(self.plans().manual_interval(moment))
        except NoFurtherTime:
            return DataInterval.exact(pendulum_datetime(moment))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run that follows the last one of the clock's (None: there was none yet); None if none does."""
        earliest, latest, catchup = restriction
        within = _Within(
            start_date=earliest and as_utc(earliest), end_date=latest and as_utc(latest), catchup=catchup
        )
        last = last_automated_data_interval and plain_interval(last_automated_data_interval)
        try:
            planned = self.plans().next_run(within, last, utcnow())
        except NoFurtherTime:
            return None
        return None if planned is None else DagRunInfo.interval(*interval_of(planned))


def interval_of(plain: timetables.DataInterval) -> DataInterval:
    """The data interval as DAG files know it; pendulum's datetimes, in UTC."""
    return DataInterval(pendulum_datetime(plain.start), pendulum_datetime(plain.end))


def plain_interval(interval: Any) -> timetables.DataInterval:
    """The data interval of one, or of a pair of aware datetimes, as the engine knows it."""
    start, end = interval
    return timetables.DataInterval(start=as_utc(start), end=as_utc(end))


_FIXED = ("year", "month", "day", "hour", "minute", "second", "microsecond", "weekday", "leapdays")


def duration_of(delta: Any) -> Duration:
    """The duration that a ``timedelta`` or dateutil's ``relativedelta`` stands for.

    Raises ``NotOffered`` for one that sets a date's parts, and ``AirflowTimetableInvalid`` for anything else.
    """
    if isinstance(delta, timedelta):
        return delta
    if type(delta).__name__ != "relativedelta":
        raise AirflowTimetableInvalid(f"{delta!r} is neither a timedelta nor a relativedelta")
    if any(getattr(delta, name) for name in _FIXED):
        raise NotOffered(f"{delta!r} as a schedule; give a cron text, or only parts that are added")
    rest = timedelta(
        days=delta.days,
        hours=delta.hours,
        minutes=delta.minutes,
        seconds=delta.seconds,
        microseconds=delta.microseconds,
    )
    return CalendarDuration(years=delta.years, months=delta.months, rest=rest)


def stored_duration(delta: Any) -> str | float:
    """The same, in the form of a ``Schedule``; raises as above."""
    return durations.stored(duration_of(delta))


def delta_of(value: Any) -> Any:
    """The duration that this form stands for, as DAG files know it."""
    duration = durations.duration_of(value)
    if isinstance(duration, timedelta):
        return duration
    from dateutil.relativedelta import relativedelta

    rest = duration.rest
    return relativedelta(
        years=duration.years,
        months=duration.months,
        days=rest.days,
        seconds=rest.seconds,
        microseconds=rest.microseconds,
    )
