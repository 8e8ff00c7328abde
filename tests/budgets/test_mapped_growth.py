"""What a mapped task of many instances costs: the same for each of them, however many there are.

Counted over the store in memory, each of whose calls is one request to DynamoDB (``tests.conformance``), so
that thousands of instances take seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import pytest

from chalicelib.domain.graph.expansion import Expansion, OutputOf
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RunTask
from chalicelib.domain.slots.pools import Pool
from chalicelib.queues.messages import decode
from tests.pages import page, table
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import run_state, start, world_of
from tests.scripted.world import ScriptedWorld

WIDTHS = (10, 100, 1_000, 5_000)
WIDE = "wide"
"""A pool that no instance has to wait for."""

_MANY = 10**9


@dataclass(frozen=True)
class Cost:
    """Of a run: a source, a task mapped over it, a join."""

    expansion: int
    """Requests of the handler that expands, beside three for each instance."""
    ends: int
    """Requests of the handlers that run the instances."""
    messages: int
    """Messages sent for instances."""
    largest_item: int
    """Notes on the item that has the most of them."""


def counted(world: ScriptedWorld) -> Iterator[tuple[str, int]]:
    """Deliver in order; of each message the task, and how many calls of ports its handler made."""
    while world.queue.waiting:
        entry = world.queue.waiting[0]
        message = decode(entry.message)
        world.faults.calls_left = _MANY
        world.deliver(entry, keep_faults=True)
        assert world.faults.calls_left is not None
        # The conf of a run stands in the message: reading it is a call, but no request.
        task_id = message.task_id if isinstance(message, RunTask) else ""
        yield task_id, _MANY - world.faults.calls_left - bool(task_id)
        world.faults.disarm()


def cost(width: int) -> Cost:
    mapped = Expansion(own=OutputOf(task_id="source"))
    shapes = [
        Shape("source", returns=width, pool=WIDE),
        Shape("each", ("source",), expansion=mapped, pool=WIDE),
        Shape("join", ("each",), pool=WIDE),
    ]
    dag = ScriptedDag(shapes, max_active_tasks=64 * WIDTHS[-1])
    world = world_of(dag, 0)
    world.store.pools.save(Pool(name=WIDE, slots=64 * WIDTHS[-1], description=None, id=1))
    run = start(world, dag)
    calls: dict[str, list[int]] = {}
    for task_id, number in counted(world):
        calls.setdefault(task_id, []).append(number)
    assert run_state(world, dag) == "success"
    (source,), each = calls["source"], calls["each"]
    items = dict(world.store.task_instances.list(run.run_uid))
    sends = ceil(width / 10)
    return Cost(
        expansion=source - 3 * width - sends,
        ends=sum(each),
        messages=len(each),
        largest_item=max(sum(map(len, item.notes.values())) for item in items.values()),
    )


@pytest.fixture(scope="module")
def costs() -> dict[int, Cost]:
    return {width: cost(width) for width in WIDTHS}


def test_an_expansion_takes_at_most_two_requests_beside_its_instances(costs: dict[int, Cost]) -> None:
    # of the source itself: claim, DAG, log, end, slots and place back; then the length
    assert {width: found.expansion for width, found in costs.items()} == dict.fromkeys(WIDTHS, 6 + 1)


def test_the_end_of_an_instance_takes_the_same_however_many_there_are(costs: dict[int, Cost]) -> None:
    for width, found in costs.items():
        buckets = ceil(width / BUCKET_SIZE) if width > BUCKET_SIZE else 0
        # claim, DAG, log, end, slots and place back, arrival; once: the join hears, is started, is sent
        assert found.ends == 7 * width + buckets + 5


def test_one_message_is_sent_for_each_instance(costs: dict[int, Cost]) -> None:
    assert {width: found.messages for width, found in costs.items()} == {width: width for width in WIDTHS}


def test_no_item_grows_with_the_number_of_instances(costs: dict[int, Cost]) -> None:
    # in a bucket, each instance says how it ended and that it left a value; above, each bucket does
    assert all(
        found.largest_item <= 3 * max(BUCKET_SIZE, ceil(5_000 / BUCKET_SIZE)) for found in costs.values()
    )


def test_the_page_says_what_was_counted(costs: dict[int, Cost]) -> None:
    rows = [
        [f"{width:,}", str(found.expansion - 6), f"{found.ends / width:.2f}", "1", str(found.largest_item)]
        for width, found in costs.items()
    ]
    assert table(page("costs"), "Instances") == rows
