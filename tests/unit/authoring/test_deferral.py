"""Deferral in operators: what a try keeps of it, and how the task goes on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.exceptions import AirflowTaskTimeout, TaskDeferralError, TaskDeferred
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.running.deferring import LONGEST_TEXT
from chalicelib.authoring.running.execution import run_try
from chalicelib.authoring.running.xcom_values import from_json
from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.sensors.deferred_dates import (
    DateTimeSensorAsync,
    TimeDeltaSensorAsync,
    TimeSensorAsync,
)
from chalicelib.authoring.triggers.base import (
    BaseTrigger,
    StartTriggerArgs,
    TaskSuccessEvent,
    TriggerEvent,
)
from chalicelib.authoring.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
from chalicelib.domain.runs.deferrals import TIMED_OUT, TRIGGER_FAILED, Deferral
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.user_code.no_xcoms import NoXComs
from tests.scripted.tries import NOON, request

TEMPORAL = "airflow.triggers.temporal.DateTimeTrigger"


class Waits(BaseOperator):
    """Defers by what it is given, and notes what it goes on with."""

    def __init__(self, *, how: Callable[[], dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def execute(self, context: Any) -> Any:
        self.defer(**self.how())

    def resume(self, context: Any, event: Any = None, **kwargs: Any) -> Any:
        noted.append((event, kwargs, context["ti"].start_date))


noted: list[Any] = []


def tried(make: Callable[[], BaseOperator], **fields: Any) -> TryOutcome:
    with DAG("tried", start_date=NOON, schedule=None) as dag:
        make()
    return run_try(dag, replace(request(), **fields), NoXComs())


def usual(**changes: Any) -> dict[str, Any]:
    return {"trigger": DateTimeTrigger(NOON), "method_name": "resume", **changes}


def waits(**changes: Any) -> Waits:
    return Waits(task_id="work", how=lambda: usual(**changes))


def deferral(**fields: Any) -> Deferral:
    given: dict[str, Any] = {
        "trigger_id": 1,
        "window": 1,
        "classpath": TEMPORAL,
        "kwargs": "{}",
        "method_name": "resume",
        "method_kwargs": "{}",
        "created_at": NOON,
        "began_at": NOON,
        "due_at": NOON,
    }
    return Deferral(**(given | fields))


def test_a_task_keeps_its_trigger_and_what_it_goes_on_by() -> None:
    outcome = tried(lambda: waits(kwargs={"since": NOON}))
    assert outcome.result is TryResult.DEFERRED
    asked = outcome.deferring
    assert asked is not None
    assert (asked.classpath, asked.method_name, asked.timeout_at) == (TEMPORAL, "resume", None)
    assert from_json(asked.kwargs) == {"moment": NOON, "end_from_trigger": False}
    assert from_json(asked.method_kwargs) == {"since": NOON}


def test_its_time_is_over_at_its_timeout_or_at_the_tasks() -> None:
    begun = utcnow() - timedelta(minutes=1)

    def limit(timeout: timedelta | None, execution_timeout: timedelta | None) -> float:
        def make() -> BaseOperator:
            task = waits(timeout=timeout)
            task.execution_timeout = execution_timeout
            return task

        asked = tried(make, start_date=begun).deferring
        assert asked is not None
        assert asked.timeout_at is not None
        return (asked.timeout_at - begun).total_seconds()

    assert limit(timedelta(minutes=5), None) == pytest.approx(360, abs=5)
    assert limit(None, timedelta(minutes=5)) == 300
    assert limit(timedelta(minutes=5), timedelta(minutes=3)) == 180
    assert limit(timedelta(minutes=1), timedelta(minutes=3)) == pytest.approx(120, abs=5)


def test_it_goes_on_with_the_event_its_keywords_and_its_first_date() -> None:
    noted.clear()
    kept = deferral(event='{"a":1}', method_kwargs='{"done":2}')
    outcome = tried(waits, deferral=kept, start_date=NOON)
    assert outcome.result is TryResult.SUCCESS
    assert noted == [({"a": 1}, {"done": 2}, NOON)]


@pytest.mark.parametrize("error", [TIMED_OUT, TRIGGER_FAILED])
def test_it_fails_where_the_deferral_has_failed(error: str, caplog: pytest.LogCaptureFixture) -> None:
    outcome = tried(waits, deferral=deferral(error=error, traceback="Traceback\n  line"))
    assert (outcome.result, outcome.reason) == (TryResult.FAILED, f"TaskDeferralError: {error}")
    assert "Trigger failed:\nTraceback\n  line" in caplog.text


def test_a_task_that_goes_on_after_its_execution_timeout_fails_at_once() -> None:
    def make() -> BaseOperator:
        task = waits()
        task.execution_timeout = timedelta(seconds=10)
        return task

    outcome = tried(make, deferral=deferral(event="null"), start_date=NOON)
    assert (outcome.result, outcome.reason) == (TryResult.FAILED, AirflowTaskTimeout.__name__)


def test_a_sensor_may_fail_softly_after_a_deferral() -> None:
    outcome = tried(
        lambda: BaseSensorOperator(task_id="work", soft_fail=True), deferral=deferral(error=TIMED_OUT)
    )
    assert outcome.result is TryResult.SKIPPED


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kwargs": {"no": object()}}, "not JSON serializable"),
        ({"kwargs": {"long": "x" * LONGEST_TEXT}}, "keep what is long elsewhere"),
        ({"timeout": 5}, "Timeout value must be a timedelta"),
        ({"trigger": BaseTrigger()}, "Triggers must implement serialize()"),
    ],
)
def test_what_cannot_be_kept_fails_the_try_with_what_to_do(changes: dict[str, Any], says: str) -> None:
    outcome = tried(lambda: waits(**changes))
    assert outcome.result is TryResult.FAILED
    assert says in outcome.reason


def test_a_task_may_start_as_deferred() -> None:
    def make() -> BaseOperator:
        task = waits()
        task.start_from_trigger = True
        task.start_trigger_args = StartTriggerArgs(
            trigger_cls="chalicelib.authoring.triggers.temporal.DateTimeTrigger",
            trigger_kwargs={"moment": NOON},
            next_method="resume",
            next_kwargs={"a": 1},
        )
        return task

    asked = tried(make).deferring
    assert asked is not None
    assert (asked.method_name, from_json(asked.method_kwargs)) == ("resume", {"a": 1})


def test_sensors_of_dates_are_deferred_until_then() -> None:
    later = utcnow() + timedelta(hours=1)

    def moment(make: Callable[[], BaseOperator], **fields: Any) -> datetime:
        asked = tried(make, **fields).deferring
        assert asked is not None
        found = from_json(asked.kwargs)["moment"]
        assert isinstance(found, datetime)
        return found

    assert moment(lambda: DateTimeSensorAsync(task_id="work", target_time=later)) == later
    started = moment(lambda: DateTimeSensorAsync(task_id="work", target_time=later, start_from_trigger=True))
    assert started == later
    delta = moment(
        lambda: TimeDeltaSensorAsync(task_id="work", delta=timedelta(hours=1)),
        data_interval_end=utcnow(),
    )
    assert delta - utcnow() > timedelta(minutes=59)
    at = moment(lambda: TimeSensorAsync(task_id="work", target_time=later.time()))
    assert at.time() == later.time()
    assert tried(lambda: TimeDeltaSensorAsync(task_id="work", delta=timedelta())).result is TryResult.SUCCESS


def test_events_and_exceptions_are_airflows() -> None:
    assert TriggerEvent({"a": 1}) == TriggerEvent({"a": 1})
    assert repr(TriggerEvent(1)) == "TriggerEvent<1>"
    assert TaskSuccessEvent(xcoms={"a": 1}).payload == "success"
    with pytest.raises(ValueError, match="not supported"):
        TaskSuccessEvent(payload=1)
    trigger = TimeDeltaTrigger(timedelta(hours=1))
    assert trigger.serialize()[0] == TEMPORAL
    assert repr(TaskDeferred(trigger=None, method_name="m")) == "<TaskDeferred trigger=None method=m>"
    with pytest.raises(ValueError, match="naive"):
        DateTimeTrigger(datetime(2024, 1, 1))  # noqa: DTZ001 - it is to be refused
    with pytest.raises(TaskDeferralError, match="Unknown"):
        waits_alone().resume_execution("__fail__", None, {})  # type: ignore[arg-type]  # no context is used


def waits_alone() -> Waits:
    with DAG("alone", start_date=NOON, schedule=None):
        return waits()
