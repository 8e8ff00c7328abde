"""Which invocation, run, task and try the lines of each handler name, and what handlers observe."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import __version__, bootstrap, handlers
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.observations import MessagePutAside, Observation
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.dags import pausing
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import RunningXComs, TryReport
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.queues.dead_letters import DeadLetter
from chalicelib.queues.messages import encode
from chalicelib.settings import Settings
from chalicelib.telemetry.bound import bound_fields
from chalicelib.telemetry.log_lines import JsonLines
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import engine_with_contract_dags
from tests.scripted.engines import take_sent
from tests.scripted.failures import let_fail
from tests.scripted.in_process_api import InProcessApi
from tests.scripted.recorded_events import record
from tests.unit.function_context import FunctionContext

DAG = "contract_conf"


class Lines(logging.Handler):
    """What a function would have written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines("updraft-dev-worker"))
        self.documents: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.documents.append(json.loads(self.format(record)))


class DiscardedDeadLetters:
    def put(self, letter: DeadLetter) -> None:
        """Is lost."""


@pytest.fixture
def observed() -> list[Observation]:
    return []


@pytest.fixture
def engine(observed: list[Observation]) -> Engine:
    engine = replace(engine_with_contract_dags(MovedClock()), observe=observed.append)
    pausing.set_paused(engine, DAG, paused=False, changed_by="test")
    return engine


def run_try(_request: TryRequest, _xcoms: RunningXComs) -> TryReport:
    logging.getLogger("users.module").warning("user code at work")
    return TryReport(outcome=TryOutcome(result=TryResult.SUCCESS), log=b"")


@pytest.fixture(autouse=True)
def _in_use(engine: Engine) -> Iterator[None]:
    with bootstrap.use(engine=engine, run_try=run_try, declarations=(), dead_letters=DiscardedDeadLetters()):
        yield


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.documents
    logging.getLogger().removeHandler(handler)
    assert bound_fields() == {}, "nothing is left for the next invocation"


def event(*bodies: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "Records": [
            {"messageId": f"message-{number}", "receiptHandle": "r", "body": body, "attributes": attributes}
            for number, body in enumerate(bodies)
        ]
    }


def sent(engine: Engine) -> list[str]:
    return [encode(outgoing.message) for outgoing in take_sent(engine)]


def triggered(engine: Engine) -> DagRun:
    take_sent(engine)
    request = RunRequest(dag_id=DAG, execution_date=engine.now(), run_id="r1", triggered_by="test")
    return create_run(engine, request)


def test_what_user_code_logs_names_its_run_its_task_and_its_try(
    engine: Engine, lines: list[dict[str, Any]]
) -> None:
    run = triggered(engine)
    handlers.scheduler(event(*sent(engine)), FunctionContext())
    handlers.worker(event(*sent(engine)), FunctionContext())
    (line,) = lines
    del line["time"]
    assert line == {
        "level": "WARNING",
        "logger": "users.module",
        "message": "user code at work",
        "function": "updraft-dev-worker",
        "updraft_version": __version__,
        "request_id": "request-1",
        "message_id": "message-0",
        "dag_id": DAG,
        "run_id": "r1",
        "run_uid": run.run_uid,
        "execution_date": run.execution_date.isoformat(),
        "task_id": "read",
        "map_index": -1,
        "try_number": 1,
    }


def test_a_message_that_failed_is_logged_with_its_own_ids_and_no_other_s(
    engine: Engine, lines: list[dict[str, Any]]
) -> None:
    run = triggered(engine)
    (start,) = sent(engine)
    let_fail(engine.store.dag_runs.get_with_dag, StoreUnavailable("throttled"))
    handlers.scheduler(event(start, "no message"), FunctionContext())
    failed, poison = lines
    assert (failed["dag_id"], failed["run_uid"], failed["message_id"]) == (DAG, run.run_uid, "message-0")
    assert poison["message_id"] == "message-1"
    assert "dag_id" not in poison


def test_a_poisoned_event_is_observed_when_it_was_put_aside(
    engine: Engine, observed: list[Observation], lines: list[dict[str, Any]]
) -> None:
    handlers.events({"Records": [record("undeclared", "m-7")]}, FunctionContext())
    assert observed == [MessagePutAside(queue="updraft-local-events", code="no_declaration_fits")]
    assert [(line["message_id"], line["request_id"]) for line in lines] == [("m-7", "request-1")]


def test_the_lines_of_a_request_name_its_route_and_its_ids(
    engine: Engine, lines: list[dict[str, Any]]
) -> None:
    runs = engine.store.dag_runs
    for read in (runs.get, runs.get_with_dag):
        let_fail(read, RuntimeError("a bug"))
    settings = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default"})
    resource = "/experimental/dags/{dag_id}/dag_runs/{execution_date}"
    context = {"httpMethod": "GET", "resourcePath": resource, "path": "/api/x", "requestId": "of-the-client"}
    request = {
        "requestContext": context,
        "headers": {},
        "pathParameters": {"dag_id": DAG, "execution_date": "2026-01-01T00:00:00%2B00:00"},
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
    }
    with bootstrap.use(settings=settings):
        assert InProcessApi(settings).app(request, FunctionContext())["statusCode"] == 500
    (line,) = lines
    assert line["route"] == "GET /experimental/dags/{dag_id}/dag_runs/{execution_date}"
    assert (line["dag_id"], line["execution_date"]) == (DAG, "2026-01-01T00:00:00+00:00")
    assert (line["api_request_id"], line["request_id"]) == ("of-the-client", "request-1")
    assert line["exception"].endswith("RuntimeError: a bug")


def test_the_audit_log_is_fields_of_its_line(engine: Engine, lines: list[dict[str, Any]]) -> None:
    logging.getLogger("chalicelib").setLevel(logging.INFO)
    settings = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default"})
    with bootstrap.use(settings=settings):
        InProcessApi(settings).send("GET", f"/api/experimental/dags/{DAG}/paused/true", {}, b"")
    (line,) = lines
    assert (line["logger"], line["message"], line["audit"]) == ("chalicelib.audit", "change", "change")
    assert line["changed"] == {"dag_id": DAG, "is_paused": True}
