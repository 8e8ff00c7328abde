"""XCom values as texts: what goes in comes out, or is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.authoring.running.xcom_values import from_json, to_json


class Colour(StrEnum):
    RED = "red"


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.timedeltas(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.decimals(allow_nan=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.just("__type")), inner),
        st.sets(st.integers()),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_every_value_comes_back(value: Any) -> None:
    back = from_json(to_json(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2024, 7, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        pendulum.datetime(2024, 7, 1, 12, tz="America/New_York"),
    ],
)
def test_datetimes_keep_their_time_zone(moment: datetime) -> None:
    back = from_json(to_json(moment))
    assert (type(back), back, back.utcoffset()) == (type(moment), moment, moment.utcoffset())
    assert back + timedelta(days=200) == moment + timedelta(days=200)


def test_subclasses_become_plain_and_keys_become_texts() -> None:
    back = from_json(to_json({"c": Colour.RED, 1: True, "n": frozenset({Decimal("1.50")})}))
    assert back == {"c": "red", "1": True, "n": frozenset({Decimal("1.50")})}
    assert type(back["c"]) is str


def test_equal_sets_give_equal_texts() -> None:
    assert to_json({"b", "a", "c"}) == '{"__type":"set","__value":["a","b","c"]}'
    assert to_json({"a": [1, None, "é"]}) == '{"a":[1,null,"é"]}'
    assert to_json(date(2024, 1, 1)) == '{"__type":"date","__value":"2024-01-01"}'


@pytest.mark.parametrize("value", [object(), 1 + 2j, range(3), PurePosixPath("/x"), [{"a": ValueError("x")}]])
def test_other_types_are_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="is not JSON serializable"):
        to_json(value)
