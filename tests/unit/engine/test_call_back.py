"""One message of a callback: what the callbacks are told, and what stops nothing."""

from dataclasses import replace

import pytest

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.callbacks import CallbackKind, CallbackRequest
from chalicelib.domain.messages import RunCallback
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.engine.worker.call_back import call_back
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.failures import let_fail
from tests.scripted.scenarios import start, world_of

KINDS = ("on_failure_callback", "on_success_callback")


class Asked(list[CallbackRequest]):
    """Keeps what was to be called, and leaves an XCom."""

    def __call__(self, request: CallbackRequest, xcoms: RunningXComs) -> bytes:
        self.append(request)
        xcoms.push("seen", "1")
        return b"called"


def ended(shapes: list[Shape]) -> tuple[World, DagRun, list[RunCallback]]:
    """A run that has ended, and the messages that it sent."""
    dag = ScriptedDag(shapes, callbacks=KINDS)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    return world, run, [message for message in world.queue.sent if isinstance(message, RunCallback)]


def test_a_task_s_callbacks_are_told_of_the_try_and_may_leave_xcoms() -> None:
    world, run, messages = ended([Shape("a", behaviour="fail", callbacks=KINDS)])
    asked = Asked()
    call_back(world.engine, messages[0], asked)
    (request,) = asked
    (instance,) = request.instances
    assert (request.kind, request.of_dag, request.reason) == (CallbackKind.FAILURE, False, "fail")
    assert (request.fileloc, request.run_state, request.run_end_date) == ("scripted.py", "running", None)
    assert (instance.request.task_id, instance.request.try_number, instance.state) == ("a", 1, "failed")
    assert world.store.xcoms.pull(run.run_uid, "a", -1, "seen") == "1"
    assert world.store.task_logs.read_callback(run.ref, run.run_id, "a#-1", 1, KINDS[0]) == b"called"


def test_the_dag_s_callbacks_are_told_of_the_whole_run() -> None:
    world, run, messages = ended(
        [
            Shape("a", behaviour="branch", follow=("c",)),
            Shape("b", ("a",)),
            Shape("c", ("a",), behaviour="fail"),
        ]
    )
    asked = Asked()
    call_back(world.engine, messages[-1], asked)
    (request,) = asked
    assert (request.kind, request.of_dag, request.reason) == (CallbackKind.FAILURE, True, "task_failure")
    assert (request.run_state, request.run_end_date) == ("failed", world.clock.now)
    states = [(instance.request.task_id, instance.state) for instance in request.instances]
    assert states == [("a", "success"), ("b", "skipped"), ("c", "failed")]
    assert world.store.task_logs.read_callback(run.ref, run.run_id, None, 0, KINDS[0]) == b"called"


def test_what_ended_before_its_dag_was_deleted_is_called_back() -> None:
    world, _, messages = ended([Shape("a", callbacks=KINDS)])
    delete_dag(world.engine, "scripted")
    world.drain()
    asked = Asked()
    for message in messages:
        call_back(world.engine, message, asked)
    assert [request.of_dag for request in asked] == [False, True]


def test_a_dag_that_nobody_knows_is_logged_and_done(caplog: pytest.LogCaptureFixture) -> None:
    world, _, messages = ended([Shape("a", callbacks=KINDS)])
    ref = replace(messages[0].run.ref, dag_id="unknown")
    asked = Asked()
    call_back(world.engine, replace(messages[0], run=replace(messages[0].run, ref=ref)), asked)
    assert asked == []
    assert "on_success_callback of DAG unknown is not called" in caplog.text


def test_a_log_that_cannot_be_kept_does_not_call_again(caplog: pytest.LogCaptureFixture) -> None:
    world, _, messages = ended([Shape("a", callbacks=KINDS)])
    let_fail(world.store.task_logs.save_callback, StoreUnavailable("the bucket is away"))
    call_back(world.engine, messages[0], Asked())
    assert "the log of on_success_callback of a#-1 was not kept" in caplog.text
