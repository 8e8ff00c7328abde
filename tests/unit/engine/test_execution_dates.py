from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.engine.runs.execution_dates import execution_date

MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
DAY = datetime(2024, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-06T07:08:09", MOMENT),
        ("2024-05-06t07:08:09z", MOMENT),
        ("2024-05-06 07:08:09+00:00", MOMENT),
        ("2024-05-06 07:08:09 UTC", MOMENT),
        (" 2024-05-06T07:08:09 ", MOMENT),
        ("2024-05-06T09:08:09+0200", MOMENT),
        ("20240506T070809", MOMENT),
        ("2024-05-06T07:08:09.5", MOMENT.replace(microsecond=500_000)),
        ("2024-05-06T07:08:09.1234567", MOMENT.replace(microsecond=123_456)),
        ("2024-05-06T07", MOMENT.replace(minute=0, second=0)),
        ("2024-05-06", DAY),
        ("2024-5-6", DAY),
        ("6 May 2024", DAY),
        ("2024-05", DAY.replace(day=1)),
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-W10-3", datetime(2024, 3, 6, tzinfo=UTC)),
        ("2024-128", datetime(2024, 5, 7, tzinfo=UTC)),
        ("2024-05-06 07:08:09 XYZT", MOMENT),
    ],
)
def test_what_airflow_takes_for_a_date_is_one(text: str, expected: datetime) -> None:
    assert execution_date(text) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-05-06T07:08:09+02:00", "2024-05-06T07:08:09+02:00"),
        ("2024-05-06T07:08:09-0530", "2024-05-06T07:08:09-05:30"),
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09+00:00"),
        ("2024-05-06T07:08:09+0000", "2024-05-06T07:08:09+00:00"),
        ("2024-05-06T07:08:09.25", "2024-05-06T07:08:09.250000+00:00"),
    ],
)
def test_the_offset_stays_as_it_was_sent(text: str, shown: str) -> None:
    date = execution_date(text)
    assert (date.isoformat(), str(date)) == (shown, shown.replace("T", " "))


def test_a_bare_time_is_of_today_and_now_is_now() -> None:
    now = datetime.now(UTC)
    assert abs(execution_date("now") - now) < timedelta(minutes=1)
    assert execution_date("10:00") == now.replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "bad",
        "today",
        "1715000000",
        "+02:00",
        "2024-13-01",
        "2024-02-30",
        "2024-02-30T00:00:00",
        "2024-02-03T25:00:00",
        "2024-01-01T24:00:00",
        "2024-05-06T07:08:60",
        "2024-05-06T07:08:09+99:99",
        "P1D",
        "PT",
        "2024-01-01/2024-02-01",
        "2024-01-01/P1D",
        "10:",
        "0000-01-01",
        "0001-01-01T00:00:00+02:00",
        "9999-12-31T23:59:59-01:00",
        "99999999999999999999",
        "P99999999999999Y",
        "\0",
        "\ud800",
        "2024-01-01" + " " * 500,
    ],
)
def test_everything_else_is_refused_with_airflows_words(text: str) -> None:
    with pytest.raises(InvalidRequest, match="could not be identified as a date") as caught:
        execution_date(text)
    assert str(caught.value).startswith(f"Given execution date, {text[:250]}")


def test_a_refusal_does_not_repeat_megabytes() -> None:
    with pytest.raises(InvalidRequest) as caught:
        execution_date("x" * 1_000_000)
    assert len(str(caught.value)) < 2000


@given(st.text(max_size=60) | st.text(alphabet="0123456789-:+TZPWDYMHS./, ae", max_size=30))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        date = execution_date(text)
    except InvalidRequest:
        return
    assert date.astimezone(UTC) == date


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60), st.sampled_from(["T", " "]))
def test_every_iso_date_comes_back_as_it_was_sent(naive: datetime, offset: int, separator: str) -> None:
    date = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    try:
        date.astimezone(UTC)
    except OverflowError:
        return
    assert execution_date(date.isoformat(separator)).isoformat() == date.isoformat()
