"""When runs are due: what Airflow 2.10.5 planned, recorded, and what holds in general."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.schedule.cron import instant
from chalicelib.domain.schedule.timetables import DataInterval, InvalidSchedule, Schedule

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "contract" / "schedules.json").read_text()
)
MOST_RUNS = 6
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    """A moment in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def interval(start: str, end: str) -> DataInterval:
    return DataInterval(start=at(start), end=at(end))


def planned(schedule: Schedule, now: datetime, most: int = MOST_RUNS) -> list[DataInterval]:
    """The first automated runs, up to the first that is not due yet."""
    runs: list[DataInterval] = []
    while len(runs) < most and (not runs or runs[-1].run_after <= now):
        following = schedule.next_run(runs[-1] if runs else None, now)
        if following is None:
            break
        runs.append(following)
    return runs


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['schedule']} {case['timezone']}")
def test_runs_are_planned_as_airflow_does(case: dict[str, Any]) -> None:
    start = instant(datetime.fromisoformat(case["start_date"]), ZoneInfo(case["timezone"]))
    schedule = Schedule(
        expression=case["schedule"],
        timezone=case["timezone"],
        start_date=start,
        end_date=datetime.fromisoformat(case["end_date"]) if case["end_date"] else None,
        catchup=case["catchup"],
    )
    schedule.check()
    runs = planned(schedule, datetime.fromisoformat(case["now"]))
    assert [
        [moment.isoformat() for moment in (run.logical_date, run.start, run.end, run.run_after)]
        for run in runs
    ] == case["runs"]


def test_a_time_that_the_clock_skips_is_taken_an_hour_later() -> None:
    schedule = Schedule(expression="30 2 * * *", timezone="Europe/Amsterdam", start_date=at("2024-03-30"))
    assert planned(schedule, at("2024-04-01"), 3) == [
        interval("2024-03-30T01:30", "2024-03-31T01:30"),
        interval("2024-03-31T01:30", "2024-04-01T00:30"),
    ]


def test_of_a_time_that_comes_twice_the_second_one_counts() -> None:
    schedule = Schedule(expression="30 2 * * *", timezone="Europe/Amsterdam", start_date=at("2024-10-26"))
    assert planned(schedule, at("2024-10-27"), 2) == [
        interval("2024-10-26T00:30", "2024-10-27T01:30"),
    ]


def test_an_hourly_schedule_runs_in_both_of_the_two_hours() -> None:
    schedule = Schedule(expression="@hourly", timezone="Europe/Amsterdam", start_date=at("2024-10-26T23:00"))
    starts = [run.start.isoformat() for run in planned(schedule, at("2024-10-27T03:00"))]
    assert starts == [f"2024-10-{day}:00:00+00:00" for day in ("26T23", "27T00", "27T01", "27T02", "27T03")]


def test_offsets_are_zones_too() -> None:
    schedule = Schedule(expression="@daily", timezone="+05:30", start_date=at("2024-01-01"))
    assert schedule.next_run(None, NOON) == interval("2024-01-01T18:30", "2024-01-02T18:30")


def test_once_is_once_and_never_is_never() -> None:
    once = Schedule(expression="@once", start_date=NOON, catchup=False)
    first = once.next_run(None, NOON + timedelta(days=900))
    assert first == DataInterval(start=NOON, end=NOON)
    assert once.next_run(first, NOON) is None
    assert Schedule(expression="@once").next_run(None, NOON) is None
    assert Schedule(start_date=NOON).next_run(None, NOON) is None


def test_continuous_runs_go_from_one_to_the_next() -> None:
    schedule = Schedule(
        expression="@continuous", start_date=NOON, end_date=NOON + timedelta(hours=3), max_active_runs=1
    )
    schedule.check()
    first = schedule.next_run(None, NOON + timedelta(hours=1))
    assert first == DataInterval(start=NOON, end=NOON + timedelta(hours=1))
    second = schedule.next_run(first, NOON + timedelta(hours=2))
    assert second == DataInterval(start=NOON + timedelta(hours=1), end=NOON + timedelta(hours=2))
    assert schedule.next_run(second, NOON + timedelta(hours=4)) is None


