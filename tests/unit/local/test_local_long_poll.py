"""What the wrapper around ministack adds to it, around an ASGI app that stands in for ministack."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from chalicelib.local.emulated_aws.doorman import Doorman
from chalicelib.local.emulated_aws.keeper import Change
from tests.waiting import PATIENCE_SECONDS

Scope = MutableMapping[str, Any]


class Book:
    """Stands in for the keeper: writes down which changes it was asked for, or refuses them."""

    def __init__(self) -> None:
        self.changes: list[tuple[Change, str]] = []
        self.is_refusing = False

    async def carry_out(
        self, change: Change, path: str, size: int, ask: Callable[[], Awaitable[Any]]
    ) -> Any | None:
        if self.is_refusing:
            return None
        self.changes.append((change, path))
        return await ask()


class Queue:
    """Answers SendMessage and ReceiveMessage (never waiting), and anything else with 200."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.receives = 0

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        asked = json.loads((await receive())["body"] or b"{}")
        answer: dict[str, Any] = {}
        if _target(scope) == "SendMessage":
            self.messages.append(asked["MessageBody"])
        if _target(scope) == "ReceiveMessage":
            assert asked["WaitTimeSeconds"] == 0
            self.receives += 1
            if self.messages:
                answer = {"Messages": [self.messages.pop()]}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def _target(scope: Scope) -> str:
    target: bytes = dict(scope["headers"]).get(b"x-amz-target", b"")
    return target.decode().rpartition(".")[2]


async def _call(doorman: Doorman, action: str, path: str = "/", method: str = "POST", **asked: Any) -> Any:
    headers = [(b"x-amz-target", f"AmazonSQS.{action}".encode())] if action else []
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    answer: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}

    async def send(message: Any) -> None:
        answer.append(message)

    await doorman(scope, receive, send)
    return answer[0]["status"], answer[1]["body"]


def test_a_long_poll_answers_as_soon_as_a_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[Doorman.__module__], "_RECHECK_SECONDS", 3600)

    async def scenario() -> None:
        queue = Queue()
        doorman = Doorman(queue, Book())
        poll = asyncio.create_task(_call(doorman, "ReceiveMessage", WaitTimeSeconds=3600))
        while not queue.receives:
            await asyncio.sleep(0)
        await _call(doorman, "SendMessage", MessageBody="hello")
        answer = await asyncio.wait_for(poll, PATIENCE_SECONDS)
        assert answer == (200, b'{"Messages": ["hello"]}')

    asyncio.run(scenario())


def test_a_long_poll_ends_when_its_time_is_up() -> None:
    async def scenario() -> float:
        started = time.monotonic()
        assert await _call(Doorman(Queue(), Book()), "ReceiveMessage", WaitTimeSeconds=1) == (
            200,
            b"{}",
        )
        return time.monotonic() - started

    assert asyncio.run(scenario()) > 0.9


def test_only_what_changes_the_state_is_given_to_be_kept() -> None:
    book = Book()

    async def scenario() -> None:
        doorman = Doorman(Queue(), book)
        for action in ("GetItem", "Query", "TransactGetItems", "DescribeTable", "ListQueues"):
            await _call(doorman, action)
        await _call(doorman, "ReceiveMessage")
        await _call(doorman, "ChangeMessageVisibility")
        await _call(doorman, "", path="/bucket/key", method="GET")
        assert book.changes == []
        await _call(doorman, "UpdateItem")
        await _call(doorman, "DeleteMessageBatch")
        await _call(doorman, "CreateTable")
        await _call(doorman, "SomethingNew")
        await _call(doorman, "", path="/bucket/folder/key", method="PUT")
        await _call(doorman, "", path="/bucket", method="PUT")

    asyncio.run(scenario())
    assert [change for change, _ in book.changes] == [
        *(Change.CONTENT, Change.CONTENT, Change.OTHER, Change.OTHER),
        *(Change.OBJECT, Change.OTHER),
    ]


def test_while_changes_are_refused_reads_go_on_and_no_message_is_handed_out() -> None:
    book, queue = Book(), Queue()
    queue.messages.append("waiting")

    async def scenario() -> None:
        doorman = Doorman(queue, book)
        book.is_refusing = True
        status, body = await _call(doorman, "PutItem")
        assert (status, json.loads(body)["__type"]) == (503, "StorageFull")
        status, body = await _call(doorman, "", path="/bucket/key", method="PUT")
        assert status == 503
        assert b"<Code>StorageFull</Code>" in body
        assert await _call(doorman, "GetItem") == (200, b"{}")
        assert await _call(doorman, "ReceiveMessage") == (200, b"{}")
        assert await _call(doorman, "ChangeMessageVisibility") == (200, b"{}")
        book.is_refusing = False
        assert await _call(doorman, "ReceiveMessage") == (200, b'{"Messages": ["waiting"]}')

    asyncio.run(scenario())


def test_administrative_paths_are_closed() -> None:
    status, _ = asyncio.run(_call(Doorman(Queue(), Book()), "", path="/_ministack/reset"))
    assert status == 404
