"""The function that runs triggers: a batch shares an invocation, and what fails of it comes again alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap, handlers
from chalicelib.deploy.description.functions import FEEDS, TRIGGERER
from chalicelib.domain.messages import RunTrigger
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowRequest
from chalicelib.domain.states import TaskInstanceState
from chalicelib.queues.messages import decode
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import item_state, start, world_of
from tests.scripted.world import ScriptedWorld, outcome_of_window
from tests.unit.function_context import FunctionContext

BATCH = FEEDS[TRIGGERER].batch_size
TASKS = [f"wait_{number:02d}" for number in range(BATCH)]


@pytest.fixture
def world() -> ScriptedWorld:
    """A run of as many deferred tasks as a batch has messages, whose triggers fire in their first window."""
    dag = ScriptedDag([Shape(name, defers=1, fires_after=0) for name in TASKS])
    world = world_of(dag, 1)
    start(world, dag)
    for entry in list(world.queue.visible()):
        world.deliver(entry)
    for entry in list(world.queue.visible()):
        world.deliver(entry)
    return world


@pytest.fixture
def asked(world: ScriptedWorld) -> Iterator[list[WindowRequest]]:
    requests: list[WindowRequest] = []

    def run_window(request: WindowRequest) -> tuple[WindowOutcome, ...]:
        requests.append(request)
        return tuple(outcome_of_window(trigger, world.clock.now) for trigger in request.triggers)

    with bootstrap.use(engine=world.engine, run_window=run_window):
        yield requests


def batch(*bodies: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "Records": [
            {"messageId": str(number), "receiptHandle": "r", "body": body, "attributes": attributes}
            for number, body in enumerate(bodies)
        ]
    }


def due(world: ScriptedWorld) -> list[str]:
    entries = [entry.message for entry in world.queue.visible()]
    return [body for body in entries if isinstance(decode(body), RunTrigger)]


def test_a_thousand_due_triggers_take_twenty_invocations(
    world: ScriptedWorld, asked: list[WindowRequest]
) -> None:
    bodies = due(world)
    assert len(bodies) == BATCH
    assert handlers.triggerer(batch(*bodies), FunctionContext()) == {"batchItemFailures": []}
    assert [len(request.triggers) for request in asked] == [BATCH], "one process for all of a DAG file"
    assert 1000 / BATCH == 20
    assert FEEDS[TRIGGERER].batching_window_s == timedelta(seconds=1).total_seconds()


def test_what_cannot_be_read_or_written_comes_again_alone(
    world: ScriptedWorld, asked: list[WindowRequest]
) -> None:
    first, second = due(world)[:2]
    run = next(iter(world.store.dag_runs.list("scripted")))
    reply = handlers.triggerer(
        batch("no message", first, '{"v":1,"type":"start_run"}', second), FunctionContext()
    )
    assert reply == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "2"}]}
    assert [len(request.triggers) for request in asked] == [2]
    states = [item_state(world, run, name) for name in TASKS[:3]]
    assert states == [TaskInstanceState.QUEUED, TaskInstanceState.QUEUED, TaskInstanceState.DEFERRED]
