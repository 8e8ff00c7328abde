"""The embedded AWS, as a program: ministack's DynamoDB, SQS and S3 behind one port of this machine.

``python -m chalicelib.local.emulated_aws SOCKET LIFELINE STATE_DIR`` serves the listening socket with
that file descriptor until SIGTERM, or until the server that started it is gone (see ``lifeline``). The
environment that ministack reads when it is imported is made by ``emulator``.

What it adds to ministack:

- The state is saved while it runs, not only at its end: a forked child writes DynamoDB, SQS and S3's
  buckets as of one instant to one file and renames it into place. The fork stalls requests for some
  milliseconds; a kill leaves the previous snapshot or the new one. S3's objects are written at once, by
  ministack itself.
- A long poll of SQS answers as soon as a message is sent; ministack looks again only every 100 ms.
- Only DynamoDB, SQS and S3 answer; the administrative paths (``/_ministack/reset``...) do not.
"""

import asyncio
import contextlib
import io
import json
import logging
import os
import pickle
import signal
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

SNAPSHOT = "snapshot"
OBJECTS = "objects"
LOG = "emulator.log"

_FORMAT = 1
_SERVICES = ("dynamodb", "sqs", "s3")
_SAVE_EVERY_SECONDS = 2.0
_SAVING_SHARE = 0.5
_RECHECK_SECONDS = 0.2
_READS = frozenset({"Get", "BatchGet", "TransactGet", "Query", "Scan", "Describe", "List", "Receive", "Head"})
_WAKES = frozenset(
    {"SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"}
)

logger = logging.getLogger(__name__)


class DamagedSnapshot(Exception):
    """The snapshot is not one of ours, or of a later version."""


