"""Every method survives what DynamoDB does now and then, and nothing is done twice or lost."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstanceChange
from chalicelib.store.dynamodb import DynamoStore
from chalicelib.store.dynamodb.connection import ATTEMPTS
from tests.conformance.calls import CALLS, UNTOUCHED, populate
from tests.conformance.faults import LOST, NONE, PASSING, THROTTLED, Answered, Fault, faults
from tests.moto_aws import empty_tables
from tests.scripted.examples import NOON, a_dag, a_pool, a_run

RUN_ITEM = {"dag_id": {"S": "sales"}, "run_uid": {"S": "01RUN"}}
OTHER_ITEM = {"dag_id": {"S": "sales"}, "run_uid": {"S": "02RUN"}}
CONFLICT = {"Code": "TransactionConflict"}

METHODS = [name for name in CALLS if CALLS[name][1]]


@pytest.fixture(scope="module")
def undisturbed(moto_store: DynamoStore) -> dict[str, tuple[Any, Any]]:
    """What each call answers and leaves in the tables when nothing goes wrong."""
    outcomes = {}
    for name in METHODS:
        empty_tables()
        outcomes[name] = _outcome(moto_store, name)
    return outcomes


@pytest.mark.parametrize("times", [1, 3], ids=["once", "thrice"])
@pytest.mark.parametrize("fault", ["conflict", "throttled", "lost"])
@pytest.mark.parametrize("name", METHODS)
def test_a_fault_changes_neither_the_answer_nor_what_is_kept(
    dynamo: DynamoStore, undisturbed: dict[str, tuple[Any, Any]], name: str, fault: str, times: int
) -> None:
    answer, kept = _outcome(dynamo, name, *[_fault(name, fault)] * times)
    expected, expected_kept = undisturbed[name]
    assert kept == expected_kept
    if name == "task_instances.arrive" and fault == "lost":
        # Notes do not say whose they are: as the port says, they are then all there.
        assert (answer.applied, answer.item) == (False, expected.item)
    else:
        assert answer == expected


@pytest.mark.parametrize("fault", PASSING)
def test_each_passing_fault_is_outlived(dynamo: DynamoStore, fault: str) -> None:
    with faults(PASSING[fault], PASSING[fault]) as seen:
        assert dynamo.dags.save(a_dag()) == a_dag()
    assert seen == {"UpdateItem": 3}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_stays_is_reported_without_telling_where(dynamo: DynamoStore, fault: str) -> None:
    with faults(*[PASSING[fault]] * 99) as seen, pytest.raises(StoreUnavailable) as raised:
        dynamo.dags.set_paused("sales", True, "ada")
    assert seen == {"UpdateItem": ATTEMPTS}, "tries are bounded, and nothing below multiplies them"
    assert raised.value.__cause__ is not None
    assert "UpdateItem on updraft-" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_an_error_of_ours_is_not_tried_again(dynamo: DynamoStore) -> None:
    invalid = Answered(code="ValidationException")
    with faults(invalid) as seen, pytest.raises(ClientError) as raised:
        dynamo.dags.set_paused("sales", True, "ada")
    assert seen == {"UpdateItem": 1}
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_a_transaction_that_is_wrong_is_not_tried_again(dynamo: DynamoStore) -> None:
    with (
        faults(_cancelled(CONFLICT, {"Code": "ValidationError"})) as seen,
        pytest.raises(ClientError, match="TransactionCanceledException"),
    ):
        dynamo.dag_runs.create(a_run(), NOON)
    assert seen == {"TransactWriteItems": 1}


@pytest.mark.parametrize(
    ("reasons", "created"),
    [
        ((_failed := {"Code": "ConditionalCheckFailed", "Item": RUN_ITEM}, CONFLICT), True),
        (({"Code": "None"}, _failed, _failed), True),
        (({"Code": "ConditionalCheckFailed", "Item": OTHER_ITEM}, CONFLICT), False),
        (({"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": OTHER_ITEM}), False),
        (({"Code": "ConditionalCheckFailed"}, CONFLICT), False),
    ],
)
def test_a_condition_decides_whatever_else_cancelled_the_transaction(
    dynamo: DynamoStore, reasons: tuple[dict[str, Any], ...], created: bool
) -> None:
    with faults(_cancelled(*reasons)) as seen:
        assert dynamo.dag_runs.create(a_run(), NOON) is created
    assert seen == {"TransactWriteItems": 1}


def test_keys_left_unread_are_read_again(dynamo: DynamoStore) -> None:
    populate(dynamo)
    with faults(_unprocessed("UnprocessedKeys", _both_keys(dynamo))) as seen:
        assert dynamo.dag_runs.get_with_dag("sales", NOON) == (a_dag(), a_run())
    assert seen == {"BatchGetItem": 2}


def test_keys_left_unread_for_ever_are_reported(dynamo: DynamoStore) -> None:
    nothing = _unprocessed("UnprocessedKeys", _both_keys(dynamo))
    with faults(*[nothing] * 99) as seen, pytest.raises(StoreUnavailable, match="left undone"):
        dynamo.dag_runs.get_with_dag("sales", NOON)
    assert seen == {"BatchGetItem": ATTEMPTS}


def test_deletions_left_undone_are_done_again(dynamo: DynamoStore) -> None:
    dynamo.xcoms.push("01RUN", "t", -1, "key", "1")
    table = dynamo.xcoms._table
    undone = {table.name: [{"DeleteRequest": {"Key": table.key("01RUN", "t#-1#key")}}]}
    with faults(NONE, _unprocessed("UnprocessedItems", undone)) as seen:
        dynamo.xcoms.clear("01RUN", "t", -1)
    assert dynamo.xcoms.pull("01RUN", "t", -1, "key") is None
    assert seen == {"Query": 1, "BatchWriteItem": 2}


def test_a_claim_whose_reply_was_lost_is_still_ours(dynamo: DynamoStore) -> None:
    ours: TaskInstanceChange = {"sends": 1, "lease_token": "ours", "updated_at": NOON}
    theirs: TaskInstanceChange = {"sends": 1, "lease_token": "theirs", "updated_at": NOON}
    ours["state"] = theirs["state"] = TaskInstanceState.QUEUED
    with faults(LOST, THROTTLED, LOST):
        assert dynamo.task_instances.transition("01RUN", "t#-1", UNTOUCHED, ours).applied
    with faults(LOST, THROTTLED, LOST):
        assert not dynamo.task_instances.transition("01RUN", "t#-1", UNTOUCHED, theirs).applied


def test_no_lost_reply_makes_a_pool_count_wrong(dynamo: DynamoStore) -> None:
    dynamo.pools.save(a_pool(slots=40))
    with faults(LOST, LOST):
        assert dynamo.pools.take("gpu", "a", ((0, 3), (1, 4)), NOON)
    with faults(LOST, THROTTLED, LOST):
        assert dynamo.pools.swap("gpu", 0, "a", "b", 3, NOON)
    with faults(LOST, LOST):
        dynamo.pools.save(a_pool(slots=48))
    with faults(LOST):
        dynamo.pools.give("gpu", "b", ((0, 3),))
    held = [(shard.capacity, shard.free) for shard in dynamo.pools.shards("gpu")]
    assert held == [(16, 16), (16, 12), (16, 16)]


def _fault(name: str, fault: str) -> Fault:
    is_transaction = any(operation == "TransactWriteItems" for operation, _ in CALLS[name][1])
    return PASSING["cancelled" if is_transaction and fault == "conflict" else fault]


def _outcome(store: DynamoStore, name: str, *planned: Fault) -> tuple[Any, Any]:
    populate(store)
    with faults(*planned):
        answer = CALLS[name][0](store)
    return answer, _kept()


def _kept() -> dict[str, list[str]]:
    """All items of all tables, but for the flags of waiters, which are made up anew."""
    client = aws.client("dynamodb")
    return {
        name: sorted(
            json.dumps({**item, "waiting": bool(item.get("waiting"))}, sort_keys=True, default=str)
            for item in client.scan(TableName=name)["Items"]
        )
        for name in client.list_tables()["TableNames"]
    }


def _cancelled(*reasons: dict[str, Any]) -> Answered:
    return Answered(code="TransactionCanceledException", reasons=reasons)


def _unprocessed(kind: str, requests: dict[str, Any]) -> Answered:
    return Answered(status=200, body=json.dumps({"Responses": {}, kind: requests}))


def _both_keys(store: DynamoStore) -> dict[str, Any]:
    dags, runs = store.dags._dags, store.dag_runs._runs
    keys = {dags.name: dags.key("sales"), runs.name: runs.key("sales", NOON)}
    return {name: {"Keys": [key], "ConsistentRead": True} for name, key in keys.items()}
