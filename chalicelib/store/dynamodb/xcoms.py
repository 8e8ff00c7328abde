"""XComs."""

from collections.abc import Iterator
from hashlib import sha256

from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.payload import Payload
from chalicelib.domain.tasks.keys import task_key
from chalicelib.store.dynamodb.models import XComItem
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.s3 import S3Payloads, segment

RANGE_KEY_BYTES = 1024
"""The longest range key that DynamoDB takes."""


class DynamoXComs:
    """Implements ``engine.ports.store.XComs``.

    A large value is an object of a key of its own content, so that a reader of the value before finds
    that one; objects of values that were replaced or cleared stay in the bucket.
    """

    def __init__(self, tables: Tables, payloads: S3Payloads) -> None:
        self._table = tables.xcoms
        self._payloads = payloads

    def push(self, run_uid: str, task_id: str, map_index: int, key: str, value: str) -> None:
        digest = sha256(value.encode()).hexdigest()
        place = f"xcom/{run_uid}/{segment(task_id)}/{map_index}/{segment(key)}/{digest}"
        kept = self._payloads.keep(place, value)
        self._table.put(
            XComItem(
                run_uid,
                _range_key(task_id, map_index, key),
                value=kept.text,
                value_reference=kept.reference,
            )
        )

    def pull(self, run_uid: str, task_id: str, map_index: int, key: str) -> str | None:
        item = self._table.get(run_uid, _range_key(task_id, map_index, key))
        if item is None:
            return None
        return self._payloads.read(Payload(text=item.value, reference=item.value_reference))

    def pull_all(self, run_uid: str, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        of_task = XComItem.xcom_key.startswith(f"{task_id}#")
        found: dict[int, Payload] = {}
        for item in self._table.query((XComItem.run_uid == run_uid) & of_task):
            map_index = int(item.xcom_key.split("#", 2)[1])
            if map_index != NOT_MAPPED and item.xcom_key == _range_key(task_id, map_index, key):
                found[map_index] = Payload(text=item.value, reference=item.value_reference)
        for map_index in sorted(found):
            yield map_index, self._payloads.read(found[map_index])

    def clear(self, run_uid: str, task_id: str, map_index: int) -> None:
        """1 request, and 1 per 25 values."""
        of_instance = XComItem.xcom_key.startswith(_range_key(task_id, map_index, ""))
        self._table.delete_query((XComItem.run_uid == run_uid) & of_instance)

    def delete_run(self, run_uid: str) -> None:
        """1 request per MB, and 1 per 25 values."""
        self._table.delete_query(XComItem.run_uid == run_uid)


def _range_key(task_id: str, map_index: int, key: str) -> str:
    prefix = f"{task_key(task_id, map_index)}#"
    if len((prefix + key).encode()) <= RANGE_KEY_BYTES:
        return prefix + key
    return f"{prefix}sha256-{sha256(key.encode()).hexdigest()}"