class _SnapshotUnpickler(pickle.Unpickler):
    """Reads plain data and ministack's own dictionaries, and nothing that could run code."""

    _ALLOWED = frozenset(
        {
            ("collections", "defaultdict"),
            ("builtins", "dict"),
            ("builtins", "set"),
            ("builtins", "bytearray"),
            ("ministack.core.responses", "AccountScopedDict"),
            ("ministack.core.responses", "AccountRegionScopedDict"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every class that a snapshot has no reason to hold."""
        if (module, name) not in self._ALLOWED:
            raise DamagedSnapshot(f"it holds a {module}.{name}")
        return super().find_class(module, name)


class Snapshots:
    """One file with the state of all services as of one instant."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def restore(self) -> None:
        """Give the services the state of the last snapshot, if there is one; raises DamagedSnapshot."""
        if not self._path.exists():
            return
        states = self._read()
        for name, state in states.items():
            _service(name).load_persisted_state(state)
        _redeliver_what_was_in_flight()

    def save(self) -> None:
        """Write the services' state, all or nothing."""
        content = {"format": _FORMAT, "services": {name: _service(name).get_state() for name in _SERVICES}}
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            pickle.dump(content, file, protocol=pickle.HIGHEST_PROTOCOL)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def save_from_a_fork(self) -> int:
        """Start to save the state as it is now; gives the pid of the child that writes it.

        It exits with 0 when the snapshot is in place. Called on the event loop, between two requests.
        """
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.set_wakeup_fd(-1)  # or a signal to the child would look like one to the parent
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.nice(5)
            self.save()
            status = 0
        except BaseException:
            logger.exception("the state could not be saved")
        finally:
            os._exit(status)

    def _read(self) -> dict[str, Any]:
        try:
            content = _SnapshotUnpickler(io.BytesIO(self._path.read_bytes())).load()
            found = content["format"]
            states: dict[str, Any] = content["services"]
        except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedSnapshot(str(error)) from error
        if found != _FORMAT:
            raise DamagedSnapshot(f"its format is {found}, this version reads {_FORMAT}")
        return states


class Saver:
    """Saves when something changed: every two seconds, more seldom when saving takes long."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._changed = False
        self._saving: asyncio.Task[None] | None = None

    def note_change(self) -> None:
        """Tell that the state differs from the snapshot."""
        self._changed = True

    async def run(self) -> None:
        """Save for ever, from forked children, one at a time."""
        pause = _SAVE_EVERY_SECONDS
        while True:
            await asyncio.sleep(pause)
            if not self._changed:
                continue
            started = time.monotonic()
            self._saving = asyncio.create_task(self._save())
            await asyncio.shield(self._saving)
            pause = max(_SAVE_EVERY_SECONDS, (time.monotonic() - started) / _SAVING_SHARE)

    async def finish(self) -> None:
        """The last save, once no request is served any more."""
        if self._saving is not None:
            await self._saving
        if self._changed:
            self._snapshots.save()

    async def _save(self) -> None:
        self._changed = False
        child = self._snapshots.save_from_a_fork()
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        if status:
            self._changed = True
            logger.error("The state could not be saved (see %s); trying again.", LOG)


class Doorman:
    """In front of ministack: tells what changes the state, answers long polls promptly, closes side doors."""

    def __init__(self, app: AsgiApp, note_change: Callable[[], None]) -> None:
        self._app = app
        self._note_change = note_change
        self._sent = asyncio.Event()
        self._ending = False

    def end_long_polls(self) -> None:
        """Let nobody wait for messages any more."""
        self._ending = True
        self._wake()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
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
            return
        await self._app(scope, receive, send)
        if not _is_read(scope["method"], action):
            self._note_change()
        if action in _WAKES:
            self._wake()

    def _wake(self) -> None:
        self._sent.set()
        self._sent = asyncio.Event()

    async def _long_poll(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Ask without waiting, and again whenever something was sent, until the caller's time is up."""
        asked = json.loads(await _body(receive) or b"{}")
        deadline = time.monotonic() + int(asked.get("WaitTimeSeconds", 0))
        body = json.dumps({**asked, "WaitTimeSeconds": 0}).encode()
        at_once = _with_content_length(scope, len(body))
        while True:
            sent = self._sent
            answer = await self._ask(at_once, body)
            left = deadline - time.monotonic()
            if left <= 0 or self._ending or not _is_empty(answer):
                break
            # messages with a delay become visible without anybody sending anything
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(sent.wait(), min(left, _RECHECK_SECONDS))
        for message in answer:
            await send(message)

    async def _ask(self, scope: MutableMapping[str, Any], body: bytes) -> list[Message]:
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


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _with_content_length(scope: MutableMapping[str, Any], length: int) -> dict[str, Any]:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def _action(scope: MutableMapping[str, Any]) -> str:
    """``GetItem``, ``SendMessage``...; empty for S3, whose calls have no such header."""
    for name, value in scope["headers"]:
        if name.lower() == b"x-amz-target":
            return str(value.decode("latin-1").rpartition(".")[2])
    return ""


def _is_read(method: str, action: str) -> bool:
    if not action:
        return method in ("GET", "HEAD")
    return any(action.startswith(read) for read in _READS)


async def _acknowledge_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _refuse(scope: MutableMapping[str, Any], send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _service(name: str) -> ModuleType:
    return import_module(f"ministack.services.{name}")


def _redeliver_what_was_in_flight() -> None:
    """Make received, undeleted messages visible: no receiver of an earlier life is left to delete them."""
    now = time.time()
    for queue in _service("sqs")._queues.all_values():
        for message in queue["messages"]:
            if message.get("receipt_handle"):
                message["visible_at"] = min(message["visible_at"], now)
                message["receive_count"] = max(
                    0, message["receive_count"] - 1
                )  # a stop is no failed delivery


def _log_to(path: Path) -> None:
    """ministack's log goes to a file; our own errors to the terminal as well."""
    path.unlink(missing_ok=True)
    logging.basicConfig(
        filename=path, level=logging.WARNING, format="%(asctime)s %(levelname)s [%(name)s] %(message)s"
    )
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_OneLine("%(message)s"))
    logger.addHandler(terminal)


class _OneLine(logging.Formatter):
    """The message and the error's text, without a stack trace."""

    def format(self, record: logging.LogRecord) -> str:
        cause = f": {record.exc_info[1]}" if record.exc_info else ""
        return record.getMessage() + cause


async def _serve(doorman: Doorman, socket_fd: int, lifeline: int, saver: Saver) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_reader(lifeline, _stop_reading, loop, lifeline, stop)
    config = Config()
    config.bind = [f"fd://{socket_fd}"]
    config.keep_alive_timeout = 3600
    config.graceful_timeout = 1
    config.loglevel = "ERROR"
    saving = asyncio.create_task(saver.run())

    async def until_stopped() -> None:
        await stop.wait()
        doorman.end_long_polls()

    await serve(doorman, config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]  # its own ASGI types
    saving.cancel()
    await saver.finish()


def _stop_reading(loop: asyncio.AbstractEventLoop, lifeline: int, stop: asyncio.Event) -> None:
    loop.remove_reader(lifeline)
    stop.set()


def main() -> None:
    """Serve until told to stop; exit code 1 and one line on stderr when the state cannot be read."""
    socket_fd, lifeline, state_dir = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    os.set_inheritable(socket_fd, False)
    _log_to(state_dir / LOG)
    snapshots = Snapshots(state_dir / SNAPSHOT)
    ministack = import_module("ministack.app")
    for name in _SERVICES:
        ministack._get_module(name)
    try:
        snapshots.restore()
    except DamagedSnapshot as error:
        logger.error("The saved state %s cannot be read: %s", state_dir / SNAPSHOT, error)
        sys.exit(1)
    saver = Saver(snapshots)
    asyncio.run(_serve(Doorman(ministack.app, saver.note_change), socket_fd, lifeline, saver))


if __name__ == "__main__":
    main()
