"""Sensors of dates that are deferred while they wait: Airflow's spellings with ``Async``."""

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.dates import as_utc, parse, utcnow, zone_named
from chalicelib.authoring.exceptions import AirflowSkipException
from chalicelib.authoring.running.waiting import let_pass
from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.sensors.dates import DateTimeSensor, TimeDeltaSensor
from chalicelib.authoring.surroundings.configuration import is_deferrable
from chalicelib.authoring.triggers.base import StartTriggerArgs
from chalicelib.authoring.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


def _started_at(moment: datetime, *, end_from_trigger: bool) -> StartTriggerArgs:
    return StartTriggerArgs(
        trigger_cls="airflow.triggers.temporal.DateTimeTrigger",
        trigger_kwargs={"moment": moment, "end_from_trigger": end_from_trigger},
        next_method="execute_complete",
    )


class DateTimeSensorAsync(DateTimeSensor):
    """Waits until a moment, deferred; ``end_from_trigger`` lets its end need no worker."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,  # noqa: ARG002 - Airflow's, for mapped ones
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.end_from_trigger = end_from_trigger
        self.start_from_trigger = start_from_trigger
        if start_from_trigger:
            moment = as_utc(parse(self.target_time))
            self.start_trigger_args = _started_at(moment, end_from_trigger=end_from_trigger)

    def execute(self, context: "Context") -> Any:  # noqa: ARG002 - every task gets it
        """Be deferred until then."""
        moment = as_utc(parse(self.target_time))
        trigger = DateTimeTrigger(moment=moment, end_from_trigger=self.end_from_trigger)
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: "Context", event: Any = None) -> None:
        """There is nothing left to do."""


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """Waits for a while after the end of the run's data interval, deferred."""

    def __init__(self, *, end_from_trigger: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.end_from_trigger = end_from_trigger

    def execute(self, context: "Context") -> Any:
        """Be deferred until then; True where it has passed."""
        target = context["data_interval_end"] + self.delta
        if utcnow() > target:
            return True
        try:
            trigger = DateTimeTrigger(moment=target, end_from_trigger=self.end_from_trigger)
        except (TypeError, ValueError) as error:
            if self.soft_fail:
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            raise
        return self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: "Context", event: Any = None) -> None:
        """There is nothing left to do."""


class WaitSensor(BaseSensorOperator):
    """Waits for a while, a duration or a number of minutes, that begins with it; may be ``deferrable``."""

    def __init__(
        self, *, time_to_wait: timedelta | int, deferrable: bool | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = is_deferrable(deferrable)
        self.time_to_wait = timedelta(minutes=time_to_wait) if isinstance(time_to_wait, int) else time_to_wait

    def execute(self, context: "Context") -> Any:
        """Be deferred for it, or sleep."""
        if self.deferrable:
            trigger = TimeDeltaTrigger(self.time_to_wait, end_from_trigger=True)
            self.defer(trigger=trigger, method_name="execute_complete")
        elif not context["ti"].goes_on:
            let_pass(self, context["ti"], self.time_to_wait.total_seconds(), utcnow(), 1)

    def execute_complete(self, context: "Context", event: Any = None) -> None:
        """There is nothing left to do."""


class TimeSensorAsync(BaseSensorOperator):
    """Waits until a time of the day on which the DAG file is loaded, in the DAG's time zone, deferred."""

    def __init__(
        self,
        *,
        target_time: time,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,  # noqa: ARG002 - Airflow's, for mapped ones
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_time = target_time
        self.end_from_trigger = end_from_trigger
        self.start_from_trigger = start_from_trigger
        zone = target_time.tzinfo or zone_named(self.dag.timezone)
        today = utcnow().astimezone(zone).date()
        self.target_datetime = as_utc(datetime.combine(today, target_time.replace(tzinfo=zone)))
        if start_from_trigger:
            self.start_trigger_args = _started_at(self.target_datetime, end_from_trigger=end_from_trigger)

    def execute(self, context: "Context") -> Any:  # noqa: ARG002 - every task gets it
        """Be deferred until then."""
        trigger = DateTimeTrigger(moment=self.target_datetime, end_from_trigger=self.end_from_trigger)
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: "Context", event: Any = None) -> None:
        """There is nothing left to do."""
