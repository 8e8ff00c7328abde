"""Operators of the core that are deferred: each from its try over a window of its trigger to its end."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring import clock
from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.operators.trigger_dagrun import TriggerDagRunOperator
from chalicelib.authoring.running.windows import run_window
from chalicelib.authoring.sensors.deferred_dates import WaitSensor
from chalicelib.authoring.sensors.external_task import ExternalTaskSensor
from chalicelib.authoring.sensors.filesystem import FileSensor
from chalicelib.authoring.surroundings import configuration
from chalicelib.authoring.triggers.external_task import WorkflowTrigger
from chalicelib.domain.runs.deferrals import (
    Deferral,
    Deferring,
    TriggerRequest,
    WindowOutcome,
    WindowRequest,
    WindowResult,
)
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import DagRunState
from tests.unit.authoring.running import FakeXComs, a_dag, run
from tests.unit.authoring.test_other_runs import STANDING, FakeOtherRuns, having


class _Standing:
    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a window does not wait")


class Task:
    """A task on its way."""

    def __init__(self, kind: type[BaseOperator], others: FakeOtherRuns, **arguments: Any) -> None:
        self.others, self.xcoms = others, FakeXComs()
        with a_dag() as self.dag:
            kind(task_id="work", **arguments)

    def begin(self) -> Deferring:
        """Its try, which is deferred."""
        outcome = run(self.dag, "work", self.xcoms, other_runs=self.others)
        assert outcome.result is TryResult.DEFERRED, outcome.reason
        assert outcome.deferring is not None
        return outcome.deferring

    def window(self, deferring: Deferring, after: float = 0.0) -> WindowOutcome:
        """A window of its trigger."""
        return window_of(deferring.classpath, deferring.kwargs, self.others, after)

    def resume(self, deferring: Deferring, event: str | None) -> TryOutcome:
        """What the try comes to that goes on by the event."""
        now = utcnow()
        deferral = Deferral(
            trigger_id=1,
            window=1,
            classpath=deferring.classpath,
            kwargs=deferring.kwargs,
            method_name=deferring.method_name,
            method_kwargs=deferring.method_kwargs,
            created_at=now,
            began_at=now,
            due_at=now,
            event=event,
        )
        return run(self.dag, "work", self.xcoms, other_runs=self.others, deferral=deferral, start_date=now)


def window_of(classpath: str, kwargs: str, others: FakeOtherRuns, after: float = 0.0) -> WindowOutcome:
    now = utcnow()
    request = TriggerRequest(
        dag_id="d",
        run_id="r",
        task_id="work",
        map_index=-1,
        try_number=1,
        trigger_id=1,
        classpath=classpath,
        kwargs=kwargs,
        created_at=now,
    )
    ends: dict[int, WindowOutcome] = {}
    with clock.living_by(_Standing(now + timedelta(seconds=after))):
        run_window(WindowRequest(fileloc="d.py", triggers=(request,)), None, ends.__setitem__, others)
    return ends[0]


def test_a_run_of_another_dag_is_waited_for_without_slots() -> None:
    task = Task(
        TriggerDagRunOperator,
        FakeOtherRuns(),
        trigger_dag_id="child",
        wait_for_completion=True,
        deferrable=True,
    )
    deferring = task.begin()
    assert task.window(deferring).result is WindowResult.WAITS
    assert task.others.standing is not None
    task.others.standing = replace(task.others.standing, state=DagRunState.SUCCESS)
    fired = task.window(deferring)
    assert fired.result is WindowResult.FIRED
    assert task.resume(deferring, fired.event).result is TryResult.SUCCESS
    assert len(task.others.triggered) == 1
    task.others.standing = replace(task.others.standing, state=DagRunState.FAILED)
    failed = task.resume(deferring, fired.event)
    assert failed.result is TryResult.FAILED
    assert "child failed with failed state failed" in failed.reason


@pytest.mark.parametrize(
    ("others", "arguments", "is_there"),
    [
        (FakeOtherRuns(), {}, False),
        (FakeOtherRuns(standing=STANDING), {}, False),
        (FakeOtherRuns(standing=STANDING), {"allowed_states": ["failed"]}, True),
        (having("success"), {"external_task_id": "a"}, True),
        (having("success", "running"), {"external_task_group_id": "g"}, False),
        (having("success", "success"), {"external_task_group_id": "g"}, True),
        (having("failed"), {"external_task_id": "a", "failed_states": ["failed"]}, False),
    ],
)
def test_what_another_dag_does_is_waited_for_deferred(
    others: FakeOtherRuns, arguments: dict[str, Any], is_there: bool
) -> None:
    task = Task(ExternalTaskSensor, others, external_dag_id="child", deferrable=True, **arguments)
    deferring = task.begin()
    outcome = task.window(deferring)
    assert outcome.result is (WindowResult.FIRED if is_there else WindowResult.WAITS)
    if is_there:
        assert task.resume(deferring, outcome.event).result is TryResult.SUCCESS


@pytest.mark.parametrize(
    ("event", "soft_fail", "result"),
    [
        ('{"status":"skipped"}', False, TryResult.SKIPPED),
        ('{"status":"failed"}', True, TryResult.SKIPPED),
        ('{"status":"failed"}', False, TryResult.FAILED),
    ],
)
def test_it_ends_as_the_trigger_says(event: str, soft_fail: bool, result: TryResult) -> None:
    task = Task(
        ExternalTaskSensor, FakeOtherRuns(), external_dag_id="child", deferrable=True, soft_fail=soft_fail
    )
    assert task.resume(task.begin(), event).result is result


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({"failed_states": ["failed"]}, "failed"),
        ({"failed_states": ["success"]}, "success"),
        ({"skipped_states": ["failed"]}, "skipped"),
        ({"allowed_states": ["failed"]}, "success"),
    ],
)
def test_the_trigger_of_other_dags_tells_states_apart(states: dict[str, Any], status: str) -> None:
    from chalicelib.authoring.running.xcom_values import from_json, to_json

    trigger = WorkflowTrigger("child", [STANDING.execution_date], external_task_ids=["a"], **states)
    classpath, kwargs = trigger.serialize()
    fired = window_of(classpath, to_json(kwargs), having("failed"))
    assert from_json(fired.event or "") == {"status": status}


def test_a_file_is_waited_for_deferred(tmp_path: Path) -> None:
    path = tmp_path / "there"
    task = Task(
        FileSensor, FakeOtherRuns(), filepath=str(path), deferrable=True, poke_interval=30, timeout=300
    )
    deferring = task.begin()
    assert deferring.timeout_at is not None
    assert (deferring.timeout_at - utcnow()).total_seconds() == pytest.approx(300, abs=5)
    assert task.window(deferring, after=31).result is WindowResult.WAITS
    path.touch()
    fired = task.window(deferring, after=61)
    assert task.resume(deferring, fired.event).result is TryResult.SUCCESS
    assert task.resume(deferring, "false").reason.endswith("work task failed as " + f"{path} not found.")
    assert run(task.dag, "work", task.xcoms).result is TryResult.SUCCESS


def test_a_file_may_be_waited_for_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.touch()
    task = Task(FileSensor, FakeOtherRuns(), filepath=str(path), deferrable=True, start_from_trigger=True)
    assert task.window(task.begin()).result is WindowResult.FIRED


def test_a_while_may_be_waited_for_deferred() -> None:
    task = Task(WaitSensor, FakeOtherRuns(), time_to_wait=10, deferrable=True)
    deferring = task.begin()
    assert task.window(deferring, after=590).result is WindowResult.WAITS
    assert task.window(deferring, after=610).result is WindowResult.SUCCESS


def test_an_option_makes_operators_deferrable() -> None:
    def lookup(section: str, key: str) -> str | None:
        return "True" if (section, key) == ("operators", "default_deferrable") else None

    with configuration.configured_by(lookup):
        assert (
            Task(FileSensor, FakeOtherRuns(), filepath="/nowhere").begin().classpath.endswith("FileTrigger")
        )
        asleep = Task(FileSensor, FakeOtherRuns(), filepath="/nowhere", deferrable=False)
    assert run(asleep.dag, "work").result is TryResult.RESCHEDULED
