"""``Channel``: frames over a stream socket, each a small JSON object and, where there is one, a long text.

Both sides are bounded: what comes out of a process that runs user code may be anything.
"""

import contextlib
import fcntl
import json
import os
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from chalicelib.authoring.running.time_limits import uninterrupted

LONGEST_HEADER = 4_000_000
"""Bytes of the JSON object of a frame: an outcome names the tasks to skip and carries lineage."""

LONGEST_BODY = 100_000_000
"""Bytes of the text of a frame: an XCom, a variable or a run's conf."""

_SIZES = struct.Struct("!II")
_PIECE = 1 << 20


class BrokenChannel(Exception):
    """The other side sent something that is no frame, or is gone in the middle of one."""


class TooLong(ValueError):
    """What is to be sent is longer than a frame may be; nothing was sent."""


class Channel:
    """One end of a stream socket, which it owns; ``patience`` is the most seconds that a frame may take."""

    def __init__(self, end: socket.socket, patience: float | None = None) -> None:
        self._end = end
        self._patience = patience
        self._until: float | None = None

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._end.fileno()

    def send(self, header: dict[str, Any], body: str = "") -> None:
        """Send a frame; raises ``TooLong``, and ``OSError`` when the other side is gone."""
        head, text = json.dumps(header).encode(), body.encode("utf-8", "surrogatepass")
        if len(head) > LONGEST_HEADER or len(text) > LONGEST_BODY:
            raise TooLong(f"{max(len(head), len(text))} bytes are more than a try can hand over at once")
        self._end.settimeout(self._patience)
        self._end.sendall(_SIZES.pack(len(head), len(text)) + head)
        if text:
            self._end.sendall(text)

    def receive(self) -> tuple[dict[str, Any], str] | None:
        """The next frame, or None once the other side has closed; raises ``BrokenChannel``."""
        self._until = None if self._patience is None else time.monotonic() + self._patience
        try:
            sizes = self._read(_SIZES.size, at_a_boundary=True)
            if not sizes:
                return None
            head_size, body_size = _SIZES.unpack(sizes)
            if head_size > LONGEST_HEADER or body_size > LONGEST_BODY:
                raise BrokenChannel("a frame is too long")
            header = json.loads(self._read(head_size))
            body = self._read(body_size).decode("utf-8", "surrogatepass")
        except (OSError, ValueError, RecursionError) as error:
            raise BrokenChannel(f"what came is no frame: {type(error).__name__}") from error
        if not isinstance(header, dict):
            raise BrokenChannel("a frame has no object at its head")
        return header, body

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._end.close()

    def _read(self, size: int, *, at_a_boundary: bool = False) -> bytes:
        data = bytearray()
        while len(data) < size:
            if self._until is not None:
                self._end.settimeout(max(0.0, self._until - time.monotonic()))
            piece = self._end.recv(min(size - len(data), _PIECE))
            if not piece:
                if at_a_boundary and not data:
                    return b""
                raise BrokenChannel("the other side is gone in the middle of a frame")
            data += piece
        return bytes(data)


def channel_pair(patience: float | None) -> tuple[Channel, socket.socket]:
    """A channel, and the socket at its other end, to be handed on."""
    ours, theirs = socket.socketpair()
    return Channel(ours, patience), theirs


class Requests:
    """A try's side of its stream: one request and its answer at a time.

    Threads of the try, and processes that it forks, share it in turn: a lock on a file, unlike one in
    memory, holds among processes that were forked.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._threads = threading.Lock()
        self._lock_file = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as the process lives
        self._pid = os.getpid()
        self._is_in_step = True

    def ask(self, header: dict[str, Any], body: str = "") -> tuple[dict[str, Any], str]:
        """Send a request and wait for its answer; raises ``BrokenChannel`` and ``TooLong``."""
        with self._turn():
            try:
                self._channel.send(header, body)
                answer = self._channel.receive()
            except OSError as error:
                raise BrokenChannel("the worker is gone") from error
        if answer is None:
            raise BrokenChannel("the worker is gone")
        return answer

    def tell(self, header: dict[str, Any], body: str = "") -> None:
        """Send what needs no answer; raises as ``ask``."""
        with self._turn():
            try:
                self._channel.send(header, body)
            except OSError as error:
                raise BrokenChannel("the worker is gone") from error

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if os.getpid() != self._pid:  # forked: the thread that held the lock may not be here
            self._pid, self._threads = os.getpid(), threading.Lock()
        with uninterrupted(), self._threads, _locked(self._lock_file.fileno()):
            if not self._is_in_step:
                raise BrokenChannel("an earlier request was cut short")
            self._is_in_step = False  # stays so if a signal handler of the user's raises in here
            try:
                yield
            except TooLong:
                self._is_in_step = True
                raise
            self._is_in_step = True


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
