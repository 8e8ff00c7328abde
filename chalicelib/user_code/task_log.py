"""The log of a try, as the worker makes it of what the try writes: without secrets, kept and passed on.

Secrets are hidden here, once, in front of both: the log that is kept, and the handlers of the worker's own
log (CloudWatch, or the terminal).
"""

import json
import logging
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.redaction import Redactor
from chalicelib.domain.runs.task_logs import MAX_LOG_BYTES
from chalicelib.user_code.output import Item, Lines, OutputReader, Record, Secret, Text

_TRUNCATED = b"\n... the rest of this log was too long to keep\n"

_OF_USERS = "airflow.task"

_DEEPEST = 20
"""Levels of a record's extra fields that are looked into; what is below becomes text."""


class KeptLog(logging.Handler):
    """Keeps what is logged, up to ``MAX_LOG_BYTES``, in the form of Airflow's task logs."""

    def __init__(self, limit: int = MAX_LOG_BYTES) -> None:
        super().__init__(level=logging.INFO)
        self.setFormatter(
            logging.Formatter("[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s")
        )
        self.content = bytearray()
        self._limit = limit
        self._is_full = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, UTF-8, one line (or more) each."""
        if self._is_full:
            return
        try:
            self.content += f"{self.format(record)}\n".encode(errors="replace")
        except Exception:  # as every handler of logging does: a bad log call must not end the task
            self.handleError(record)
        if len(self.content) > self._limit:
            del self.content[self._limit :]
            self.content += _TRUNCATED
            self._is_full = True


class TaskLog:
    """The log of one try; ``secrets`` are what the worker itself knows that must not be in it."""

    def __init__(self, secrets: Iterable[str] = (), limit: int = MAX_LOG_BYTES) -> None:
        self._redactor = Redactor(secrets)
        self._kept = KeptLog(limit)
        self._reader = OutputReader()
        self._lines = Lines(self._redactor.end_of_complete)

    @property
    def content(self) -> bytes:
        """What is kept by now."""
        return bytes(self._kept.content)

    def take(self, data: bytes) -> None:
        """Take further bytes of the try's output."""
        for item in self._reader.items(data):
            self._take_item(item)

    def finish(self) -> None:
        """Nothing more comes: what is not complete counts as it is."""
        for item in self._reader.rest():
            self._take_item(item)
        for line in self._lines.finish():
            self._log(line)

    def say(self, level: int, text: str) -> None:
        """Add a line of the worker's own."""
        self._log(text, level)

    def hide(self, secret: str) -> None:
        """Hide a text from now on."""
        self._redactor.add(secret)

    def redacted(self, text: str) -> str:
        """A text without the secrets that are known by now."""
        return self._redactor.redacted(text)

    def _take_item(self, item: Item) -> None:
        match item:
            case Text():
                for line in self._lines.lines(item.data):
                    self._log(line)
            case Secret():
                self.hide(item.text)
            case Record():
                attributes = item.attributes.items()
                self._give(logging.makeLogRecord({name: self._without(value) for name, value in attributes}))

    def _log(self, line: str, level: int = logging.INFO) -> None:
        where = "output" if level == logging.INFO else "worker"
        self._give(logging.LogRecord(_OF_USERS, level, where, 0, self._redactor.redacted(line), None, None))

    def _give(self, record: logging.LogRecord) -> None:
        """Give a record, which shows no secret, to those who keep it and show it."""
        self._kept.handle(record)
        logging.getLogger(record.name).handle(record)

    def _without(self, value: Any, depth: int = 0) -> Any:
        """A value, of what JSON can be made of, without secrets in any of its texts."""
        if depth > _DEEPEST:
            return self._redactor.redacted(json.dumps(value))
        match value:
            case str():
                return self._redactor.redacted(value)
            case dict():
                return {self._without(name): self._without(item, depth + 1) for name, item in value.items()}
            case list():
                return [self._without(item, depth + 1) for item in value]
        return value
