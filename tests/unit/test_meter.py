"""The meter's model of capacity units is AWS's."""

from typing import Any

import pytest

from tests.meter import item_size, units

KB = {"k": {"S": "x" * 1023}}
MORE = {"k": {"S": "x" * 1024}}
DELETE = {"TableName": "u-l-dags"}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"name": {"S": "ü"}}, 6),
        ({"n": {"N": "123"}}, 4),
        ({"n": {"N": "-12.34"}}, 5),
        ({"b": {"B": "AAAA"}}, 4),
        ({"t": {"BOOL": True}}, 2),
        ({"s": {"NS": ["1", "22"]}}, 5),
        ({"l": {"L": []}}, 4),
        ({"m": {"M": {"a": {"S": "bc"}}}}, 8),
    ],
)
def test_items_have_the_size_that_aws_documents(item: dict[str, Any], size: int) -> None:
    assert item_size(item) == size


@pytest.mark.parametrize(
    ("operation", "request_body", "reply", "expected"),
    [
        ("GetItem", {"ConsistentRead": True}, {"Item": KB}, (1, 0)),
        ("GetItem", {}, {}, (0.5, 0)),
        ("Query", {"ConsistentRead": True}, {"Items": [KB] * 5}, (2, 0)),
        ("Scan", {}, {"Items": []}, (0.5, 0)),
        (
            "BatchGetItem",
            {"RequestItems": {"a": {"ConsistentRead": True}, "b": {"ConsistentRead": True}}},
            {"Responses": {"a": [KB], "b": []}},
            (2, 0),
        ),
        ("PutItem", {"TableName": "u-l-dags", "Item": KB}, {}, (0, 1)),
        ("PutItem", {"TableName": "u-l-dags", "Item": MORE}, {}, (0, 2)),
        ("UpdateItem", {"TableName": "u-l-dags"}, {"Attributes": MORE}, (0, 2)),
        ("UpdateItem", {"TableName": "u-l-dags"}, {"Error": {"Code": "x"}, "Item": MORE}, (0, 2)),
        ("PutItem", {"TableName": "u-l-unfinished_runs", "Item": KB}, {}, (0, 2)),
        (
            "UpdateItem",
            {"TableName": "u-l-unfinished_runs", "ExpressionAttributeNames": {"#0": "due_at"}},
            {"Attributes": KB},
            (0, 3),
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "u-l-dags", "Item": MORE}}, {"Delete": DELETE}]},
            {},
            (0, 6),
        ),
        ("BatchWriteItem", {"RequestItems": {"u-l-xcoms": [{}, {}]}}, {}, (0, 2)),
    ],
)  # fmt: skip
def test_requests_cost_what_aws_charges(
    operation: str, request_body: dict[str, Any], reply: dict[str, Any], expected: tuple[float, int]
) -> None:
    assert units(operation, request_body, reply) == expected
