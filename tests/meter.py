"""Counts what the code under test asks of AWS: requests by operation and table, and capacity units.

    with Meter() as meter:
        store.dags.get("sales")
    assert meter.dynamodb == {("GetItem", "dags"): 1}

It listens to botocore's events, so it sees PynamoDB's requests and ours alike, each attempt of a
request that is sent again included. It sees the clients of sessions that are made after this module
was imported: fixtures forget the process's clients (``chalicelib.aws``) before they begin.

Units follow AWS's rules for on-demand tables and are computed from the bytes of items, for no emulator
counts them right. What a reply does not show is counted low: the size of a deleted item, of an item
that a transaction updates, and of items that a filter left out (1 unit each; 0 for those left out).
"""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from math import ceil
from threading import Lock
from typing import Any

from botocore import handlers

INDEXED = {"unfinished_runs": "due_at"}
"""Tables with an index, and the attribute whose change moves an item within it."""


class Meter:
    """Counts while its block runs, in all threads.

    ``dynamodb``: requests by (operation, table); those over several tables by ``"dag_runs+dags"``.
    ``s3`` and ``sqs``: requests by operation. ``sqs_messages``: messages sent.
    ``read_units``, ``write_units``: DynamoDB's request units.
    """

    def __init__(self) -> None:
        self.dynamodb: Counter[tuple[str, str]] = Counter()
        self.s3: Counter[str] = Counter()
        self.sqs: Counter[str] = Counter()
        self.sqs_messages = 0
        self.read_units = 0.0
        self.write_units = 0

    def __enter__(self) -> "Meter":
        _running.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _running.remove(self)

    @property
    def dynamodb_requests(self) -> int:
        """All requests to DynamoDB."""
        return self.dynamodb.total()

    def _count(self, service: str, operation: str, body: Mapping[str, Any]) -> None:
        if service == "dynamodb":
            self.dynamodb[operation, "+".join(_tables(body))] += 1
        elif service == "sqs":
            self.sqs[operation] += 1
            self.sqs_messages += len(body.get("Entries", [body])) if operation.startswith("Send") else 0
        elif service == "s3":
            self.s3[operation] += 1


_running: list[Meter] = []
_lock = Lock()


def _before_send(request: Any, event_name: str, **_: Any) -> None:
    service, operation = event_name.split(".")[1:]
    with _lock:
        for meter in _running:
            meter._count(service, operation, {} if service == "s3" else _body(request.body))


def _before_call(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["metered_body"] = params["body"]


def _after_call(parsed: Mapping[str, Any], context: Mapping[str, Any], event_name: str, **_: Any) -> None:
    if "metered_body" not in context:
        return  # a test answered it in AWS's place, and nothing was sent
    operation = event_name.split(".")[2]
    reads, writes = units(operation, _body(context["metered_body"]), parsed)
    with _lock:
        for meter in _running:
            meter.read_units += reads
            meter.write_units += writes


handlers.BUILTIN_HANDLERS += [
    ("before-send", _before_send, handlers.REGISTER_FIRST),
    ("before-call.dynamodb", _before_call),
    ("after-call.dynamodb", _after_call),
]


def units(operation: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> tuple[float, int]:
    """The read and write units of a request, by AWS's rules."""
    if operation == "TransactWriteItems":
        return 0, sum(_write_units(action, request, {}, 2) for request, action in _actions(request))
    if operation == "BatchWriteItem":
        batches = request["RequestItems"].values()
        return 0, sum(len(batch) for batch in batches)
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        return 0, _write_units(operation.removesuffix("Item"), request, reply, 1)
    return _read_units(operation, request, reply), 0


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes of an item in DynamoDB's form, names included (AWS: "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits, is_negative = content.lstrip("-").replace(".", ""), content.startswith("-")
        return ceil(len(digits) / 2) + 1 + int(is_negative)
    if kind == "B":
        return len(content if isinstance(content, bytes) else b64decode(content))
    if kind in ("SS", "NS", "BS"):
        return sum(_value_size({kind[0]: element}) for element in content)
    if kind == "L":
        return 3 + sum(1 + _value_size(element) for element in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in content.items())
    return 1  # BOOL, NULL


def _write_units(action: str, request: Mapping[str, Any], reply: Mapping[str, Any], factor: int) -> int:
    item = request.get("Item") or reply.get("Attributes") or reply.get("Item") or {}
    base = factor * max(1, ceil(item_size(item) / 1024))
    return base if reply.get("Error") else base + _index_units(action, request)


def _index_units(action: str, request: Mapping[str, Any]) -> int:
    attribute = INDEXED.get(_short(request["TableName"]))
    if attribute is None:
        return 0
    if action == "Update":  # the entry is deleted and written anew
        return 2 if attribute in request.get("ExpressionAttributeNames", {}).values() else 0
    return 1


def _read_units(operation: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> float:
    if operation == "GetItem":
        return _rounded(item_size(reply.get("Item", {}))) * _consistency(request)
    if operation == "BatchGetItem":
        return sum(
            sum(_rounded(item_size(item)) for item in reply.get("Responses", {}).get(name, [{}]) or [{}])
            * _consistency(wanted)
            for name, wanted in request["RequestItems"].items()
        )
    if operation in ("Query", "Scan"):
        return _rounded(sum(map(item_size, reply.get("Items", ())))) * _consistency(request)
    return 0


def _rounded(size: int) -> int:
    return max(1, ceil(size / 4096))


def _consistency(request: Mapping[str, Any]) -> float:
    return 1 if request.get("ConsistentRead") else 0.5


def _actions(request: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    return [(write, action) for item in request["TransactItems"] for action, write in item.items()]


def _tables(body: Mapping[str, Any]) -> list[str]:
    if "TableName" in body:
        return [_short(body["TableName"])]
    names = body.get("RequestItems") or [write["TableName"] for write, _ in _actions(body)]
    return sorted({_short(name) for name in names})


def _short(table: str) -> str:
    return table.rsplit("-", 1)[-1]


def _body(body: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(body or b"{}")
    return document
