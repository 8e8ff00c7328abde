"""Which way branches by dates go: checked against Airflow 2.10.5."""

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.authoring.conveniences.weekdays import WeekDay
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.branch_dates import BranchDateTimeOperator, BranchDayOfWeekOperator
from chalicelib.authoring.operators.empty import EmptyOperator
from tests.unit.authoring.running import run

WAYS: dict[str, Any] = {"follow_task_ids_if_true": "yes", "follow_task_ids_if_false": ["no"]}


def way_of(operator: type[BaseOperator], moment: datetime, zone: str = "UTC", **arguments: Any) -> str:
    """The task that is followed when that moment is the logical date."""
    with DAG("x", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=ZoneInfo(zone))) as dag:
        operator(task_id="fork", use_task_logical_date=True, **WAYS, **arguments) >> [
            EmptyOperator(task_id="yes"),
            EmptyOperator(task_id="no"),
        ]
    (skipped,) = run(dag, "fork", execution_date=moment).skip
    return {"yes": "no", "no": "yes"}[skipped]


@pytest.mark.parametrize(
    ("hour", "minute", "lower", "upper", "way"),
    [
        (9, 0, time(9), time(17), "yes"),
        (17, 0, time(9), time(17), "yes"),
        (17, 1, time(9), time(17), "no"),
        (23, 0, time(22), time(6), "yes"),
        (3, 0, time(22), time(6), "no"),
        (3, 0, None, time(6), "yes"),
        (12, 0, datetime(2024, 5, 6, 12, tzinfo=UTC), None, "yes"),
        (12, 0, datetime(2024, 5, 7, tzinfo=UTC), datetime(2024, 5, 5, tzinfo=UTC), "no"),
    ],
)
def test_the_limits_belong_to_the_range(hour: int, minute: int, lower: Any, upper: Any, way: str) -> None:
    moment = datetime(2024, 5, 6, hour, minute, tzinfo=UTC)
    limits = {"target_lower": lower, "target_upper": upper}
    assert way_of(BranchDateTimeOperator, moment, **limits) == way


def test_times_of_the_day_are_in_the_time_zone_of_the_dag() -> None:
    limits: dict[str, Any] = {"target_lower": time(9), "target_upper": time(10)}
    half_past_seven = datetime(2024, 5, 6, 7, 30, tzinfo=UTC)
    assert way_of(BranchDateTimeOperator, half_past_seven, "Europe/Paris", **limits) == "yes"
    assert way_of(BranchDateTimeOperator, half_past_seven, **limits) == "no"


def test_a_range_without_limits_is_refused() -> None:
    with pytest.raises(AirflowException, match="Both target_upper and target_lower are None"):
        BranchDateTimeOperator(task_id="x", target_lower=None, target_upper=None, **WAYS)


@pytest.mark.parametrize(
    ("day", "way"),
    [("Saturday", "no"), ({WeekDay.MONDAY, "Sunday"}, "yes"), (WeekDay.MONDAY, "yes"), (["TUESDAY"], "no")],
)
def test_a_day_is_given_by_its_name_or_itself(day: Any, way: str) -> None:
    assert way_of(BranchDayOfWeekOperator, datetime(2024, 5, 6, 23, tzinfo=UTC), week_day=day) == way


@pytest.mark.parametrize(("day", "error"), [("Someday", AttributeError), (7, TypeError)])
def test_what_is_no_day_is_refused(day: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        BranchDayOfWeekOperator(task_id="x", week_day=day, **WAYS)
