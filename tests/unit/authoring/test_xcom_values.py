"""XCom values as texts: what goes in comes out, or is refused."""

import re
import sys
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any, NamedTuple
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
    st.integers().map(Decimal),
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


def in_json(value: Any) -> Any:
    """The value as Python's ``json`` has it: a tuple in a list or dict is a list."""
    if isinstance(value, list | tuple):
        return [in_json(item) for item in value]
    return {key: in_json(item) for key, item in value.items()} if isinstance(value, dict) else value


@given(VALUES)
def test_every_value_comes_back(value: Any) -> None:
    back = from_json(to_json(value))
    assert back == (value if isinstance(value, tuple) else in_json(value))
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


class Plain(Enum):
    A = 1


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("value", "pulled"),
    [
        ({True: 1, None: 2, 3: 4, 1.5: 5}, {"true": 1, "null": 2, "3": 4, "1.5": 5}),
        (({True: 1, None: 2, 3: (4,)},), ({"True": 1, "None": 2, "3": (4,)},)),
        ({"a": (1, 2), "b": [(3,)]}, {"a": [1, 2], "b": [[3]]}),
        ([[(1, {2})]], [[[1, {2}]]]),
        ((1, (2, 3)), (1, (2, 3))),
        (Point(1, 2), (1, 2)),
        ([Point(1, 2)], [[1, 2]]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(c=Colour.RED), {"c": "red"}),
        ({Colour.RED: IntEnum("N", "ONE").ONE}, {"red": 1}),  # type: ignore[attr-defined]
        ({"n": frozenset({Decimal("1.50")})}, {"n": frozenset({Decimal("1.50")})}),
        (ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Paris")),
        ("\ud800", "\ud800"),
    ],
)
def test_a_value_comes_back_as_in_airflow(value: Any, pulled: Any) -> None:
    back = from_json(to_json(value))
    assert (back, type(back)) == (pulled, type(pulled))
    to_json(value).encode()


@pytest.mark.parametrize(
    ("value", "pulled"), [("1.50", "1.5"), ("0.1", "0.1"), ("7E+2", "700"), ("Infinity", "Infinity")]
)
def test_a_decimal_is_as_exact_as_in_airflow(value: str, pulled: str) -> None:
    assert str(from_json(to_json(Decimal(value)))) == pulled


@pytest.mark.parametrize("key", [("a", 1), b"x", date(2024, 1, 1), Plain.A])
def test_a_key_that_json_has_no_word_for_is_refused(key: Any) -> None:
    with pytest.raises(TypeError, match="keys must be str, int, float, bool or None, not "):
        to_json({"a": [{key: 2}]})


@dataclass
class Data:
    a: int
    inside: Any = None


class Own:
    """What says by itself what is kept of it."""

    __version__ = 3

    def __init__(self, text: str) -> None:
        self.text = text

    def serialize(self) -> dict[str, Any]:
        return {"t": (self.text,)}

    @staticmethod
    def deserialize(data: dict[str, Any], version: int) -> "Own":
        return Own(f"{data['t']}{version}")


def test_an_object_of_the_users_is_pulled_where_its_class_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = to_json([Data(1, (2,))])
    name = f"{__name__}.Data"
    with pytest.raises(ImportError, match=f"{re.escape(name)} was not found in allow list for deserializ"):
        from_json(text)
    monkeypatch.setenv("AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES", "airflow.* tests.*.D*")
    assert from_json(text) == [Data(1, (2,))]
    assert from_json(to_json(Data(1, Data(2)))) == Data(1, {"a": 2, "inside": None})
    monkeypatch.setenv("AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES_REGEXP", r"tests\..*\.Own$")
    assert from_json(to_json(Own("x"))).text == "('x',)3"


def test_numbers_of_numpy_come_back_and_its_arrays_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class int64:  # noqa: N801 - NumPy's name
        number: int
        shape: tuple[int, ...] = ()

        def item(self) -> int:
            return self.number

    int64.__module__ = "numpy"
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace(int64=int64))
    assert from_json(to_json({"n": int64(5)})) == {"n": int64(5)}


def test_of_a_table_a_reference_is_to_be_pushed() -> None:
    frame = type("DataFrame", (), {"__module__": "pandas.core.frame"})
    advice = "Object of type DataFrame is not JSON serializable: keep it where both tasks can reach it"
    with pytest.raises(TypeError, match=advice):
        to_json(frame())


def test_equal_sets_give_equal_texts() -> None:
    assert to_json({"b", "a", "c"}) == '{"__type":"set","__value":["a","b","c"]}'
    assert to_json({"a": [1, None, "é"]}) == '{"a":[1,null,"é"]}'
    assert to_json(date(2024, 1, 1)) == '{"__type":"date","__value":"2024-01-01"}'


@pytest.mark.parametrize(
    "value",
    [object(), Plain.A, Data, 1 + 2j, range(3), {}.keys(), PurePosixPath("/x"), [{"a": ValueError("x")}]],
)
def test_other_types_are_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="is not JSON serializable"):
        to_json(value)
