"""What the wrapper around ministack adds to it, around an ASGI app that stands in for ministack."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from chalicelib.local.emulated_aws import Doorman
from tests.waiting import PATIENCE_SECONDS

Scope = MutableMapping[str, Any]


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
    return dict(scope["headers"]).get(b"x-amz-target", b"").decode().rpartition(".")[2]


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
        doorman = Doorman(queue, lambda: None)
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
        assert await _call(Doorman(Queue(), lambda: None), "ReceiveMessage", WaitTimeSeconds=1) == (
            200,
            b"{}",
        )
        return time.monotonic() - started

    assert asyncio.run(scenario()) > 0.9


def test_only_what_may_change_the_state_counts_as_a_change() -> None:
    changes: list[str] = []

    async def scenario() -> None:
        doorman = Doorman(Queue(), lambda: changes.append("change"))
        for action in ("GetItem", "Query", "TransactGetItems", "DescribeTable", "ListQueues"):
            await _call(doorman, action)
        await _call(doorman, "ReceiveMessage")
        await _call(doorman, "", path="/bucket/key", method="GET")
        assert changes == []
        await _call(doorman, "UpdateItem")
        await _call(doorman, "", path="/bucket/key", method="PUT")

    asyncio.run(scenario())
    assert len(changes) == 2


def test_administrative_paths_are_closed() -> None:
    status, _ = asyncio.run(_call(Doorman(Queue(), lambda: None), "", path="/_ministack/reset"))
    assert status == 404
