"""Timetables of Airflow for plain schedules, as far as templates and callables ask a DAG for them."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.schedule.cron import PRESETS
from chalicelib.domain.schedule.timetables import CONTINUOUS, ONCE


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """What a timetable tells of itself."""

    summary: str
    """The schedule in short: an expression of cron, a duration, or the name of a preset."""
    description: str = ""
    """The same in words, where there are any."""
    periodic: bool = True
    """Whether runs come again and again."""
    can_be_scheduled: bool = True
    """Whether the clock ever starts a run."""
    active_runs_limit: int | None = None
    """The number of runs that the timetable allows at the same time; None: any."""


class NullTimetable(Timetable):
    """Of a DAG without a schedule."""


class OnceTimetable(Timetable):
    """Of ``@once``."""


class ContinuousTimetable(Timetable):
    """Of ``@continuous``."""


class CronDataIntervalTimetable(Timetable):
    """Of an expression of cron, or a preset that stands for one."""


class DeltaDataIntervalTimetable(Timetable):
    """Of a ``timedelta``."""


class DatasetTriggeredTimetable(Timetable):
    """Of a DAG that runs by datasets."""


DATASET_TRIGGERED = DatasetTriggeredTimetable(
    summary="Dataset", description="Triggered by datasets", periodic=False
)


def timetable_of(schedule: str | timedelta | None) -> Timetable:
    """Airflow's timetable of a schedule."""
    if schedule is None:
        return NullTimetable(
            summary="None",
            description="Never, external triggers only",
            periodic=False,
            can_be_scheduled=False,
        )
    if schedule == ONCE:
        return OnceTimetable(summary=ONCE, description="Once, as soon as possible", periodic=False)
    if schedule == CONTINUOUS:
        return ContinuousTimetable(
            summary=CONTINUOUS,
            description="As frequently as possible, but only one run at a time.",
            periodic=False,
            active_runs_limit=1,
        )
    if isinstance(schedule, timedelta):
        return DeltaDataIntervalTimetable(summary=str(schedule))
    return CronDataIntervalTimetable(summary=PRESETS.get(schedule, schedule))
