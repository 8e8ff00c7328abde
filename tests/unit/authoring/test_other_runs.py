"""Operators and sensors that reach runs of other DAGs, against a fake of what the worker does for them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException, DagRunAlreadyExists
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.operators.trigger_dagrun import TriggerDagRunOperator, trigger_dag
from chalicelib.authoring.sensors.external_task import ExternalTaskSensor
from chalicelib.domain.runs.other_runs import (
    OtherDag,
    OtherRun,
    TaskStates,
    WantedRun,
    WatchedRun,
    WatchedTasks,
)
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from tests.unit.authoring.running import LOGICAL_DATE, FakeXComs, a_dag, run

DATE = datetime(2024, 5, 1, tzinfo=UTC)
STANDING = OtherRun(dag_id="child", run_id="old", execution_date=DATE, state=DagRunState.FAILED)


@dataclass
class FakeOtherRuns:
    """The runs of the DAG ``child``, of which one may be there."""

    standing: OtherRun | None = None
    tasks: tuple[TaskStates, ...] = ()
    is_paused: bool = False
    triggered: list[WantedRun] = field(default_factory=list)
    cleared: list[OtherRun] = field(default_factory=list)
    watched: list[WatchedTasks] = field(default_factory=list)

    def trigger(self, wanted: WantedRun) -> OtherRun:
        if self.standing is not None:
            raise DagRunAlreadyExists(self.standing, wanted.execution_date, wanted.run_id or "")
        self.triggered.append(wanted)
        self.standing = OtherRun(
            dag_id="child",
            run_id=wanted.run_id or "made-up",
            execution_date=wanted.execution_date,
            state=DagRunState.QUEUED,
        )
        return self.standing

    def find(self, dag_id: str, run_id: str | None, execution_date: datetime | None) -> OtherRun | None:
        run = self.standing
        return run if run and (run_id == run.run_id or execution_date == run.execution_date) else None

    def clear(self, run: OtherRun, *, only_failed: bool = False) -> None:
        self.cleared.append(run)

    def watch(self, watched: WatchedTasks) -> tuple[WatchedRun, ...]:
        self.watched.append(watched)
        return () if self.standing is None else (WatchedRun(run=self.standing, tasks=self.tasks),)

    def dag(self, dag_id: str) -> OtherDag | None:
        known = frozenset({"a"})
        return OtherDag(dag_id="child", is_paused=self.is_paused, task_ids=known, group_ids=known)


def triggering(others: FakeOtherRuns, xcoms: FakeXComs | None = None, **arguments: Any) -> TryOutcome:
    request = {name: arguments.pop(name) for name in ("goes_on", "pokes") if name in arguments}
    with a_dag() as dag:
        TriggerDagRunOperator(task_id="go", trigger_dag_id="child", **arguments)
    return run(dag, "go", xcoms, other_runs=others, **request)


def test_a_function_makes_a_run_of_another_dag() -> None:
    def ask() -> str:
        return trigger_dag("child", run_id="mine", conf='{"n": 1}', execution_date=DATE).run_id

    others, xcoms = FakeOtherRuns(), FakeXComs()
    with a_dag() as dag:
        PythonOperator(task_id="go", python_callable=ask)
    run(dag, "go", xcoms, other_runs=others)
    assert xcoms.value("go") == "mine"
    assert others.triggered == [WantedRun(dag_id="child", run_id="mine", execution_date=DATE, conf={"n": 1})]
    with pytest.raises(AirflowException, match="context"):
        trigger_dag("child")


def test_a_run_is_made_of_rendered_arguments() -> None:
    others, xcoms = FakeOtherRuns(), FakeXComs()
    outcome = triggering(
        others, xcoms, trigger_run_id="of_{{ ds }}", logical_date="{{ ds }}", conf={"day": "{{ ds }}", "n": 1}
    )
    assert outcome.result is TryResult.SUCCESS
    (wanted,) = others.triggered
    assert (wanted.run_id, wanted.conf) == ("of_2024-05-06", {"day": "2024-05-06", "n": 1})
    assert wanted.execution_date == datetime(2024, 5, 6, tzinfo=UTC)
    assert xcoms.value("go", "trigger_run_id") == "of_2024-05-06"
    assert xcoms.value("go", "trigger_logical_date_iso") == "2024-05-06T00:00:00+00:00"


def test_a_run_is_made_at_no_date_without_a_time_zone() -> None:
    others, naive = FakeOtherRuns(), DATE.replace(tzinfo=None)
    outcome = triggering(others, logical_date=naive)
    assert (outcome.result, others.triggered) == (TryResult.FAILED, [])
    assert "The execution_date should be localized" in outcome.reason
    with pytest.raises(ValueError, match="The execution_date should be localized"):
        trigger_dag("child", execution_date=naive)


@pytest.mark.parametrize(
    ("arguments", "result", "cleared"),
    [
        ({}, TryResult.FAILED, []),
        ({"skip_when_already_exists": True}, TryResult.SKIPPED, []),
        ({"reset_dag_run": True}, TryResult.SUCCESS, [STANDING]),
    ],
)
def test_a_run_that_is_there_already(
    arguments: dict[str, Any], result: TryResult, cleared: list[OtherRun]
) -> None:
    others = FakeOtherRuns(standing=STANDING)
    assert triggering(others, logical_date=DATE, **arguments).result is result
    assert (others.cleared, others.triggered) == (cleared, [])


@pytest.mark.parametrize(
    ("conf", "is_paused", "reason"),
    [
        ({"x": object()}, False, "AirflowException: conf parameter should be JSON Serializable"),
        ({}, True, "AirflowException: Dag child is paused"),
    ],
)
def test_what_keeps_a_run_from_being_made(conf: Any, is_paused: bool, reason: str) -> None:
    others = FakeOtherRuns(is_paused=is_paused)
    assert triggering(others, conf=conf, fail_when_dag_is_paused=True).reason == reason
    assert others.triggered == []


@pytest.mark.parametrize(
    ("state", "arguments", "result"),
    [
        ("running", {}, TryResult.RESCHEDULED),
        ("success", {}, TryResult.SUCCESS),
        ("failed", {}, TryResult.FAILED),
        ("failed", {"allowed_states": ["failed"], "failed_states": ["success"]}, TryResult.SUCCESS),
        ("success", {"allowed_states": ["failed"], "failed_states": ["success"]}, TryResult.FAILED),
        ("failed", {"failed_states": []}, TryResult.RESCHEDULED),
    ],
)
def test_a_run_is_waited_for_asleep_and_made_once(
    state: str, arguments: dict[str, Any], result: TryResult
) -> None:
    others, xcoms = FakeOtherRuns(), FakeXComs()
    waiting = {"wait_for_completion": True, **arguments}
    first = triggering(others, xcoms, **waiting)
    assert (first.result, first.keeps_slots, first.pokes) == (TryResult.RESCHEDULED, True, 0)
    assert others.standing is not None
    others.standing = replace(others.standing, state=DagRunState(state))
    then = triggering(others, xcoms, goes_on=True, pokes=1, **waiting)
    assert (then.result, len(others.triggered)) == (result, 1)


def test_a_logical_date_has_to_be_one() -> None:
    with pytest.raises(TypeError, match="Got int"):
        TriggerDagRunOperator(task_id="go", trigger_dag_id="child", logical_date=5)  # type: ignore[arg-type]  # what is tried


# -- ExternalTaskSensor ------------------------------------------------------------------------------


def sensing(others: FakeOtherRuns, **arguments: Any) -> TryOutcome:
    with a_dag() as dag:
        ExternalTaskSensor(task_id="wait", external_dag_id="child", **arguments)
    return run(dag, "wait", other_runs=others)


def having(*states: str | None, run_state: str = "running") -> FakeOtherRuns:
    given = tuple(TaskInstanceState(state) for state in states if state is not None)
    return FakeOtherRuns(
        standing=replace(STANDING, state=DagRunState(run_state)),
        tasks=(TaskStates(task_id="a", states=given, undecided=states.count(None)),),
    )


@pytest.mark.parametrize(
    ("others", "arguments", "result"),
    [
        (having("success"), {"external_task_id": "a"}, TryResult.SUCCESS),
        (having(None), {"external_task_id": "a"}, TryResult.RESCHEDULED),
        (having("success", None), {"external_task_id": "a"}, TryResult.RESCHEDULED),
        (having("success", "running"), {"external_task_id": "a"}, TryResult.RESCHEDULED),
        (having("success"), {"external_task_ids": ["a", "b"]}, TryResult.RESCHEDULED),
        (having("failed"), {"external_task_id": "a"}, TryResult.RESCHEDULED),
        (having("failed"), {"external_task_id": "a", "failed_states": ["failed"]}, TryResult.FAILED),
        (having("failed"), {"external_task_id": "a", "skipped_states": ["failed"]}, TryResult.SKIPPED),
        (
            having("failed"),
            {"external_task_id": "a", "failed_states": ["failed"], "soft_fail": True},
            TryResult.SKIPPED,
        ),
        (having("success", "success"), {"external_task_group_id": "a"}, TryResult.SUCCESS),
        (having(run_state="success"), {}, TryResult.SUCCESS),
        (having(run_state="failed"), {"failed_states": ["failed"]}, TryResult.FAILED),
        (FakeOtherRuns(), {}, TryResult.RESCHEDULED),
    ],
)
def test_what_a_sensor_makes_of_states(
    others: FakeOtherRuns, arguments: dict[str, Any], result: TryResult
) -> None:
    assert sensing(others, **arguments).result is result


@pytest.mark.parametrize(
    ("arguments", "dates"),
    [
        ({}, (LOGICAL_DATE,)),
        ({"execution_delta": timedelta(days=1)}, (LOGICAL_DATE - timedelta(days=1),)),
        (
            {"execution_date_fn": lambda date: [date, date.add(days=1)]},
            (LOGICAL_DATE, LOGICAL_DATE + timedelta(1)),
        ),
        ({"execution_date_fn": lambda date, ds: date if ds == "2024-05-06" else None}, (LOGICAL_DATE,)),
    ],
)
def test_the_dates_that_are_waited_for(arguments: dict[str, Any], dates: tuple[datetime, ...]) -> None:
    others = FakeOtherRuns()
    sensing(others, **arguments)
    assert others.watched[0].execution_dates == dates


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"external_task_id": "a", "external_task_ids": ["b"]}, ValueError),
        ({"external_task_id": "a", "external_task_group_id": "g"}, ValueError),
        ({"execution_delta": timedelta(1), "execution_date_fn": lambda date: date}, ValueError),
        ({"allowed_states": ["success"], "failed_states": ["success"]}, AirflowException),
        ({"allowed_states": ["skipped"]}, ValueError),
        ({"external_task_id": "a", "allowed_states": ["nice"]}, ValueError),
    ],
)
def test_arguments_that_a_sensor_refuses(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ExternalTaskSensor(task_id="wait", external_dag_id="child", **arguments)
