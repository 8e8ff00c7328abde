"""``docs/protocol.md`` says what the code does: its invariants, charts, tables and names are compared."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.domain.messages import SchedulingMessage, TriggererMessage, WorkerMessage
from chalicelib.domain.plans.repairs import RepairKind
from tests.state_charts import CHARTS, COMMAND, PAGE, chart_in, renewed

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chalicelib"

_CITED = re.compile(r"\bI([1-9]\d?)\b(?: to I([1-9]\d?)\b)?")
"""An invariant by its number, or a range of them."""

_DEFINED = re.compile(r"^### I(\d+): ", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_DOTTED = re.compile(r"[a-z_]+(\.\w+)+")
_OF_THE_STORE = re.compile(r"[A-Z]\w+\.\w+")


def page() -> str:
    """The text of the page."""
    return PAGE.read_text(encoding="utf-8")


def cited_in(folder: Path) -> dict[int, list[str]]:
    """Where the Python files of a folder cite invariants, by number."""
    found: dict[int, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for first, last in _CITED.findall(path.read_text(encoding="utf-8")):
            for number in range(int(first), int(last or first) + 1):
                found.setdefault(number, []).append(str(path.relative_to(ROOT)))
    return found


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without the table's own head."""
    section = re.split(rf"^#+ {re.escape(heading)}$", page(), flags=re.MULTILINE)[1]
    own = re.split(r"^#", section, flags=re.MULTILINE)[0]
    table = [line for line in own.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def names_in(text: str) -> Iterator[str]:
    """The names in a text that stand for something below ``chalicelib``."""
    packages = {path.stem for path in PACKAGE.iterdir()}
    for span in _SPAN.findall(text):
        if _OF_THE_STORE.fullmatch(span):
            yield f"engine.ports.store.{span}"
        elif _DOTTED.fullmatch(span) and span.split(".")[0] in packages:
            yield span


def exists(name: str) -> bool:
    """Whether a dotted name below ``chalicelib`` is a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(["chalicelib", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


# -- invariants ----------------------------------------------------------------------------------------


def test_every_invariant_that_code_or_tests_cite_is_defined() -> None:
    defined = {int(number) for number in _DEFINED.findall(page())}
    cited = cited_in(PACKAGE) | cited_in(ROOT / "tests")
    assert {number: where for number, where in cited.items() if number not in defined} == {}


def test_every_invariant_is_cited_by_code_and_by_tests() -> None:
    defined = {int(number) for number in _DEFINED.findall(page())}
    assert defined - cited_in(PACKAGE).keys() == set()
    assert defined - cited_in(ROOT / "tests").keys() == set()


def test_invariants_are_numbered_from_one_without_a_gap() -> None:
    numbers = [int(number) for number in _DEFINED.findall(page())]
    assert numbers == list(range(1, len(numbers) + 1))


# -- charts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_the_one_that_the_table_of_moves_makes(name: str) -> None:
    assert chart_in(page(), name) == CHARTS[name](), f"renew the page: {COMMAND}"


def test_a_renewed_page_has_the_right_charts_and_nothing_else_changed() -> None:
    stale = page().replace(chart_in(page(), "DAG runs"), "of old")
    assert chart_in(stale, "DAG runs") == "of old"
    assert renewed(stale) == page()


@pytest.mark.parametrize("name", CHARTS)
def test_no_reason_breaks_the_table_or_the_chart_that_it_stands_in(name: str) -> None:
    chart, _, table = CHARTS[name]().partition("\n\n")
    assert {line.count(":") for line in chart.splitlines()} <= {0, 1}
    assert {line.count("|") for line in table.splitlines()} == {5}


# -- tables --------------------------------------------------------------------------------------------


def test_the_page_says_of_every_message_what_becomes_of_it_twice_and_late() -> None:
    kinds = {
        kind.__name__ for kind in (*get_args(SchedulingMessage), *get_args(WorkerMessage), TriggererMessage)
    }
    described = [row[0].strip("`") for row in rows("Messages")]
    assert sorted(described) == sorted(kinds)
    assert [row for row in rows("Messages") if len(row) != 5 or not all(row)] == []


def test_the_page_names_every_repair() -> None:
    assert [row[0].strip("`") for row in rows("The sweep")] == [str(kind) for kind in RepairKind]


def test_the_steps_of_a_run_are_numbered_and_each_says_who_makes_a_crash_good() -> None:
    steps = rows("The steps of a run")
    assert [row[0] for row in steps] == [str(number) for number in range(1, len(steps) + 1)]
    assert [row for row in steps if len(row) != 7 or not all(row)] == []


def test_words_are_in_order_and_each_names_a_place_in_the_code() -> None:
    words = rows("Words")
    assert [row[0] for row in words] == sorted({row[0] for row in words})
    assert [row[0] for row in words if len(list(names_in(row[2]))) != 1] == []


# -- names ---------------------------------------------------------------------------------------------


def test_every_name_of_the_page_is_in_the_code() -> None:
    assert sorted({name for name in names_in(page()) if not exists(name)}) == []


def test_every_file_that_the_page_names_is_there() -> None:
    files = {span for span in _SPAN.findall(page()) if span.startswith(("tests/", "docs/", "chalicelib/"))}
    assert {name for name in files if not (ROOT / name).exists()} == set()


def test_every_heading_that_the_page_refers_to_is_there() -> None:
    headings = re.findall(r"^#+ (.+)$", page(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page())) <= anchors
