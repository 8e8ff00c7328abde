"""The output of a try, on its descriptors 1 and 2: text, log records and masks, written and read.

All of it goes through one pipe, so that it has one order: a secret is told before anything that shows it
can be written, and what a subprocess prints stands between the lines that the task logged before and after.
Records and masks come in chunks of at most ``PIPE_BUF`` bytes, which the kernel never mixes with other
writes; whatever is no chunk is text.
"""

import codecs
import io
import json
import logging
import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.runs.task_logs import MAX_LOG_BYTES

_MARK = b"\x1e\x02updraft\x1e"
_HEAD = struct.Struct("!cBIH")
"""Kind, flags, the writer's pid, bytes that follow."""
_FIRST, _LAST = 1, 2
_ROOM = select.PIPE_BUF - len(_MARK) - _HEAD.size

_RECORD, _SECRET = b"r", b"s"

_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
_NUMBERS = ("levelno", "created", "msecs", "lineno")
_OPTIONAL = ("exc_text", "stack_info")
_END_OF_TIME = 2**32
_TEXTS = ("name", "levelname", "filename", "module", "funcName")


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes that were simply written."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A log record: the attributes that ``logging.makeLogRecord`` takes."""

    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Secret:
    """What has to be hidden from here on."""

    text: str


Item = Text | Record | Secret


class OutputWriter:
    """A try's side: writes records and secrets to a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def record(self, record: logging.LogRecord, formatter: logging.Formatter) -> None:
        """Write a log record; raises ``OSError`` when nobody reads any more."""
        self._write(_RECORD, json.dumps(_attributes(record, formatter), default=_as_text))

    def secret(self, text: str) -> None:
        """Have a text hidden in all that is written from now on."""
        self._write(_SECRET, text)

    def _write(self, kind: bytes, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")[:MAX_LOG_BYTES]
        if os.getpid() != self._pid:  # forked, perhaps while another thread held the lock
            self._pid, self._lock = os.getpid(), threading.RLock()
        with self._lock:
            for start in range(0, len(data) or 1, _ROOM):
                piece = data[start : start + _ROOM]
                flags = (_FIRST if start == 0 else 0) | (_LAST if start + _ROOM >= len(data) else 0)
                os.write(self._descriptor, _MARK + _HEAD.pack(kind, flags, self._pid, len(piece)) + piece)


class RecordsToWorker(logging.Handler):
    """Hands each log record on to the worker, as it is: hiding secrets in it is the worker's."""

    def __init__(self, writer: OutputWriter) -> None:
        super().__init__(level=logging.INFO)
        self._writer = writer
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        try:
            self._writer.record(record, self._formatter)
        except Exception:  # as every handler of logging does: a bad log call must not end the task
            self.handleError(record)


class Prints(io.TextIOBase):
    """Stands for a stream: logs what is written to it, line by line.

    The rest of an unfinished line is kept per thread, so that lines of several threads do not mix. Bytes
    written to its ``buffer`` go to the stream's own.
    """

    def __init__(self, logger: logging.Logger, stream: io.TextIOWrapper) -> None:
        self._logger = logger
        self._stream = stream
        self._of_thread = threading.local()

    @property
    def buffer(self) -> Any:
        """The stream's, for bytes."""
        return self._stream.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute there
        """The stream's."""
        return self._stream.encoding

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """That of the stream it stands for: a subprocess that inherits it writes there."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Log the complete lines, keep the rest."""
        mine = self._of_thread
        if getattr(mine, "is_logging", False):
            # A handler prints the record that is being logged: that must not come back here.
            return self._stream.write(text)
        *lines, mine.rest = (getattr(mine, "rest", "") + text).split("\n")
        for line in lines:
            self._log(line)
        return len(text)

    def finish(self) -> None:
        """Log what this thread has written after its last line end."""
        rest, self._of_thread.rest = getattr(self._of_thread, "rest", ""), ""
        if rest:
            self._log(rest)

    def _log(self, line: str) -> None:
        self._of_thread.is_logging = True
        try:
            self._logger.info("%s", line)
        finally:
            self._of_thread.is_logging = False