@pytest.mark.parametrize(
    ("expression", "date", "expected"),
    [
        ("@daily", "2024-05-06T13:00", interval("2024-05-05", "2024-05-06")),
        ("@daily", "2024-05-06", interval("2024-05-05", "2024-05-06")),
        (3600, "2024-05-06T13:07", interval("2024-05-06T12:07", "2024-05-06T13:07")),
        ("@once", "2024-05-06T13:07", interval("2024-05-06T13:07", "2024-05-06T13:07")),
        (None, "2024-05-06T13:07", interval("2024-05-06T13:07", "2024-05-06T13:07")),
        ("@daily", "0001-01-01", interval("0001-01-01", "0001-01-01")),
        (86400, "0001-01-01", interval("0001-01-01", "0001-01-01")),
        ("0 0 29 2 *", "9999-12-31T23:59", interval("9999-12-31T23:59", "9999-12-31T23:59")),
    ],
)
def test_the_interval_of_a_manual_run_is_the_last_complete_one(
    expression: str | float | None, date: str, expected: DataInterval
) -> None:
    assert Schedule(expression=expression).manual_interval(at(date)) == expected


def test_a_new_schedule_goes_on_where_the_old_one_ended() -> None:
    last = interval("2024-05-05", "2024-05-06")
    schedule = Schedule(expression="0 6 * * *", start_date=at("2024-01-01"))
    assert schedule.next_run(last, NOON) == interval("2024-05-05T06:00", "2024-05-06T06:00")


def test_an_hourly_schedule_gets_on_where_clocks_change_by_half_an_hour() -> None:
    schedule = Schedule(
        expression="@hourly", timezone="Australia/Lord_Howe", start_date=at("2024-10-05T13:00")
    )
    last, starts = None, []
    for _ in range(6):
        last = schedule.advance(last, NOON)
        assert last is not None
        starts.append(f"{last.start:%H:%M}")
    assert starts == ["13:30", "14:30", "15:30", "16:00", "17:00", "18:00"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("61 * * * *", "Invalid timetable expression: [61 * * * *] is not acceptable, out of range"),
        ("@sometimes", "Invalid timetable expression: Exactly 5, 6 or 7 columns has to be specified"),
        ("0 0 30 2 *", "Invalid timetable expression: failed to find next date"),
        (0, "schedule interval must be positive, not datetime.timedelta(0)"),
        (-60, "schedule interval must be positive"),
        ("@continuous", "@continuous requires max_active_runs <= 1"),
    ],
)
def test_schedules_that_plan_nothing_are_refused(expression: str | float, text: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        Schedule(expression=expression).check()
    assert str(refusal.value).find(text) >= 0


def test_a_zone_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match="'Mars/Phobos' is no time zone"):
        Schedule(expression="@daily", timezone="Mars/Phobos").check()


EXPRESSIONS = [
    "@hourly", "@daily", "30 2 * * *", "*/15 * * * *", "0 1-3 * * *", "5 4 * * sun", "0 0 L * *",
    "0 12 * * mon#1", "0 0 * * 6,0", "45 */2 * * *", 90, 5400, 86400, 0.25,
]  # fmt: skip
ZONES = ["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "-03:30"]
MOMENTS = st.datetimes(datetime(2023, 12, 1), datetime(2025, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants naive bounds


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS, MOMENTS, st.booleans())
def test_runs_follow_each_other_and_each_is_of_a_later_date(
    expression: str | float, zone: str, start: datetime, now: datetime, catchup: bool
) -> None:
    schedule = Schedule(expression=expression, timezone=zone, start_date=start, catchup=catchup)
    last = None
    for _ in range(5):
        following = schedule.advance(last, now)
        assert following is not None
        assert start <= following.start < following.end
        assert last is None or following.start > last.start
        last = following


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS, MOMENTS)
def test_without_catchup_at_most_one_interval_is_due_at_first(
    expression: str | float, zone: str, start: datetime, now: datetime
) -> None:
    schedule = Schedule(expression=expression, timezone=zone, start_date=start, catchup=False)
    first = schedule.advance(None, now)
    assert first is not None
    following = schedule.advance(first, now)
    assert following is not None
    # A timedelta's intervals begin where the first one does: its second may be due when the first is.
    assert following.run_after > now or isinstance(expression, int | float) or zone == "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("expression", "zone", "catchup", "start", "expected"),
    json.loads((Path(__file__).parent / "airflow_cron_triggers.json").read_text()),
)
def test_a_trigger_names_the_moments_that_airflows_cron_trigger_timetable_names(
    expression: str, zone: str, catchup: bool, start: str, expected: list[str]
) -> None:
    """Recorded from Airflow 2.10.5 on 2 April 2024, 10:11:12 UTC."""
    schedule = Schedule(
        expression=expression, timezone=zone, start_date=at(start), catchup=catchup, is_trigger=True
    )
    last, found = None, []
    for _ in expected:
        last = schedule.next_run(last, at("2024-04-02T10:11:12"))
        assert last is not None
        found.append(last.logical_date)
    assert found == [at(moment) for moment in expected]
