"""The log of a try: what its code logs and prints, kept while it still goes where it went before."""

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from chalicelib.dag.secrets_masker import SecretsMasker

MAX_LOG_BYTES = 10_000_000
"""What is kept of one try's log; beyond that it is only in the function's own log (CloudWatch)."""

_CUT_SHORT = b"... the beginning of this log was too long to keep\n"
_TRUNCATED = b"\n... the rest of this log was too long to keep\n"


def continued_log(earlier: bytes, text: bytes) -> bytes:
    """A try's log as it is after a further part; what is too long goes at the front, by whole lines.

    (A sensor's last pokes tell more than its first.)
    """
    surplus = len(earlier) + len(text) - MAX_LOG_BYTES
    if surplus <= 0:
        return earlier + text
    line_end = earlier.find(b"\n", surplus)
    return _CUT_SHORT + (earlier[line_end + 1 :] if line_end >= 0 else b"") + text


class KeptLog(logging.Handler):
    """Keeps what is logged, up to ``MAX_LOG_BYTES``, in the form of Airflow's task logs."""

    def __init__(self) -> None:
        super().__init__(level=logging.INFO)
        self.setFormatter(
            logging.Formatter("[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s")
        )
        self.content = bytearray()
        self._is_full = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, UTF-8, one line (or more) each."""
        if self._is_full:
            return
        try:
            self.content += f"{self.format(record)}\n".encode(errors="replace")
        except Exception:  # as every handler of logging does: a bad log call must not end the task
            self.handleError(record)
        if len(self.content) > MAX_LOG_BYTES:
            del self.content[MAX_LOG_BYTES:]
            self.content += _TRUNCATED
            self._is_full = True


class Prints(io.TextIOBase):
    """Stands for a stream: logs what is written to it, line by line.

    The rest of an unfinished line is kept per thread, so that lines of several threads do not mix.
    """

    def __init__(self, logger: logging.Logger, stream: TextIO) -> None:
        self._logger = logger
        self._stream = stream
        self._of_thread = threading.local()

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


@contextmanager
def captured_log(logger: logging.Logger) -> Iterator[KeptLog]:
    """Keep what is logged meanwhile, and log to ``logger`` what is printed, in whatever thread.

    Secrets are masked in all that the root logger's handlers get. Changes the whole process: it runs one
    try at a time, as a Lambda does.
    """
    kept = KeptLog()
    root = logging.getLogger()
    level, streams = root.level, (sys.stdout, sys.stderr)
    prints = [Prints(logger, stream) for stream in streams]
    root.addHandler(kept)
    root.setLevel(min(level, logging.INFO))
    sys.stdout, sys.stderr = prints
    try:
        with _masking(tuple(root.handlers)):
            try:
                yield kept
            finally:
                sys.stdout, sys.stderr = streams
                for writer in prints:
                    writer.finish()
    finally:
        root.setLevel(level)
        root.removeHandler(kept)


@contextmanager
def _masking(handlers: tuple[logging.Handler, ...]) -> Iterator[None]:
    masker = SecretsMasker()
    for handler in handlers:
        handler.addFilter(masker)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(masker)
