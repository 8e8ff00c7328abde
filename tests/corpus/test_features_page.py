"""The page of features: each row names a file that shows the feature, and says how far it is done."""

import json
from pathlib import Path

import pytest

from tests.pages import PAGES, quoted, table

HERE = Path(__file__).parent
FILES_OF_EXPECTED = {each["file"] for each in json.loads((HERE / "expected.json").read_text()).values()}
ROWS = table(PAGES["docs/features.md"], "feature", "page of Airflow's", "file", "status")

PAGES_OF_AIRFLOW = {
    *(
        "DAGs",
        "Dynamic DAG Generation",
        "DAG Runs",
        "Timetables",
        "Tasks",
        "Operators",
        "TaskFlow",
        "Sensors",
        "XComs",
    ),
    *("Variables", "Connections", "Secrets Backend", "Params", "Pools", "Priority Weights", "Callbacks"),
    *("Dynamic Task Mapping", "Deferrable Operators", "Setup and Teardown", "Cross-DAG Dependencies"),
    *("Data-aware scheduling", "Asset definitions", "Object Storage", "Lineage", "Plugins", "Time zones"),
    *("Templates reference", "Configuration Reference", "Email Configuration", "Public Interface"),
    *("Cluster Policies", "Executor", "Providers", "Task SDK", "Tutorials"),
}
"""Pages of Airflow's documentation, of 2.10 and 3, that tell what a DAG file may do."""


def test_every_page_of_airflows_has_a_row() -> None:
    assert {row[1] for row in ROWS} == PAGES_OF_AIRFLOW


def test_a_feature_is_named_once() -> None:
    names = [row[0] for row in ROWS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_is_not_and_shows_what_is(row: list[str]) -> None:
    _, _, file, status, remark = row
    assert status in {"done", "partly", "not"}
    assert (status == "done") == (remark == "")
    assert {*quoted(file)} <= FILES_OF_EXPECTED  # how their runs end is in test_corpus.py
    assert len(quoted(file)) == 1 or (status, file) == ("not", "none")


def test_every_file_of_the_corpus_has_a_row() -> None:
    files = {path.name for path in (HERE / "dags").glob("*.py")}
    assert {name for row in ROWS for name in quoted(row[2])} == files == FILES_OF_EXPECTED
