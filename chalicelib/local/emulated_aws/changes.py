"""The changes that a request makes in ministack: noted, taken back, written to the journal, made again.

ministack is watched from inside, at the few functions by which its items and messages come and go (its
version is pinned). A record of the journal is what one request changed: items, messages, ids of messages
that are gone; or, after a request that changed anything else (a table, a queue, a bucket's settings), a
frame: the state of all services without items and messages.

Not noted is what was promised to no client: which messages are in flight (they are delivered again), and
items whose time to live was over.
"""

import copy
import json
import pickle
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from chalicelib.local.emulated_aws.snapshots import DamagedSnapshot, load

SERVICES = ("dynamodb", "sqs", "s3")

_CHANGES, _FRAME = b"c", b"f"


class Noted:
    """The changes of one request."""

    def __init__(self) -> None:
        self.changes: list[list[Any]] = []
        self.is_wholesale = False
        """Whether a table's items were exchanged in a way that is not noted one by one."""
        self.files: list[str] = []
        """The files of S3's objects that were written."""
        self.failure: OSError | None = None
        """What kept a file of S3's from being written; ministack itself swallows it."""
        self._undo: list[Callable[[], Any]] = []

    def add(self, change: list[Any] | None, undo: Callable[[], Any]) -> None:
        """Note a change (None: one that needs no record), and how to take it back."""
        if change is not None:
            self.changes.append(change)
        self._undo.append(undo)

    def take_back(self) -> None:
        """Undo all of it, the last one first."""
        while self._undo:
            self._undo.pop()()

    def record(self) -> bytes:
        """It, for the journal."""
        return _CHANGES + json.dumps(self.changes, separators=(",", ":")).encode()


_noted: ContextVar[Noted | None] = ContextVar("_noted", default=None)


@contextmanager
def noted(object_path: str | None = None) -> Iterator[Noted]:
    """What happens in the block; to the object of S3 with that path, too."""
    mine = Noted()
    if object_path is not None:
        _remember_object(mine, object_path)
    token = _noted.set(mine)
    try:
        yield mine
    finally:
        _noted.reset(token)


def service(name: str) -> Any:
    """ministack's module of a service, which is not typed."""
    return import_module(f"ministack.services.{name}")


def watch() -> None:
    """Have ministack's changes noted from now on; called once per process."""
    _watch_items(service("dynamodb"))
    _watch_messages(service("sqs"))
    _watch_files(service("s3"))


def _watch_items(dynamodb: Any) -> None:
    set_item, remove_item = dynamodb._set_item, dynamodb._remove_item
    items_replaced, store_token = dynamodb._items_replaced, dynamodb._txn_token_store

    def noting_set_item(table: dict[str, Any], hash_key: str, range_key: str, item: dict[str, Any]) -> Any:
        old = set_item(table, hash_key, range_key, item)
        if (mine := _noted.get()) is not None:
            undo = remove_item if old is None else lambda *key: set_item(*key, old)
            mine.add(["item", table["TableArn"], item], lambda: undo(table, hash_key, range_key))
        return old

    def noting_remove_item(table: dict[str, Any], hash_key: str, range_key: str) -> Any:
        old = remove_item(table, hash_key, range_key)
        if old is not None and (mine := _noted.get()) is not None:
            change = ["no item", table["TableArn"], hash_key, range_key]
            mine.add(change, lambda: set_item(table, hash_key, range_key, old))
        return old

    def noting_items_replaced(table: dict[str, Any]) -> None:
        items_replaced(table)
        if (mine := _noted.get()) is not None:
            mine.is_wholesale = True

    def noting_store_token(token: str, entry: dict[str, Any]) -> None:
        store_token(token, entry)
        if (mine := _noted.get()) is not None:
            mine.add(None, lambda: dynamodb._txn_idempotency.pop(token, None))

    dynamodb._set_item, dynamodb._remove_item = noting_set_item, noting_remove_item
    dynamodb._items_replaced, dynamodb._txn_token_store = noting_items_replaced, noting_store_token


def _watch_messages(sqs: Any) -> None:
    send = sqs._act_send_message

    def noting_send(asked: dict[str, Any], url: str) -> Any:
        queue = _queue(sqs, asked, url)
        count = len(queue["messages"]) if queue else 0
        answer = send(asked, url)
        mine = _noted.get()
        if queue and mine is not None and len(queue["messages"]) > count:  # else it was sent before
            message = queue["messages"][-1]
            mine.add(["message", queue["attributes"]["QueueArn"], message], lambda: _unsend(queue))
        return answer

    def noting_deletes(delete: Callable[..., Any], doomed: Callable[..., list[str]]) -> Callable[..., Any]:
        def noting_delete(asked: dict[str, Any], url: str) -> Any:
            queue = _queue(sqs, asked, url)
            before = list(queue["messages"]) if queue else []
            gone = doomed(asked, before)
            answer = delete(asked, url)
            if queue and gone and (mine := _noted.get()) is not None:
                mine.add(["gone", gone], lambda: queue.update(messages=before))
            return answer

        return noting_delete

    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = noting_send
    for action, doomed in (("DeleteMessage", _named), ("DeleteMessageBatch", _named), ("PurgeQueue", _all)):
        sqs._HANDLERS[action] = noting_deletes(sqs._HANDLERS[action], doomed)


