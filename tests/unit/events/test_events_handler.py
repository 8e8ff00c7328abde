"""The Lambda behind the queue of events."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap, handlers
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.engine.engine import Engine
from chalicelib.events.declarations import parse_declarations
from chalicelib.events.requests import run_id
from chalicelib.queues.dead_letters import DeadLetter
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import engine_with_contract_dags
from tests.scripted.failures import let_fail
from tests.scripted.recorded_events import record, records_of
from tests.unit.function_context import FunctionContext

DAG = "contract_conf"

DECLARATIONS = parse_declarations(
    f"""
[[event]]
dag_id = "{DAG}"
source = "eventbridge"
pattern = {{ source = ["acme.shop"] }}

[[event]]
dag_id = "{DAG}"
source = "sqs"
attributes = {{ kind = ["greeting"] }}
"""
)


class KeptDeadLetters:
    """Keeps what it is given, unless it is full."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.is_full = False

    def put(self, letter: DeadLetter) -> None:
        if self.is_full:
            raise StoreUnavailable("the dead-letter queue did not take a message")
        self.letters.append(letter)


@pytest.fixture
def engine() -> Engine:
    return engine_with_contract_dags(MovedClock())


@pytest.fixture
def dead_letters() -> KeptDeadLetters:
    return KeptDeadLetters()


@pytest.fixture(autouse=True)
def _in_use(engine: Engine, dead_letters: KeptDeadLetters) -> Iterator[None]:
    with bootstrap.use(engine=engine, declarations=DECLARATIONS, dead_letters=dead_letters):
        yield


def handle(*records: dict[str, Any]) -> list[str]:
    """The ids of the messages that are to come again."""
    reply = handlers.events({"Records": list(records)}, FunctionContext())
    return [failure["itemIdentifier"] for failure in reply["batchItemFailures"]]


def test_a_poisoned_message_goes_to_the_dead_letters_and_delays_no_other(
    engine: Engine, dead_letters: KeptDeadLetters
) -> None:
    batch = records_of("sqs_batch_with_poison")
    assert handle(*batch) == []
    assert {run.run_id for run in engine.store.dag_runs.list(DAG)} == {
        "eventbridge__7bf73129-1428-4cd3-a780-95db273d1602",
        run_id("sqs__sqs_batch_with_poison/2"),
    }
    (letter,) = dead_letters.letters
    assert letter.record["body"] == batch[1]["body"]
    assert letter.code == "unreadable_event"
    assert "yesterday" in letter.reason


def test_an_event_for_a_deleted_dag_is_put_aside_with_the_reason(
    engine: Engine, dead_letters: KeptDeadLetters, caplog: pytest.LogCaptureFixture
) -> None:
    engine.store.dags.mark_deleted(DAG)
    assert handle(*records_of("eventbridge_custom")) == []
    (letter,) = dead_letters.letters
    assert (letter.code, letter.reason) == ("dag_not_found", f"Dag id {DAG} not found in DagModel")
    assert "goes to the dead letters" in caplog.text


def test_a_message_that_cannot_be_put_aside_comes_again(dead_letters: KeptDeadLetters) -> None:
    dead_letters.is_full = True
    assert handle(record("undeclared", "m-7")) == ["m-7"]


def test_an_event_that_the_store_has_no_time_for_comes_again(
    engine: Engine, dead_letters: KeptDeadLetters
) -> None:
    let_fail(engine.store.dags.get, StoreUnavailable("throttled"))
    (event,) = records_of("eventbridge_custom")
    assert handle(event, record("undeclared", "m-7")) == ["eventbridge_custom/0"]
    assert [letter.record["messageId"] for letter in dead_letters.letters] == ["m-7"]
