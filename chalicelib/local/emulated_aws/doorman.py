"""The layer before ministack that has changes kept, answers long polls promptly and closes side doors."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from chalicelib.aws import STORAGE_FULL
from chalicelib.local.emulated_aws import AsgiApp, Message, Receive, Scope, Send
from chalicelib.local.emulated_aws.keeper import Change

_RECHECK_SECONDS = 0.2
_READS = ("Get", "BatchGet", "TransactGet", "Query", "Scan", "Search", "Describe", "List", "Head")
_CONTENT = frozenset(
    {
        *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
        *("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"),
        *("SendMessage", "SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "PurgeQueue"),
    }
)
_FLIGHT = frozenset({"ChangeMessageVisibility", "ChangeMessageVisibilityBatch"})
"""Messages in flight are delivered again after a stop, whatever was asked for them: no change to keep."""

_WAKES = frozenset({"SendMessage", "SendMessageBatch"}) | _FLIGHT


class KeepsChanges(Protocol):
    """The part of a ``Keeper`` that a doorman needs."""

    is_refusing: bool
    """Whether changes are refused for now."""

    async def carry_out(
        self, change: Change, path: str, size: int, ask: Callable[[], Awaitable[Any]]
    ) -> Any | None:
        """What ``ask`` answers once that is kept; None if it cannot be kept, and then it did not happen."""


class Doorman:
    """The ASGI app that stands for ministack, whose own app is ``app``."""

    def __init__(self, app: AsgiApp, keeper: KeepsChanges) -> None:
        self._app = app
        self._keeper = keeper
        self._sent = asyncio.Event()
        self._ending = False

    def end_long_polls(self) -> None:
        """End all waits for messages."""
        self._ending = True
        self._wake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; ministack's own start and end (Docker, init scripts) are left out."""
        if scope["type"] == "lifespan":
            await _acknowledge_lifespan(receive, send)
            return
        if scope["type"] != "http" or scope["path"].startswith("/_"):
            await _refuse(scope, send)
            return
        action = _action(scope)
        if action == "ReceiveMessage":
            await self._long_poll(scope, receive, send)
        elif action in _FLIGHT or _is_read(scope["method"], action):
            await self._app(scope, receive, send)
        else:
            await self._change(scope, receive, send, action)
        if action in _WAKES:
            self._wake()

    def _wake(self) -> None:
        self._sent.set()
        self._sent = asyncio.Event()

    async def _change(self, scope: Scope, receive: Receive, send: Send, action: str) -> None:
        body = await _body(receive)
        answer = await self._keeper.carry_out(
            _kind(scope, action), scope["path"], len(body), lambda: self._ask(scope, body)
        )
        for message in answer or _storage_full(is_json=bool(action)):
            await send(message)

    async def _long_poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask without waiting, and again whenever something was sent, until the caller's time is up."""
        asked = json.loads(await _body(receive) or b"{}")
        deadline = time.monotonic() + int(asked.get("WaitTimeSeconds", 0))
        body = json.dumps({**asked, "WaitTimeSeconds": 0}).encode()
        at_once = _with_content_length(scope, len(body))
        while True:
            sent = self._sent
            # while no change is taken a message could not be worked on, only fail, and at last be put aside
            answer = _nothing() if self._keeper.is_refusing else await self._ask(at_once, body)
            left = deadline - time.monotonic()
            if left <= 0 or self._ending or not _is_empty(answer):
                break
            # messages with a delay become visible without a request that sends anything
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(sent.wait(), min(left, _RECHECK_SECONDS))
        for message in answer:
            await send(message)

    async def _ask(self, scope: Scope, body: bytes) -> list[Message]:
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            answer.append(message)

        await self._app(dict(scope), receive, collect)
        return answer


def _is_empty(answer: list[Message]) -> bool:
    """No message was received (``{}``); an error is not empty."""
    content = b"".join(message.get("body", b"") for message in answer)
    return answer[0].get("status") == 200 and b'"Messages"' not in content


def _nothing() -> list[Message]:
    return _answer(200, b"application/x-amz-json-1.0", b"{}")


def _storage_full(*, is_json: bool) -> list[Message]:
    text = "The disk with the state of the local server is full, or cannot be written."
    if is_json:
        body = json.dumps({"__type": STORAGE_FULL, "message": text})
        return _answer(503, b"application/x-amz-json-1.0", body.encode())
    body = f"<Error><Code>{STORAGE_FULL}</Code><Message>{text}</Message></Error>"
    return _answer(503, b"application/xml", body.encode())


def _answer(status: int, kind: bytes, body: bytes) -> list[Message]:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _with_content_length(scope: Scope, length: int) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def _action(scope: Scope) -> str:
    """``GetItem``, ``SendMessage``...; empty for S3, whose calls have no such header."""
    for name, value in scope["headers"]:
        if name.lower() == b"x-amz-target":
            return str(value.decode("latin-1").rpartition(".")[2])
    return ""


def _is_read(method: str, action: str) -> bool:
    if not action:
        return method in ("GET", "HEAD")
    return action.startswith(_READS)


def _kind(scope: Scope, action: str) -> Change:
    if action:
        return Change.CONTENT if action in _CONTENT else Change.OTHER
    _, _, key = scope["path"].lstrip("/").partition("/")
    return Change.OBJECT if key else Change.OTHER


async def _acknowledge_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
