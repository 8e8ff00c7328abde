"""The log of a deployed function: each record is one JSON object on one line, whichever library logs it.

The standard library's ``logging`` with a formatter of our own, rather than a library (each is imported at
every cold start) or Lambda's own JSON format, which is a setting of each function that Chalice has no
option for, and which knows nothing of runs and tasks. So lines are the same wherever the app is deployed,
by whatever way.
"""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib import __version__
from chalicelib.domain.redaction import Redactor
from chalicelib.telemetry.bound import bound_fields

_FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"

LONGEST_TEXT = 16_000
"""Characters kept of a message and of a traceback, each of which JSON may write as six bytes."""

LONGEST_LINE = 250_000
"""Bytes; CloudWatch cuts a longer event (256 KB) in pieces, which are no JSON."""

_SHORT_TEXT = 1_000

_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The function's own credentials, as Lambda gives them."""

_OF_THE_RUNTIME = ("aws_request_id", "tenant_id", "_frame_type")
"""What Lambda's runtime adds to records (awslambdaric)."""

_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", *_OF_THE_RUNTIME})
"""Attributes of a record that are not its ``extra``."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The message of a line that has fields of its own; as text it is their JSON."""

    title: str
    """The line's message."""
    values: Mapping[str, object]
    """The fields."""

    def __str__(self) -> str:
        # ASCII, so that no name can begin a line of its own or mislead a terminal.
        return json.dumps(self.values)


class JsonLines(logging.Formatter):
    """Writes a record as one line: when, where and by which version, what, and the ids that are bound.

    ``extra`` fields of the record are added. Of exceptions the traceback goes into ``exception``. Values
    that JSON has no form for are written as text. What looks like credentials is left out.
    """

    def __init__(self, function: str, secrets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._function = function
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; ASCII. Never raises."""
        return self._redactor.redacted(_encoded(self._document(record)))

    def _document(self, record: logging.LogRecord) -> dict[str, object]:
        document: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            "function": self._function,
            "updraft_version": __version__,
            **_request_id(record),
            **bound_fields(),
        }
        if isinstance(record.msg, Fields):
            document |= record.msg.values
        if traceback := self._traceback(record):
            document["exception"] = _end_of(traceback)
        if record.stack_info:
            document["stack"] = _end_of(record.stack_info)
        known = _STANDARD | document.keys()
        return document | {name: value for name, value in vars(record).items() if name not in known}

    def _traceback(self, record: logging.LogRecord) -> str | None:
        """As a filter has left it (it may have taken secrets out of it), or as it is."""
        if record.exc_text or not (record.exc_info and record.exc_info[0]):
            return record.exc_text
        return self.formatException(record.exc_info)


def on_lambda(environ: Mapping[str, str]) -> bool:
    """Whether this process is a Lambda function's; the local server's are not."""
    return _FUNCTION_NAME in environ


def set_up(environ: Mapping[str, str]) -> None:
    """Log from INFO on what is ours; on Lambda, have each line of the process be JSON on stdout.

    Takes the place of the handler that Lambda's runtime has put there, and keeps its filter, which knows
    the id of the invocation. Elsewhere where lines go and what they look like is left alone. May be repeated.
    """
    # Lambda's root logger drops what is below WARNING; botocore's chatter may stay dropped.
    logging.getLogger("chalicelib").setLevel(logging.INFO)
    root = logging.getLogger()
    if not on_lambda(environ) or any(isinstance(each.formatter, JsonLines) for each in root.handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    secrets = tuple(environ[name] for name in _SECRETS if len(environ.get(name, "")) > 8)
    handler.setFormatter(JsonLines(environ[_FUNCTION_NAME], secrets))
    for replaced in list(root.handlers):
        for kept in replaced.filters:
            handler.addFilter(kept)
        root.removeHandler(replaced)
    root.addHandler(handler)
    logging.captureWarnings(capture=True)


def _request_id(record: logging.LogRecord) -> dict[str, object]:
    """The id of the invocation, where the runtime's filter has left it."""
    found = getattr(record, "aws_request_id", "")
    return {"request_id": found} if found else {}


def _message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, Fields):
        return record.msg.title
    try:
        text = record.getMessage()
    except Exception as error:  # a bad log call must not cost the line, nor the task that made it
        text = f"{_as_text(record.msg)} (cannot be formatted: {error!r})"
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}... ({len(text) - LONGEST_TEXT} more characters)"


def _end_of(text: str) -> str:
    """Of a traceback that is too long its end, where the error is."""
    return text if len(text) <= LONGEST_TEXT else f"...{text[-LONGEST_TEXT:]}"


def _encoded(document: Mapping[str, object]) -> str:
    try:
        line = json.dumps(document, default=_as_text, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # odd keys, NaN, something that contains itself
        line = ""
    if 0 < len(line) <= LONGEST_LINE:
        return line
    return json.dumps({name: _as_text(value)[:_SHORT_TEXT] for name, value in document.items()})


def _as_text(value: object) -> str:
    try:
        return value.isoformat() if isinstance(value, datetime) else str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"
