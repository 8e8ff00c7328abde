import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib import bootstrap, handlers
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.callbacks import CallbackKind, CallbackRequest
from chalicelib.domain.messages import Message, PlanNextRun, RunCallback, StartRun
from chalicelib.domain.runs.dag_runs import RunRef
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.custom import TimetableAnswer, TimetableQuestion
from chalicelib.domain.schedule.timetables import CUSTOM, Schedule
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.engine.dags import pausing
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import RunningXComs, TryReport
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.queues.messages import encode
from chalicelib.queues.resend import Record
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import engine_with_contract_dags
from tests.scripted.engines import take_sent
from tests.scripted.failures import let_fail, raising
from tests.unit.function_context import FunctionContext

DAG = "contract_conf"
LITTLE_TIME = FunctionContext(remaining=handlers.TIME_OF_A_MESSAGE - timedelta(seconds=1))


def _event(*bodies: str, received: int = 1) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "r",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(received)},
                "messageAttributes": {},
            }
            for number, body in enumerate(bodies)
        ]
    }


def _failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


class RecordingRunTry:
    """Succeeds at every try, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[TryRequest] = []

    def __call__(self, request: TryRequest, _xcoms: RunningXComs) -> TryReport:
        self.requests.append(request)
        return TryReport(outcome=TryOutcome(result=TryResult.SUCCESS), log=b"")


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def engine(clock: MovedClock) -> Engine:
    engine = engine_with_contract_dags(clock)
    pausing.set_paused(engine, DAG, paused=False, changed_by="test")
    return engine


@pytest.fixture
def run_try() -> RecordingRunTry:
    return RecordingRunTry()


@pytest.fixture(autouse=True)
def _in_use(engine: Engine, run_try: RecordingRunTry) -> Iterator[None]:
    with bootstrap.use(engine=engine, run_try=run_try):
        yield


def _sent(engine: Engine) -> list[str]:
    messages: list[Message] = [outgoing.message for outgoing in take_sent(engine)]
    return [encode(message) for message in messages]


def _trigger(engine: Engine, clock: MovedClock) -> list[str]:
    take_sent(engine)
    create_run(engine, RunRequest(dag_id=DAG, execution_date=clock(), triggered_by="test"))
    return _sent(engine)


def test_the_scheduler_starts_a_run_and_the_worker_runs_its_first_task(
    engine: Engine, clock: MovedClock, run_try: RecordingRunTry
) -> None:
    started = handlers.scheduler(_event(*_trigger(engine, clock)), FunctionContext())
    ran = handlers.worker(_event(*_sent(engine)), FunctionContext())
    assert (started, ran) == (_failed(), _failed())
    assert [request.task_id for request in run_try.requests] == ["read"]
    (run,) = engine.store.dag_runs.list(DAG)
    assert run.state == DagRunState.RUNNING
    instance = engine.store.task_instances.get(run.run_uid, task_key("read"))
    assert instance is not None
    assert instance.state == TaskInstanceState.SUCCESS


def test_the_worker_calls_back(engine: Engine, clock: MovedClock) -> None:
    asked: list[CallbackRequest] = []

    def run_callbacks(request: CallbackRequest, _xcoms: RunningXComs) -> bytes:
        asked.append(request)
        return b"called"

    _trigger(engine, clock)
    (run,) = engine.store.dag_runs.list(DAG)
    kind = CallbackKind.FAILURE
    message = RunCallback(run=run.facts(clock()), kind=kind, reason="no", task_id="read", try_number=1)
    with bootstrap.use(run_callbacks=run_callbacks):
        assert handlers.worker(_event(encode(message)), FunctionContext()) == _failed()
    assert [(request.kind, request.reason, request.fileloc) for request in asked] == [
        (kind, "no", f"{DAG}.py")
    ]
    log = engine.store.task_logs.read_callback(run.ref, run.run_id, task_key("read"), 1, kind)
    assert log == b"called"
    assert handlers.scheduler(_event(encode(message)), FunctionContext()) == _failed(0)


def test_the_worker_asks_timetables(engine: Engine, clock: MovedClock) -> None:
    dag = engine.store.dags.get(DAG)
    assert dag is not None
    own = engine.store.dags.save(replace(dag, schedule=Schedule(expression=CUSTOM, is_custom=True)))
    engine.store.dags.set_next_run(own, None, None, ask_at=clock())
    asked: list[TimetableQuestion] = []

    def ask(question: TimetableQuestion) -> TimetableAnswer:
        asked.append(question)
        return TimetableAnswer(error="no")

    message = PlanNextRun(dag_id=DAG, generation=dag.generation)
    with bootstrap.use(ask_timetable=ask):
        assert handlers.worker(_event(encode(message)), FunctionContext()) == _failed()
    assert [(question.dag_id, question.fileloc) for question in asked] == [(DAG, f"{DAG}.py")]
    found = engine.store.dags.get(DAG)
    assert found is not None
    assert found.planning_error == "no"
    assert handlers.scheduler(_event(encode(message)), FunctionContext()) == _failed(0)


def test_a_lease_ends_with_the_invocation_and_each_has_its_own_token(
    engine: Engine, clock: MovedClock
) -> None:
    (record,) = SQSEvent(_event("x"), FunctionContext())  # type: ignore[arg-type]  # Lambda's, no dict
    now = clock()
    first, second = handlers._invocation(engine, record), handlers._invocation(engine, record)
    assert first.token != second.token
    assert first.token.startswith("request-1-")
    assert timedelta(seconds=60) <= first.ends_at - now < timedelta(seconds=61)
    assert first.unixname


def test_a_message_that_fails_does_not_stop_the_others_of_its_batch(
    engine: Engine, clock: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    (start,) = _trigger(engine, clock)
    assert handlers.scheduler(_event("no message", start), FunctionContext()) == _failed(0)
    (run,) = engine.store.dag_runs.list(DAG)
    assert run.state == DagRunState.RUNNING
    assert "message-0" in caplog.text


def test_only_the_first_message_of_a_batch_is_begun_with_little_time_left(
    engine: Engine, clock: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    (start,) = _trigger(engine, clock)
    sent_again: list[tuple[str, str]] = []

    def resend(queue: str, record: Record, original_id: str | None = None) -> None:
        sent_again.append((queue, record["messageId"]))

    with bootstrap.use(resend=resend):
        assert handlers.scheduler(_event(start, start, start), LITTLE_TIME) == _failed()
    (run,) = engine.store.dag_runs.list(DAG)
    assert run.state == DagRunState.RUNNING
    assert sent_again == [("updraft-local-scheduling", f"message-{number}") for number in (1, 2)]
    assert "no time left" in caplog.text


def test_a_message_that_cannot_be_sent_again_stays_in_the_queue(engine: Engine, clock: MovedClock) -> None:
    (start,) = _trigger(engine, clock)
    with bootstrap.use(resend=raising(StoreUnavailable("throttled"))):
        assert handlers.scheduler(_event(start, start), LITTLE_TIME) == _failed(1)


def test_a_poison_message_is_logged_when_it_first_comes(caplog: pytest.LogCaptureFixture) -> None:
    for received in (1, 2, 3):
        assert handlers.worker(_event("{}", received=received), FunctionContext()) == _failed(0)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_message_in_the_wrong_queue_is_poison(engine: Engine, clock: MovedClock) -> None:
    (start,) = _trigger(engine, clock)
    handlers.scheduler(_event(start), FunctionContext())
    (run_task,) = _sent(engine)
    assert handlers.worker(_event(start), FunctionContext()) == _failed(0)
    assert handlers.scheduler(_event(run_task), FunctionContext()) == _failed(0)


@pytest.mark.parametrize(
    ("error", "level", "traceback"),
    [(StoreUnavailable("throttled"), logging.WARNING, False), (RuntimeError("a bug"), logging.ERROR, True)],
)
def test_what_fails_comes_again_and_is_logged(
    engine: Engine,
    clock: MovedClock,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    level: int,
    traceback: bool,
) -> None:
    start = StartRun(run=RunRef(dag_id=DAG, execution_date=clock(), run_uid="u", generation=1, version="v1"))
    dags, runs = engine.store.dags, engine.store.dag_runs
    for read in (dags.get, runs.get, runs.get_with_dag):
        let_fail(read, error)
    assert handlers.scheduler(_event(encode(start)), FunctionContext()) == _failed(0)
    assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [
        (level, traceback)
    ]


def test_a_tick_that_is_cut_short_is_left_to_the_next(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    let_fail(engine.store.dag_runs.due, StoreUnavailable("throttled"))
    assert handlers.tick(_TICK, FunctionContext()) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_tick_finds_runs_that_were_not_heard_of(engine: Engine, clock: MovedClock) -> None:
    _trigger(engine, clock)
    clock.sleep(3600)
    handlers.tick(_TICK, FunctionContext())
    assert any('"rescue_run"' in body for body in _sent(engine))


_TICK = {
    "version": "0",
    "account": "1",
    "region": "eu-west-1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-03-04T05:06:00Z",
    "id": "i",
    "resources": [],
}
