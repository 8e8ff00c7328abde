"""Timetables without a rhythm: of ``schedule=None``, ``@once`` and ``@continuous``."""

from collections.abc import Sequence

from chalicelib.authoring.timetables.base import BuiltInTimetable
from chalicelib.domain.schedule.timetables import CONTINUOUS, ONCE, Schedule

__all__ = ["ContinuousTimetable", "NullTimetable", "OnceTimetable"]


class _TrivialTimetable(BuiltInTimetable):
    """What they share."""

    periodic = False
    run_ordering: Sequence[str] = ("execution_date",)


class NullTimetable(_TrivialTimetable):
    """Of a DAG without a schedule."""

    __module__ = "airflow.timetables.simple"
    _can_be_scheduled = False
    description = "Never, external triggers only"

    @property
    def summary(self) -> str:
        """``None``, as a text."""
        return "None"

    def planning(self) -> Schedule:
        """No run at all."""
        return Schedule()


class OnceTimetable(_TrivialTimetable):
    """Of ``@once``."""

    __module__ = "airflow.timetables.simple"
    description = "Once, as soon as possible"

    @property
    def summary(self) -> str:
        """``@once``."""
        return ONCE

    def planning(self) -> Schedule:
        """One run, at the start date."""
        return Schedule(expression=ONCE)


class ContinuousTimetable(_TrivialTimetable):
    """Of ``@continuous``."""

    __module__ = "airflow.timetables.simple"
    description = "As frequently as possible, but only one run at a time."
    active_runs_limit = 1

    @property
    def summary(self) -> str:
        """``@continuous``."""
        return CONTINUOUS

    def planning(self) -> Schedule:
        """One run after another."""
        return Schedule(expression=CONTINUOUS)
