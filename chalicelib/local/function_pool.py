"""Lambda on one machine: handlers invoked in warm child processes, one invocation at a time each.

The children are forked by ``function_host``, which describes the protocol. Each function has children
of its own, as on Lambda: what a user's task does to its process can touch later tasks there, but never
the scheduler, and never the API.
"""

import contextlib
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from chalicelib.local.function_host import EXIT_RECORD
from chalicelib.local.lifeline import Lifeline
from chalicelib.user_code.process_tree import kill_tree

_PROJECT_ROOT = Path(__file__).resolve().parents[2]
_START_WITHIN_SECONDS = 30.0
_EXIT_STATUS_WITHIN_SECONDS = 1.0
_REAP_EVERY_SECONDS = 5.0
_EXITS_REMEMBERED = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A Lambda function: its name, its handler, and its limits."""

    name: str
    handler: str
    """``module:attribute``, called with (event, context)."""
    timeout: float
    """Seconds that an invocation may take."""
    concurrency: int = 1
    """The most children at a time."""
    memory: int = 512
    """MB, as the context tells them; no child is held to them."""
    reused: bool = True
    """Whether a child serves one invocation after the other, instead of one only."""


class InvocationError(Exception):
    """An invocation did not end with a result."""

    def __init__(self, text: str, request_id: str) -> None:
        super().__init__(text)
        self.request_id = request_id


class FunctionFailed(InvocationError):
    """The handler raised: ``error_type`` is the exception's class, ``stack`` its formatted stack trace."""

    def __init__(self, error: Mapping[str, Any], request_id: str) -> None:
        super().__init__(f"{error['errorType']}: {error['errorMessage']}", request_id)
        self.error_type: str = error["errorType"]
        self.stack = "".join(error["stackTrace"])


class FunctionCrashed(InvocationError):
    """The child process went away during the invocation; nothing is known of what the handler did."""


class FunctionTimedOut(FunctionCrashed):
    """The child was killed because the invocation took longer than the function's timeout."""


class FunctionNotStarted(InvocationError):
    """No child could be started: the handler did not run."""


class PoolClosed(Exception):
    """No more invocations: the server is stopping."""


@dataclass(slots=True)
class _Child:
    channel: Connection
    pid: int
    idle_since: float = 0.0

    def is_gone(self) -> bool:
        """Whether it ended while it was idle: a child speaks only when asked."""
        return self.channel.poll()