def _named(asked: dict[str, Any], messages: list[dict[str, Any]]) -> list[str]:
    """The ids of the messages whose receipt handles a request names."""
    handles = {entry.get("ReceiptHandle") for entry in (asked, *asked.get("Entries", ()))} - {None}
    return [message["id"] for message in messages if message["receipt_handle"] in handles]


def _all(_asked: dict[str, Any], messages: list[dict[str, Any]]) -> list[str]:
    return [message["id"] for message in messages]


def _queue(sqs: Any, asked: dict[str, Any], url: str) -> dict[str, Any] | None:
    try:
        queue: dict[str, Any] = sqs._get_q(asked.get("QueueUrl", url))
    except sqs._Err:
        return None
    return queue


def _unsend(queue: dict[str, Any]) -> None:
    message = queue["messages"].pop()
    if message["dedup_cache_key"] is not None:
        queue["dedup_cache"].pop(message["dedup_cache_key"], None)
        queue["fifo_seq"] -= 1


def _remember_object(mine: Noted, path: str) -> None:
    name, _, key = path.lstrip("/").partition("/")
    bucket = service("s3")._buckets.get(name)
    if bucket is None:
        return
    objects, old = bucket["objects"], bucket["objects"].get(key)
    mine.add(None, lambda: objects.pop(key, None) if old is None else objects.update({key: old}))


def _watch_files(s3: Any) -> None:
    write = s3._atomic_write

    def noting_write(path: str, content: Any, *, text: bool = False) -> None:
        mine = _noted.get()
        try:
            write(path, content, text=text)
        except OSError as error:
            if mine is not None:
                mine.failure = error
            raise
        if mine is not None:
            mine.files.append(path)

    s3._atomic_write = noting_write


class Frame:
    """The state of all services without items, messages and objects: what few requests change."""

    def __init__(self, entries: dict[str, dict[Any, Any]], contents: dict[str, dict[Any, Any]]) -> None:
        self.entries = entries
        self._contents = contents

    @classmethod
    def now(cls) -> "Frame":
        """As it is; tables, queues and buckets that are removed can be put back with their content."""
        stores = _stores()
        return cls(
            {name: _entries(store, _CONTENTS.get(name, {})) for name, store in stores.items()},
            {name: _contents(stores[name], parts) for name, parts in _CONTENTS.items()},
        )

    @classmethod
    def of(cls, record: bytes, objects: dict[Any, Any]) -> "Frame":
        """As it was recorded. Tables and queues have the content that they have now, or none if they came.

        ``objects`` are those on the disk, by bucket; they are not made again.
        """
        contents = {name: _contents(_stores()[name], parts) for name, parts in _CONTENTS.items()}
        contents["s3.buckets"] = {key: {"objects": of_bucket} for key, of_bucket in objects.items()}
        return cls(load(record[1:]), contents)

    def record(self) -> bytes:
        """It, for the journal."""
        return _FRAME + pickle.dumps(self.entries, protocol=pickle.HIGHEST_PROTOCOL)

    def put_back(self) -> None:
        """Have it so again."""
        for name, store in _stores().items():
            store._data.clear()
            parts = _CONTENTS.get(name, {})
            for key, entry in self.entries.get(name, {}).items():
                entry = copy.deepcopy(entry)
                if parts:
                    entry |= {part: empty() for part, empty in parts.items()}
                    entry |= self._contents[name].get(key, {})
                store._data[key] = entry

    def is_more_than_a_frame_since(self, earlier: "Frame", noted: Noted) -> bool:
        """Whether this, which is now, has more to it than a record can hold: contents changed with it.

        As when a table came with items, restored or replicated.
        """
        known = earlier.entries["dynamodb.tables"]
        tables = service("dynamodb")._tables._data
        return bool(noted.changes) or any(table["items"] for key, table in tables.items() if key not in known)


_CONTENTS: dict[str, dict[str, Callable[[], Any]]] = {
    "dynamodb.tables": {"items": lambda: defaultdict(dict), "ItemCount": int, "TableSizeBytes": int},
    "sqs.queues": {"messages": list, "dedup_cache": dict, "fifo_seq": int},
    "s3.buckets": {"objects": dict},
}
"""The stores whose entries have a content, which no frame holds: its parts, and what they are at first."""

_TABLE_STORES = (
    *("tables", "tags", "ttl_settings", "pitr_settings", "kinesis_destinations", "contributor_insights"),
    *("backups", "resource_policies", "exports", "imports"),
)
_REBUILT = "_index_members"
"""A part of a table that ministack makes again when it is not there."""


