"""``EventsTimetable``: moments that a DAG file names one by one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.authoring.dates import as_utc, parse
from chalicelib.authoring.timetables.base import BuiltInTimetable
from chalicelib.domain.schedule.timetables import EVENTS, Schedule

__all__ = ["EventsTimetable"]


class EventsTimetable(BuiltInTimetable):
    """Runs at these moments; naive ones are taken to be in UTC.

    With ``restrict_to_events`` a run by hand stands for the last of them that has come (or the first).
    """

    __module__ = "airflow.timetables.events"

    def __init__(
        self,
        event_dates: Iterable[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        self.event_dates = list(event_dates)
        if not presorted:
            self.event_dates.sort()
        self.restrict_to_events = restrict_to_events
        count = f"{len(self.event_dates)} events"
        between = (
            f"{count} between {self.event_dates[0]} and {self.event_dates[-1]}" if self.event_dates else ""
        )
        self._summary = count if description is None else description
        self.description = (between or "No events") if description is None else description

    @property
    def summary(self) -> str:
        """The description if one was given, else the number of events."""
        return self._summary

    def __repr__(self) -> str:
        return self.summary

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "EventsTimetable":
        """The timetable of such data."""
        return cls([parse(text) for text in data["event_dates"]], data["restrict_to_events"], presorted=True)

    def serialize(self) -> dict[str, Any]:
        """The moments, and whether runs by hand keep to them."""
        dates = [str(moment) for moment in self.event_dates]
        return {"event_dates": dates, "restrict_to_events": self.restrict_to_events}

    def planning(self) -> Schedule:
        """Its schedule."""
        return Schedule(
            expression=EVENTS,
            events=tuple(map(as_utc, self.event_dates)),
            restrict_to_events=self.restrict_to_events,
        )
