"""What is cleared in other DAGs along with a task that marks it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.engine.by_hand.marked import marked_by
from chalicelib.simulation.one_run import Laboratory, WantedRun

DATE = datetime(2024, 5, 1, tzinfo=UTC)
NEXT = DATE + timedelta(days=1)

DAGS = """
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.sensors.external_task import ExternalTaskMarker

def marker(**arguments):
    return ExternalTaskMarker(task_id="mark", **arguments)

with DAG("first", schedule=None):
    EmptyOperator(task_id="start") >> marker(external_dag_id="second", external_task_id="wait", {of_first})
with DAG("second", schedule=None):
    EmptyOperator(task_id="wait") >> marker(external_dag_id="third", external_task_id="wait", {of_second})
with DAG("third", schedule=None):
    EmptyOperator(task_id="wait") >> marker(external_dag_id="first", external_task_id="start")
"""


def cleared_with_first(folder: Path, of_first: str = "", of_second: str = "", **choice: Any) -> list[Any]:
    """What goes along when tasks of the first DAG's run are cleared."""
    text = DAGS.replace("{of_first}", of_first).replace("{of_second}", of_second)
    (folder / "dags.py").write_text(text)
    laboratory = Laboratory(folder)
    assert laboratory.failures == ()
    for dag_id, date in (("third", DATE), ("second", NEXT), ("second", DATE), ("first", DATE)):
        finished = laboratory.run(WantedRun(dag_id=dag_id, execution_date=date))
    found = marked_by(laboratory.engine, finished.run, Choice(**choice))
    return [(each.dag_id, each.execution_date, each.choice.task_ids) for each in found]


def test_clears_go_on_through_all_dags_that_are_marked_and_end_where_they_began(tmp_path: Path) -> None:
    assert cleared_with_first(tmp_path) == [
        ("second", DATE, ("wait",)),
        ("third", DATE, ("wait",)),
        ("first", DATE, ("start",)),
    ]


def test_only_markers_that_are_cleared_themselves_clear(tmp_path: Path) -> None:
    assert cleared_with_first(tmp_path, task_ids=("start",)) == []


@pytest.mark.parametrize(
    "date",
    [
        '"2024-05-02"',
        "__import__('datetime').datetime(2024, 5, 2)",
        '"{{ (logical_date + macros.timedelta(days=1)).isoformat() }}"',
    ],
)
def test_the_run_that_is_cleared_has_the_marked_date(tmp_path: Path, date: str) -> None:
    assert cleared_with_first(tmp_path, f"execution_date={date}") == [("second", NEXT, ("wait",))]


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert cleared_with_first(tmp_path, 'execution_date="2020-01-01"') == []


def test_marks_that_lead_too_far_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRequest, match=r"Maximum recursion depth [0-9]+ reached for ExternalTaskMarker mark"
    ):
        cleared_with_first(tmp_path, "recursion_depth=1")
