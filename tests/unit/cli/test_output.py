"""What commands print."""

import json

import pytest

from chalicelib.cli.output import show

ROWS = [
    {"dag_id": "sales", "is_paused": True, "state": None},
    {"dag_id": "a_longer_name", "is_paused": False, "state": "two\nlines"},
]


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (
            "table",
            [
                "dag_id        | is_paused | state",
                "==============+===========+==========",
                "sales         | true      |",
                "a_longer_name | false     | two lines",
            ],
        ),
        (
            "plain",
            [
                "dag_id         is_paused  state",
                "sales          true",
                "a_longer_name  false      two lines",
            ],
        ),
    ],
)
def test_columns_stand_below_each_other(
    capsys: pytest.CaptureFixture[str], output: str, lines: list[str]
) -> None:
    show(ROWS, output)
    assert capsys.readouterr().out.splitlines() == lines


def test_json_keeps_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, "json")
    assert json.loads(capsys.readouterr().out) == ROWS


def test_nothing_is_said_for_people_and_an_empty_list_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([], "table")
    show([], "json")
    assert capsys.readouterr().out == "No data found\n[]\n"
