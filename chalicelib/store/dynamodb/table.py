"""One table: requests made of PynamoDB's models, conditions and actions, and answers read into models."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

from chalicelib.engine.ports.store import Write
from chalicelib.store.dynamodb.connection import (
    ConditionFailed,
    DynamoDB,
    RawItem,
    Refusal,
    Request,
    TransactionRefused,
)

M = TypeVar("M", bound=Model)

BATCH_READS = 100
"""Keys that DynamoDB takes in one BatchGetItem."""

BATCH_WRITES = 25
"""Items that DynamoDB takes in one BatchWriteItem."""


class Table(Generic[M]):
    """A table by its full name; keys are given as hash key and, where there is one, range key.

    Reads are strongly consistent unless they say otherwise. Conditional writes answer with the item
    in both cases, so no second request is needed.
    """

    def __init__(self, dynamodb: DynamoDB, model: type[M], name: str) -> None:
        attributes = model.get_attributes().values()
        self._keys = [
            *(attribute for attribute in attributes if attribute.is_hash_key),
            *(attribute for attribute in attributes if attribute.is_range_key),
        ]
        self._dynamodb = dynamodb
        self._model = model
        self.name = name

    def key(self, *values: Any) -> RawItem:
        """A key in DynamoDB's form."""
        return {
            attribute.attr_name: {attribute.attr_type: attribute.serialize(value)}
            for attribute, value in zip(self._keys, values, strict=True)
        }

    def read(self, raw: RawItem | None) -> M | None:
        """The model of an item in DynamoDB's form."""
        return self._model.from_raw_data(raw) if raw else None

    def get(self, *key: Any) -> M | None:
        """An item, or None; 1 request."""
        request = {"TableName": self.name, "Key": self.key(*key), "ConsistentRead": True}
        return self.read(self._dynamodb.send("GetItem", request).get("Item"))

    def get_many(self, keys: Iterable[Sequence[Any]]) -> Iterator[M]:
        """Items in no order, without those that are missing; 1 request per 100 keys, as they are read."""
        pending = iter(keys)
        while batch := [self.key(*key) for key in islice(pending, BATCH_READS)]:
            found = _batch_get(self._dynamodb, {self.name: batch})
            yield from map(self._model.from_raw_data, found.get(self.name, ()))

    def query(
        self,
        condition: Condition,
        *,
        descending: bool = False,
        limit: int | None = None,
        expected: int | None = None,
        only_keys: bool = False,
    ) -> Iterator[M]:
        """Items of one hash key in the order of their range keys; 1 request per MB, as they are read.

        ``limit`` is the most that there will be; ``expected`` what the first request reads at most.
        """
        request: Request = {
            **_expressions(KeyConditionExpression=condition),
            "ConsistentRead": True,
            "ScanIndexForward": not descending,
        }
        if only_keys:
            request["ProjectionExpression"] = ", ".join(f"#{name}" for name in self._key_names)
            request["ExpressionAttributeNames"] |= {f"#{name}": name for name in self._key_names}
        if first := limit or expected:
            request["Limit"] = first
        return self._pages("Query", request, limit)

    def query_index(self, index: str, condition: Condition) -> Iterator[M]:
        """Items by an index, which may be stale; 1 request per MB, as they are read."""
        return self._pages(
            "Query", {"IndexName": index, **_expressions(KeyConditionExpression=condition)}, None
        )

    def scan(self, condition: Condition | None = None) -> Iterator[M]:
        """All items that fulfil a condition, maybe stale; 1 request per MB, as they are read."""
        return self._pages("Scan", _expressions(FilterExpression=condition), None)

    def put(self, item: M, condition: Condition | None = None) -> Write[M | None]:
        """Write an item in place of what is there; ``item`` of a refused write is what is there."""
        try:
            self._dynamodb.send("PutItem", self.put_request(item, condition))
        except ConditionFailed as refused:
            return Write(applied=False, item=self.read(refused.item))
        return Write(applied=True, item=item)

    def update(
        self, key: Sequence[Any], actions: Sequence[Action], condition: Condition | None = None
    ) -> Write[M | None]:
        """Change an item, made if missing; ``item`` is what is there afterwards. 1 request."""
        request = {**self.update_request(key, actions, condition), "ReturnValues": "ALL_NEW"}
        try:
            answer = self._dynamodb.send("UpdateItem", request)
        except ConditionFailed as refused:
            return Write(applied=False, item=self.read(refused.item))
        return Write(applied=True, item=self.read(answer["Attributes"]))

    def delete(self, key: Sequence[Any], condition: Condition | None = None) -> M | None:
        """Delete an item if it is there and fulfils a condition; what is there afterwards. 1 request."""
        try:
            self._dynamodb.send("DeleteItem", self.delete_request(key, condition))
        except ConditionFailed as refused:
            return self.read(refused.item)
        return None

    def delete_query(self, condition: Condition) -> None:
        """Delete all items that a query finds; its requests, and 1 per 25 items."""
        found = self.query(condition, only_keys=True)
        names = self._key_names
        self.delete_all(self.key(*(getattr(item, name) for name in names)) for item in found)

    def delete_all(self, keys: Iterable[RawItem]) -> None:
        """Delete items, there or not; 1 request per 25."""
        remaining = iter(keys)
        while batch := list(islice(remaining, BATCH_WRITES)):
            self._delete_batch(batch)

    def _delete_batch(self, keys: Sequence[RawItem]) -> None:
        pending: Request = {self.name: [{"DeleteRequest": {"Key": key}} for key in keys]}

        def attempt() -> Request | None:
            nonlocal pending
            answer = self._dynamodb.send_once("BatchWriteItem", {"RequestItems": pending})
            pending = answer.get("UnprocessedItems") or {}
            return None if pending else answer

        self._dynamodb.until_done(f"BatchWriteItem on {self.name}", attempt)

    def put_request(self, item: M, condition: Condition | None = None) -> Request:
        """The request, on its own or for a transaction."""
        return self._write({"Item": item.serialize()}, ConditionExpression=condition)

    def update_request(
        self, key: Sequence[Any], actions: Sequence[Action], condition: Condition | None = None
    ) -> Request:
        """The request, on its own or for a transaction."""
        update = Update(*actions) if actions else None
        return self._write({"Key": self.key(*key)}, UpdateExpression=update, ConditionExpression=condition)

    def delete_request(self, key: Sequence[Any], condition: Condition | None = None) -> Request:
        """The request, on its own or for a transaction."""
        return self._write({"Key": self.key(*key)}, ConditionExpression=condition)

    def _write(self, subject: Request, **clauses: Condition | Update | None) -> Request:
        request = {"TableName": self.name, **subject, **_expressions(**clauses)}
        if clauses["ConditionExpression"] is not None:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return request

    def _pages(self, operation: str, request: Request, limit: int | None) -> Iterator[M]:
        request = {"TableName": self.name, **request}
        while True:
            answer = self._dynamodb.send(operation, request)
            yield from (self._model.from_raw_data(raw) for raw in answer["Items"])
            if limit is not None or "LastEvaluatedKey" not in answer:
                return
            request.pop("Limit", None)
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    @property
    def _key_names(self) -> list[str]:
        return [attribute.attr_name for attribute in self._keys]


