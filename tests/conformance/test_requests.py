"""Each method makes as many requests as its docstring says."""

from typing import get_type_hints

import pytest

from chalicelib.domain.payload import INLINE_LIMIT
from chalicelib.engine.ports.store import Store
from chalicelib.store.dynamodb import DynamoStore
from tests.conformance.calls import CALLS, RUN, VERSION, populate
from tests.meter import Meter
from tests.scripted.examples import NOON, a_run, a_waiter

OTHERS = {"users", "proof_key", "replays", "task_logs", "pools.clear_waiting", "pools.drop_holder"}
"""Rooms and methods whose requests are counted where they are tested: logins, the bucket, shards as read."""

LARGE = "x" * (INLINE_LIMIT + 1)


@pytest.mark.parametrize("name", CALLS)
def test_a_method_makes_the_requests_it_says(dynamo: DynamoStore, name: str) -> None:
    call, expected = CALLS[name]
    populate(dynamo)
    with Meter() as meter:
        call(dynamo)
    assert meter.dynamodb == expected
    assert not meter.s3


def test_every_method_of_the_ports_is_called() -> None:
    rooms = {name: get_type_hints(room.fget)["return"] for name, room in vars(Store).items() if is_room(room)}
    methods = {
        f"{name}.{method}" for name, room in rooms.items() for method in vars(room) if method[0] != "_"
    }
    called = {name.partition(",")[0] for name in CALLS}
    assert {name for name in methods - called if not {name, name.split(".")[0]} & OTHERS} == set()


def is_room(attribute: object) -> bool:
    return isinstance(attribute, property)


def test_values_are_cleared_25_at_a_time(dynamo: DynamoStore) -> None:
    for number in range(26):
        dynamo.xcoms.push("01RUN", "t", -1, f"key{number}", "1")
    with Meter() as meter:
        dynamo.xcoms.clear("01RUN", "t", -1)
    assert meter.dynamodb == {("Query", "xcoms"): 1, ("BatchWriteItem", "xcoms"): 2}
    assert meter.write_units == 26


def test_all_values_of_a_mapped_task_cost_a_request_per_megabyte(dynamo: DynamoStore) -> None:
    value = '"' + "x" * (INLINE_LIMIT - 2) + '"'
    for index in range(100):
        dynamo.xcoms.push("01RUN", "t", index, "return_value", value)
    with Meter() as meter:
        pulled = [*dynamo.xcoms.pull_all("01RUN", "t", "return_value")]
    assert len(pulled) == 100
    assert meter.dynamodb == {("Query", "xcoms"): 2}


def test_marks_and_lost_holders_cost_one_request_each(dynamo: DynamoStore) -> None:
    populate(dynamo)
    dynamo.pools.add_waiter(a_waiter())
    shard = dynamo.pools.shards("gpu")[0]
    with Meter() as meter:
        dynamo.pools.clear_waiting(shard)
        dynamo.pools.drop_holder(shard, "a")
    assert meter.dynamodb == {("UpdateItem", "pools"): 2}


def test_a_version_is_read_once_in_a_process(dynamo: DynamoStore) -> None:
    populate(dynamo)
    dynamo.dags.version("sales", "v1")
    with Meter() as meter:
        assert dynamo.dags.version("sales", "v1") == VERSION
    assert meter.dynamodb_requests == 0


def test_what_is_large_costs_one_request_to_the_bucket(dynamo: DynamoStore) -> None:
    with Meter() as meter:
        dynamo.xcoms.push("01RUN", "t", -1, "key", LARGE)
    assert (dict(meter.s3), meter.dynamodb_requests) == ({"PutObject": 1}, 1)
    with Meter() as meter:
        dynamo.xcoms.pull("01RUN", "t", -1, "key")
    assert (dict(meter.s3), meter.dynamodb_requests) == ({"GetObject": 1}, 1)
    with Meter() as meter:
        dynamo.payloads.read(dynamo.payloads.keep("key", LARGE))
        dynamo.task_logs.save(RUN, "daily", "t#-1", 1, b"log")
        dynamo.task_logs.read(RUN, "daily", "t#-1", 2)
    assert (dict(meter.s3), meter.dynamodb_requests) == ({"PutObject": 2, "GetObject": 2}, 0)


def test_reads_that_decide_are_strongly_consistent(dynamo: DynamoStore) -> None:
    populate(dynamo)
    with Meter() as meter:
        dynamo.dags.get("sales")
        dynamo.dag_runs.get_with_dag("sales", NOON)
        dynamo.pools.shards("gpu")
    assert meter.read_units == 1 + 2 + 1


def test_creating_a_run_costs_two_units_an_item_and_one_for_the_index(dynamo: DynamoStore) -> None:
    with Meter() as meter:
        dynamo.dag_runs.create(a_run(), NOON)
    assert meter.write_units == 2 + 2 + 2 + 1
