"""Triggers that fire at a moment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from chalicelib.authoring.dates import as_utc, utcnow
from chalicelib.authoring.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent


class DateTimeTrigger(BaseTrigger):
    """Fires at a moment, an aware datetime, with the moment as its event.

    With ``end_from_trigger`` it ends the task instead. Raises ``TypeError`` for what is no datetime,
    ``ValueError`` for one without a time zone.
    """

    def __init__(self, moment: datetime, *, end_from_trigger: bool = False) -> None:
        super().__init__()
        if not isinstance(moment, datetime):
            raise TypeError(f"Expected datetime.datetime type for moment. Got {type(moment)}")
        if moment.tzinfo is None:
            raise ValueError("You cannot pass naive datetimes")
        self.moment = as_utc(moment)
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The moment, whatever class of this module it is."""
        kwargs = {"moment": self.moment, "end_from_trigger": self.end_from_trigger}
        return "airflow.triggers.temporal.DateTimeTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until the moment."""
        while (left := (self.moment - utcnow()).total_seconds()) > 0:
            await asyncio.sleep(left)
        if self.end_from_trigger:
            self.log.info("Sensor time condition reached; marking task successful and exiting")
            yield TaskSuccessEvent()
        else:
            yield TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires after a while from now on; kept as the trigger of that moment, as in Airflow."""

    def __init__(self, delta: timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(moment=utcnow() + delta, end_from_trigger=end_from_trigger)
