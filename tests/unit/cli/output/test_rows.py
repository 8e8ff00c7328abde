"""What commands print."""

import json

import click
import pytest
from click.testing import CliRunner

from chalicelib.cli.failures import CommandLine
from chalicelib.cli.output.rows import show

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
                "sales         | True      | None",
                "a_longer_name | False     | two lines",
            ],
        ),
        (
            "plain",
            [
                "dag_id         is_paused  state",
                "sales          True",
                "a_longer_name  False      two lines",
            ],
        ),
    ],
)
def test_columns_stand_below_each_other(
    capsys: pytest.CaptureFixture[str], output: str, lines: list[str]
) -> None:
    show(ROWS, output)
    assert capsys.readouterr().out.splitlines() == lines


def test_programs_get_texts_as_from_airflow(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"slots": 128, "conf": {"n": 1}, "owners": ["ada"], "state": None}], "json")
    assert json.loads(capsys.readouterr().out) == [
        {"slots": "128", "conf": {"n": "1"}, "owners": ["ada"], "state": None}
    ]


def test_yaml_is_printed_as_airflow_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "dag_id": "example_branch",
        "fileloc": "/dags/example_branch.py",
        "owners": ["examples"],
        "is_paused": True,
        "state": None,
        "start_date": "",
    }
    show([row], "yaml")
    assert capsys.readouterr().out.splitlines() == [
        "- dag_id: example_branch",
        "  fileloc: /dags/example_branch.py",
        "  is_paused: 'True'",
        "  owners:",
        "  - examples",
        "  start_date: ''",
        "  state: null",
    ]


def test_lists_are_one_cell_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"owners": ["ada", "bob"]}], "plain")
    assert capsys.readouterr().out.splitlines() == ["owners", "ada,bob"]


def test_nothing_is_said_for_people_and_an_empty_list_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for output in ("table", "json", "yaml"):
        show([], output)
    assert capsys.readouterr().out == "No data found\n[]\n[]\n"


def test_states_have_their_colours_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.group(cls=CommandLine)
    def program() -> None: ...

    @program.command()
    def states() -> None:
        show([{"task_id": "success of a kind", "state": "success"}], "table")

    def last_line(*, is_terminal: bool) -> str:
        return CliRunner().invoke(program, ["states"], color=is_terminal).stdout.splitlines()[-1]

    assert last_line(is_terminal=True) == f"success of a kind | {click.style('success', fg='green')}"
    assert last_line(is_terminal=False) == "success of a kind | success"
    monkeypatch.setenv("NO_COLOR", "1")
    assert last_line(is_terminal=True) == "success of a kind | success"
