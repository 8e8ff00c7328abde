"""``SubDagOperator`` against a fake of what the worker does for it, and its DAG as it is loaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.loading.loader import LoadedFile, load_file
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.sensors.subdag import SkippedStatePropagationOptions, SubDagOperator
from chalicelib.domain.runs.other_runs import OtherRun, TaskStates
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from tests.unit.authoring.running import LOGICAL_DATE, a_dag, run
from tests.unit.authoring.test_other_runs import FakeOtherRuns

STANDING = OtherRun(
    dag_id="x.inner", run_id="manual__1", execution_date=LOGICAL_DATE, state=DagRunState.RUNNING
)

FACTORY = """
from datetime import datetime
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.subdag import SubDagOperator

def make():
    inner = DAG("outer.inner", schedule="@daily", start_date=datetime(2024, 1, 1))
    EmptyOperator(task_id="a", dag=inner)
    return inner

with DAG("outer", schedule="@daily", start_date=datetime(2024, 1, 1)):
    SubDagOperator(task_id="inner", subdag=make())
"""


def tried(others: FakeOtherRuns, *, pokes: int = 0, **arguments: Any) -> TryOutcome:
    inner = a_dag()
    inner.dag_id = "x.inner"
    EmptyOperator(task_id="a", dag=inner)
    with a_dag() as dag:
        SubDagOperator(task_id="inner", subdag=inner, **arguments) >> EmptyOperator(task_id="after")
    return run(dag, "inner", other_runs=others, pokes=pokes, goes_on=pokes > 0)


def standing(state: str, *of_leaf: str) -> FakeOtherRuns:
    states = tuple(map(TaskInstanceState, of_leaf))
    return FakeOtherRuns(
        standing=replace(STANDING, state=DagRunState(state)), tasks=(TaskStates(task_id="a", states=states),)
    )


def test_a_run_of_the_same_id_and_date_is_made_and_waited_for() -> None:
    others = FakeOtherRuns()
    assert tried(others, conf={"n": 1}).result is TryResult.RESCHEDULED
    (wanted,) = others.triggered
    assert (wanted.dag_id, wanted.execution_date, wanted.conf) == ("x.inner", LOGICAL_DATE, {"n": 1})
    assert wanted.run_id == "manual__2024-05-06T07:08:09+00:00"


@pytest.mark.parametrize(
    ("state", "result"),
    [("queued", TryResult.RESCHEDULED), ("success", TryResult.SUCCESS), ("failed", TryResult.FAILED)],
)
def test_the_task_ends_as_the_run_does(state: str, result: TryResult) -> None:
    assert tried(standing(state), pokes=1).result is result


@pytest.mark.parametrize(("state", "is_cleared"), [("failed", True), ("success", True), ("running", False)])
def test_a_run_that_is_there_goes_on(state: str, is_cleared: bool) -> None:
    others = standing(state)
    tried(others)
    assert (bool(others.cleared), others.triggered) == (is_cleared, [])


@pytest.mark.parametrize(
    ("option", "states", "skips"),
    [
        ("ANY_LEAF", ("success", "skipped"), True),
        ("ALL_LEAVES", ("success", "skipped"), False),
        ("ALL_LEAVES", ("skipped",), True),
    ],
)
def test_what_comes_after_is_skipped_with_leaves(option: str, states: tuple[str, ...], skips: bool) -> None:
    outcome = tried(
        standing("success", *states), pokes=1, propagate_skipped_state=SkippedStatePropagationOptions[option]
    )
    assert outcome.skip == ({"after"} if skips else set())


def test_a_sub_dag_is_loaded_without_a_schedule_and_unpaused(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(FACTORY)
    loaded = load_file(tmp_path / "outer.py", tmp_path)
    assert isinstance(loaded, LoadedFile), loaded
    outer, inner = loaded.dags
    assert (outer.dag_id, inner.dag_id, inner.is_subdag) == ("outer", "outer.inner", True)
    document = serialize(inner, "outer.py")
    assert (document["schedule"], document["is_paused_upon_creation"]) == (None, False)


def test_the_id_of_a_sub_dag_is_that_of_dag_and_task() -> None:
    with a_dag(), pytest.raises(AirflowException, match=r"Expected 'x\.inner'; received 'x'"):
        SubDagOperator(task_id="inner", subdag=a_dag())