class FunctionPool:
    """Invokes functions in child processes; grows on demand, keeps children warm, replaces dead ones.

    ``preload`` are the modules that children find imported. ``idle_seconds`` is how long a child is kept
    without work; one of each function stays. Safe to use from many threads.
    """

    def __init__(
        self, lifeline: Lifeline, *, preload: tuple[str, ...] = ("app",), idle_seconds: float = 120.0
    ) -> None:
        self._lifeline = lifeline
        self._preload = preload
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle: defaultdict[str, list[_Child]] = defaultdict(list)
        self._busy: set[int] = set()
        self._slots: dict[str, threading.Semaphore] = {}
        self._closed = threading.Event()
        self._host: _Host | None = None
        self._reaper = threading.Thread(target=self._reap_idle, name="function-pool", daemon=True)

    def start(self) -> None:
        """Start the process that children are forked from; it imports in the background."""
        self._host = _Host(self._preload, self._lifeline)
        self._reaper.start()

    def invoke(self, function: Function, event: Any) -> Any:
        """Run the handler with the event and give its result; both are JSON, as on Lambda.

        Waits while all the function's children are busy. Raises FunctionFailed when the handler raised,
        FunctionCrashed or FunctionTimedOut when its process ended, FunctionNotStarted when there was none to
        run it, PoolClosed after ``close``.
        """
        with self._slot(function):
            child = self._take(function)
            try:
                return self._run(child, function, event)
            finally:
                self._give_back(child, function)

    def warm(self, function: Function, count: int) -> None:
        """Have ``count`` children of the function ready."""
        children = [self._spawn() for _ in range(count)]
        with self._lock:
            for child in children:
                child.idle_since = time.monotonic()
                self._idle[function.name].append(child)

    def close(self, grace: float = 0.0, is_hurried: Callable[[], bool] = lambda: False) -> None:
        """End all children; those at work get ``grace`` seconds to finish, unless ``is_hurried``.

        Invocations that do not finish in time fail as crashed.
        """
        self._closed.set()
        deadline = time.monotonic() + grace
        while self._busy and time.monotonic() < deadline and not is_hurried():
            time.sleep(0.02)
        with self._lock:
            busy = list(self._busy)
        for pid in busy:
            kill_tree(pid)
        if self._host is not None:
            self._host.close()

    def _slot(self, function: Function) -> threading.Semaphore:
        with self._lock:
            return self._slots.setdefault(function.name, threading.Semaphore(function.concurrency))

    def _take(self, function: Function) -> _Child:
        if self._closed.is_set():
            raise PoolClosed
        child = self._take_idle(function) or self._spawn()
        with self._lock:
            self._busy.add(child.pid)
        return child

    def _take_idle(self, function: Function) -> _Child | None:
        if not function.reused:
            return None
        while True:
            with self._lock:
                if not self._idle[function.name]:
                    return None
                child = self._idle[function.name].pop()
            if not child.is_gone():
                return child
            child.channel.close()

    def _spawn(self) -> _Child:
        if self._closed.is_set() or self._host is None:
            raise PoolClosed
        with self._lock:
            if not self._host.is_running:
                logger.error("the process that functions are forked from was gone; starting it again")
                self._host.close()
                self._host = _Host(self._preload, self._lifeline)
            host = self._host
        channel, pid = host.fork()
        return _Child(channel=channel, pid=pid)

    def _run(self, child: _Child, function: Function, event: Any) -> Any:
        request_id = str(uuid.uuid4())
        request = {
            "handler": function.handler,
            "event": event,
            "request_id": request_id,
            "function_name": function.name,
            "memory": function.memory,
            "timeout": function.timeout,
        }
        try:
            child.channel.send_bytes(json.dumps(request).encode())
            if not child.channel.poll(function.timeout):
                kill_tree(child.pid)
                child.channel.close()
                raise FunctionTimedOut(f"Task timed out after {function.timeout:.2f} seconds", request_id)
            answer = json.loads(child.channel.recv_bytes())
        except (EOFError, OSError) as error:
            child.channel.close()
            raise FunctionCrashed(self._last_words(child), request_id) from error
        if "error" in answer:
            raise FunctionFailed(answer["error"], request_id)
        return answer["result"]

    def _last_words(self, child: _Child) -> str:
        code = self._host.exit_code(child.pid) if self._host else None
        if code is None:
            return "Runtime exited"
        if code < 0:
            return f"Runtime exited with signal {signal.Signals(-code).name}"
        return f"Runtime exited with exit status {code}"

    def _give_back(self, child: _Child, function: Function) -> None:
        with self._lock:
            self._busy.discard(child.pid)
            if function.reused and not child.channel.closed and not self._closed.is_set():
                child.idle_since = time.monotonic()
                self._idle[function.name].append(child)
                return
        child.channel.close()

    def _reap_idle(self) -> None:
        while not self._closed.wait(min(_REAP_EVERY_SECONDS, self._idle_seconds)):
            oldest = time.monotonic() - self._idle_seconds
            with self._lock:
                surplus = [
                    child for idle in self._idle.values() for child in idle[:-1] if child.idle_since < oldest
                ]
                for idle in self._idle.values():
                    idle[:] = [child for child in idle if child not in surplus]
            for child in surplus:
                child.channel.close()


class _Host:
    """The pool's side of a ``function_host`` process."""

    def __init__(self, preload: tuple[str, ...], lifeline: Lifeline) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "chalicelib.local.function_host"]
            arguments = [str(theirs.fileno()), str(lifeline.read_end), *preload]
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command of our own
                command + arguments,
                cwd=_PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lifeline.read_end),
                start_new_session=True,
            )
        self._exits: dict[int, int] = {}
        self._exited = threading.Condition()
        threading.Thread(target=self._listen, name="function-host", daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether children can be forked from it."""
        return self._process.poll() is None

    def fork(self) -> tuple[Connection, int]:
        """Fork a child; gives its invocation channel and its pid. Raises FunctionNotStarted."""
        ours, theirs = socket.socketpair()
        channel = Connection(ours.detach())
        try:
            with theirs:
                socket.send_fds(self._control, [b"f"], [theirs.fileno()])
            if not channel.poll(_START_WITHIN_SECONDS):
                raise FunctionNotStarted("the runtime did not start", "")
            return channel, int(json.loads(channel.recv_bytes())["pid"])
        except (EOFError, OSError) as error:
            channel.close()
            raise FunctionNotStarted("the runtime did not start", "") from error

    def exit_code(self, pid: int) -> int | None:
        """How a child ended (negative: the signal); None when that is not known within a second."""
        with self._exited:
            self._exited.wait_for(lambda: pid in self._exits, timeout=_EXIT_STATUS_WITHIN_SECONDS)
            return self._exits.pop(pid, None)

    def close(self) -> None:
        """End it and all its children."""
        with contextlib.suppress(OSError):  # it is gone already
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            kill_tree(self._process.pid)
            self._process.wait()

    def _listen(self) -> None:
        with self._control.makefile("rb", buffering=EXIT_RECORD.size) as reports:
            while len(record := reports.read(EXIT_RECORD.size)) == EXIT_RECORD.size:
                pid, code = EXIT_RECORD.unpack(record)
                with self._exited:
                    self._exits[pid] = code
                    if len(self._exits) > _EXITS_REMEMBERED:
                        del self._exits[next(iter(self._exits))]
                    self._exited.notify_all()
