"""The timetable of what a DAG's ``schedule`` may be, and the schedule that is planned by for a timetable."""

import json
from datetime import timedelta
from typing import Any

from chalicelib.authoring.exceptions import AirflowTimetableInvalid
from chalicelib.authoring.timetables.base import BuiltInTimetable, Timetable
from chalicelib.authoring.timetables.datasets import (
    AssetTriggeredTimetable,
    DatasetOrTimeSchedule,
    DatasetTriggeredTimetable,
)
from chalicelib.authoring.timetables.events import EventsTimetable
from chalicelib.authoring.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from chalicelib.authoring.timetables.simple import ContinuousTimetable, NullTimetable, OnceTimetable
from chalicelib.authoring.timetables.trigger import (
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)
from chalicelib.domain.schedule.timetables import CONTINUOUS, CUSTOM, ONCE, Schedule

_BUILT_IN = frozenset(
    {
        AssetTriggeredTimetable,
        ContinuousTimetable,
        CronDataIntervalTimetable,
        CronTriggerTimetable,
        DatasetTriggeredTimetable,
        DeltaDataIntervalTimetable,
        DeltaTriggerTimetable,
        EventsTimetable,
        MultipleCronTriggerTimetable,
        NullTimetable,
        OnceTimetable,
    }
)


def is_custom(timetable: Timetable) -> bool:
    """Whether it is of the user's own making, be it derived from one of Airflow's."""
    return type(_of_the_clock(timetable)) not in _BUILT_IN


def _of_the_clock(timetable: Timetable) -> Timetable:
    """What decides when the clock starts runs, beside datasets."""
    return timetable.timetable if isinstance(timetable, DatasetOrTimeSchedule) else timetable


def planning_of(timetable: Timetable) -> Schedule:
    """What the scheduler plans by, without the DAG's dates; for the user's own that it has to be asked."""
    deciding = _of_the_clock(timetable)
    if isinstance(deciding, BuiltInTimetable) and not is_custom(deciding):
        return deciding.planning()
    return Schedule(expression=CUSTOM if timetable.can_be_scheduled else None, is_custom=True)


def rebuilt(timetable: Timetable) -> Timetable:
    """The timetable that Airflow makes of the stored form of one; raises what the user's code does.

    Raises ``AirflowTimetableInvalid`` where that form is no JSON, or what is made of it no timetable.
    """
    timetable = _of_the_clock(timetable)
    data = timetable.serialize()
    try:
        stored = json.loads(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise AirflowTimetableInvalid(f"serialize() of {type(timetable).__name__}: {error}") from error
    made = type(timetable).deserialize(stored)
    if not isinstance(made, Timetable):
        raise AirflowTimetableInvalid(
            f"deserialize() of {type(timetable).__name__} made {made!r}, which is no timetable"
        )
    return made


def timetable_of(schedule: Any, zone_name: str, *, is_trigger: bool = False) -> Timetable:
    """Airflow's timetable of a text, a duration or None; ``is_trigger``: by Airflow 3's rules.

    Raises ``ValueError`` for anything else.
    """
    if schedule is None:
        return NullTimetable()
    if schedule == ONCE:
        return OnceTimetable()
    if schedule == CONTINUOUS:
        return ContinuousTimetable()
    if isinstance(schedule, str):
        if is_trigger:
            return CronTriggerTimetable(schedule, timezone=zone_name)
        return CronDataIntervalTimetable(schedule, zone_name)
    if isinstance(schedule, timedelta) or type(schedule).__name__ == "relativedelta":
        return DeltaTriggerTimetable(schedule) if is_trigger else DeltaDataIntervalTimetable(schedule)
    raise ValueError(f"{schedule!r} is not a valid schedule_interval.")