class OutputReader:
    """The worker's side: makes items of the bytes that come; what is broken counts as text."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._unfinished: dict[int, bytearray] = {}

    def items(self, data: bytes) -> Iterator[Item]:
        """The items that are complete with these further bytes."""
        self._data += data
        while self._data:
            start = self._data.find(_MARK)
            if start < 0:
                yield from self._text(len(self._data) - _beginning_of_mark(self._data))
                return
            yield from self._text(start)
            end = self._end_of_chunk()
            if end is None:
                return
            yield from self._chunk(end)

    def rest(self) -> Iterator[Item]:
        """What is left when nothing more will come."""
        yield from self._text(len(self._data))

    def _text(self, size: int) -> Iterator[Item]:
        if size > 0:
            yield Text(bytes(self._data[:size]))
            del self._data[:size]

    def _end_of_chunk(self) -> int | None:
        """Where the chunk at the beginning ends, or None if it is not all there."""
        head = len(_MARK) + _HEAD.size
        if len(self._data) < head:
            return None
        end = head + int(_HEAD.unpack_from(self._data, len(_MARK))[3])
        return end if len(self._data) >= end else None

    def _chunk(self, end: int) -> Iterator[Item]:
        kind, flags, pid, _ = _HEAD.unpack_from(self._data, len(_MARK))
        piece = bytes(self._data[len(_MARK) + _HEAD.size : end])
        del self._data[:end]
        if flags & _FIRST:
            self._unfinished[pid] = bytearray()
        whole = self._unfinished.get(pid)
        if whole is None or len(whole) > MAX_LOG_BYTES:
            return
        whole += piece
        if flags & _LAST:
            del self._unfinished[pid]
            item = _item(kind, bytes(whole))
            if item is not None:
                yield item


class Lines:
    """Makes lines of text that comes in pieces; one that is very long comes in parts, cut by ``cut``.

    ``cut`` says of a text that goes on how much of it can stand for itself.
    """

    LONGEST = 100_000
    """Characters of a part."""

    def __init__(self, cut: Callable[[str], int]) -> None:
        self._cut = cut
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""

    def lines(self, data: bytes) -> Iterator[str]:
        """The lines that these further bytes complete."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
        if len(self._rest) > self.LONGEST:
            end = self._cut(self._rest)
            if end > 0:
                part, self._rest = self._rest[:end], self._rest[end:]
                yield part

    def finish(self) -> Iterator[str]:
        """What came after the last line end."""
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        self._decoder.reset()
        if rest:
            yield rest


def _beginning_of_mark(data: bytearray) -> int:
    """How many bytes at the end may be the beginning of a mark."""
    longest = min(len(_MARK) - 1, len(data))
    return next((size for size in range(longest, 0, -1) if data.endswith(_MARK[:size])), 0)


def _item(kind: bytes, data: bytes) -> Item | None:
    text = data.decode("utf-8", "backslashreplace")
    if kind == _SECRET:
        return Secret(text)
    attributes = _checked(text)
    return Record(attributes) if kind == _RECORD and attributes is not None else None


def _checked(text: str) -> dict[str, Any] | None:
    """The attributes of a record, or None where a handler could fall over what came."""
    try:
        attributes = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(attributes, dict):
        return None
    numbers = all(isinstance(attributes.get(name), int | float) for name in _NUMBERS)
    texts = all(isinstance(attributes.get(name), str) for name in (*_TEXTS, "msg"))
    optional = all(isinstance(attributes.get(name, ""), str) for name in _OPTIONAL)
    if not (numbers and texts and optional and 0 <= attributes["created"] < _END_OF_TIME):
        return None
    known = {*_NUMBERS, *_TEXTS, *_OPTIONAL, "msg"}
    return {name: value for name, value in attributes.items() if name in known or name not in _STANDARD}


def _attributes(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    attributes = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    attributes |= {name: getattr(record, name) for name in _NUMBERS}
    attributes |= {name: str(getattr(record, name) or "") for name in _TEXTS}
    attributes["msg"] = _message(record)
    if record.exc_text:
        attributes["exc_text"] = record.exc_text
    elif record.exc_info and record.exc_info[0]:
        attributes["exc_text"] = formatter.formatException(record.exc_info)
    if record.stack_info:
        attributes["stack_info"] = formatter.formatStack(record.stack_info)
    return attributes


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # a bad log call must not cost the line, nor the task that made it
        return f"{_as_text(record.msg)} (cannot be formatted: {error!r})"


def _as_text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"