def _stores() -> dict[str, Any]:
    """ministack's stores by name: what its ``get_state`` functions cover."""
    dynamodb, sqs, s3 = (service(name) for name in SERVICES)
    return {
        **{f"dynamodb.{name}": getattr(dynamodb, f"_{name}") for name in _TABLE_STORES},
        **{f"sqs.{name}": getattr(sqs, f"_{name}") for name in ("queues", "queue_name_to_url")},
        "s3.buckets": s3._buckets,
        **{f"s3.{name}": store for name, store in s3._PERSISTED_BUCKET_DICTS.items()},
    }


def _entries(store: Any, contents: dict[str, Any]) -> dict[Any, Any]:
    if not contents:
        entries: dict[Any, Any] = copy.deepcopy(store._data)
        return entries
    left_out = {*contents, _REBUILT}
    return {
        key: copy.deepcopy({part: value for part, value in entry.items() if part not in left_out})
        for key, entry in store._data.items()
    }


def _contents(store: Any, parts: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """The contents of a store's entries, by key: the very lists and dictionaries, no copies."""
    return {key: {part: entry[part] for part in parts if part in entry} for key, entry in store._data.items()}


def states() -> dict[str, Any]:
    """The states of all services, for a snapshot."""
    return {name: service(name).get_state() for name in SERVICES}


def restore(states: dict[str, Any] | None, records: list[bytes]) -> None:
    """Make ministack, just imported, what a snapshot and the records after it say; raises DamagedSnapshot."""
    for name, state in (states or {}).items():
        service(name).load_persisted_state(state)
    replay = _Replay()
    for record in records:
        replay.make_again(record)
    replay.finish()
    _redeliver_what_was_in_flight()


class _Replay:
    """Makes the changes of a journal again, in their order."""

    def __init__(self) -> None:
        self._dynamodb, self._sqs = service("dynamodb"), service("sqs")
        self._objects = {key: bucket["objects"] for key, bucket in service("s3")._buckets._data.items()}
        self._index()

    def make_again(self, record: bytes) -> None:
        """What one request changed."""
        if record[:1] == _FRAME:
            self.finish()
            Frame.of(record, self._objects).put_back()
            self._index()
            return
        for change in json.loads(record[1:]):
            self._make_again(*change)

    def finish(self) -> None:
        """Give the queues their messages, which are looked up by id until then."""
        for arn, queue in self._queues.items():
            queue["messages"] = list(self._messages[arn].values())

    def _index(self) -> None:
        self._tables = {table["TableArn"]: table for table in self._dynamodb._tables.all_values()}
        self._queues = {queue["attributes"]["QueueArn"]: queue for queue in self._sqs._queues.all_values()}
        self._messages = {
            arn: {message["id"]: message for message in queue["messages"]}
            for arn, queue in self._queues.items()
        }

    def _make_again(self, kind: str, *what: Any) -> None:
        match kind, what:
            case "item", (arn, item):
                table = self._tables[arn]
                self._dynamodb._set_item(table, *self._key(table, item), item)
            case "no item", (arn, hash_key, range_key):
                self._dynamodb._remove_item(self._tables[arn], hash_key, range_key)
            case "message", (arn, message):
                self._send(arn, message)
            case "gone", (ids,):
                # wherever they are: they may have been among the dead letters when they were deleted
                for messages in self._messages.values():
                    for message_id in ids:
                        messages.pop(message_id, None)
            case _:
                raise DamagedSnapshot(f"it holds a change of a kind that this version does not know: {kind}")

    def _key(self, table: dict[str, Any], item: dict[str, Any]) -> tuple[str, str]:
        value = self._dynamodb._extract_key_val
        range_key = value(item.get(table["sk_name"])) if table["sk_name"] else "__no_sort__"
        return value(item.get(table["pk_name"])), range_key

    def _send(self, arn: str, message: dict[str, Any]) -> None:
        self._messages[arn][message["id"]] = message
        if message["dedup_cache_key"] is None:
            return
        queue = self._queues[arn]
        queue["fifo_seq"] = max(queue["fifo_seq"], int(message["seq"]))
        queue["dedup_cache"][message["dedup_cache_key"]] = {
            "expire": message["sent_at"] + self._sqs._DEDUP_WINDOW_S,
            "id": message["id"],
            "md5": message["md5_body"],
            "md5a": message["md5_attrs"],
            "seq": message["seq"],
        }


def _redeliver_what_was_in_flight() -> None:
    """Make received, undeleted messages visible: no receiver of an earlier life is left to delete them."""
    now = time.time()
    for queue in service("sqs")._queues.all_values():
        for message in queue["messages"]:
            if message.get("receipt_handle"):
                message["visible_at"] = min(message["visible_at"], now)
                # a stop is no failed delivery
                message["receive_count"] = max(0, message["receive_count"] - 1)
