"""Airflow's JSON encoders: the forms that Airflow 2.10.5 gives, and XComs as they are kept here."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.authoring.running.json_encoders import WebEncoder, XComDecoder, XComEncoder


@dataclass
class Point:
    x: int = 1


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (datetime(2024, 1, 2), "2024-01-02T00:00:00+00:00"),  # noqa: DTZ001 - without a zone
        (datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2024-01-02T00:00:00+02:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (Decimal("1.50"), 1.5),
        (Decimal("1E+2"), 100),
        (b"a\xff", "a\u00ff"),
        ({1}, {"__classname__": "builtins.set", "__version__": 1, "__data__": [1]}),
        (timedelta(seconds=5), {"__classname__": "datetime.timedelta", "__version__": 2, "__data__": 5.0}),
        (Point(), {"__classname__": f"{__name__}.Point", "__version__": 0, "__data__": {"x": 1}}),
        (1j, "1j"),
    ],
)
def test_a_value_has_the_form_that_airflow_shows(value: Any, form: Any) -> None:
    assert json.loads(json.dumps({"a": value}, cls=WebEncoder)) == {"a": form}


def test_an_xcom_comes_back_as_it_was() -> None:
    value = (1, {"at": datetime(2024, 1, 2, tzinfo=UTC), "of": {1, 2}})
    text = json.dumps(value, cls=XComEncoder)
    assert json.loads(text, cls=XComDecoder) == value
    assert json.dumps({"a": [1, None]}, cls=XComEncoder) == '{"a":[1,null]}'