def get_each(dynamodb: DynamoDB, keys: Mapping[str, RawItem]) -> Mapping[str, RawItem]:
    """Items of several tables, one each, by table name; what is missing is left out. 1 request."""
    found = _batch_get(dynamodb, {name: [key] for name, key in keys.items()})
    return {name: items[0] for name, items in found.items()}


def _batch_get(dynamodb: DynamoDB, keys: Mapping[str, Sequence[RawItem]]) -> Mapping[str, list[RawItem]]:
    """Items by table name, in no order, for at most ``BATCH_READS`` keys; what is missing is left out."""
    found: dict[str, list[RawItem]] = defaultdict(list)
    pending: Request = {name: {"Keys": [*wanted], "ConsistentRead": True} for name, wanted in keys.items()}

    def attempt() -> dict[str, list[RawItem]] | None:
        nonlocal pending
        answer = dynamodb.send_once("BatchGetItem", {"RequestItems": pending})
        for name, items in answer["Responses"].items():
            found[name] += items
        pending = answer.get("UnprocessedKeys") or {}
        return None if pending else {name: items for name, items in found.items() if items}

    return dynamodb.until_done(f"BatchGetItem on {', '.join(sorted(keys))}", attempt)


def transact(dynamodb: DynamoDB, writes: Sequence[Request], token: str | None = None) -> Sequence[Refusal]:
    """Carry out all writes (``{"Put": request}``...) or none; 1 request.

    Empty once done; else what each write met, in their order. ``token``: the same transaction sent
    again within ten minutes is not carried out twice (DynamoDB's ClientRequestToken).
    """
    request: Request = {"TransactItems": writes}
    if token:
        request["ClientRequestToken"] = token
    try:
        dynamodb.send("TransactWriteItems", request)
    except TransactionRefused as refused:
        return refused.refusals
    return ()


def _expressions(**clauses: Condition | Update | None) -> Request:
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    request: Request = {
        clause: expression.serialize(names, values)
        for clause, expression in clauses.items()
        if expression is not None
    }
    if names:
        request["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        request["ExpressionAttributeValues"] = values
    return request
