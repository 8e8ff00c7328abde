"""The local server's behaviour while its disk is full: workers wait, and no stack trace is shown.

The embedded AWS refuses changes then. The API passes that on, and messages stay in their queues. But a task
that has just run must not be lost for it: nobody would know of its end until its lease is over, and it would
count as failed then. So a worker sends its requests again until there is room.
"""

import logging
from typing import Any

from chalicelib import aws
from chalicelib.domain.errors import StorageFull

_AGAIN_AFTER_SECONDS = 1.0
_SERVICES = ("dynamodb", "s3", "sqs")

_waits = False


def prepare_clients() -> None:
    """Give the process's session what ``wait_for_room`` needs; before it makes its clients."""
    events = aws.session().get_component("event_emitter")
    for service in _SERVICES:
        events.register_first(f"needs-retry.{service}", _seconds_until_again)


def wait_for_room() -> None:
    """Have this process wait, from now on, where it would be told that the disk is full."""
    global _waits
    _waits = True


def _seconds_until_again(response: tuple[Any, dict[str, Any]] | None = None, **_: Any) -> float | None:
    """See botocore's event ``needs-retry``: when to send a request again; None leaves it to the others."""
    if not _waits or response is None:
        return None
    code = response[1].get("Error", {}).get("Code")
    return _AGAIN_AFTER_SECONDS if code == aws.STORAGE_FULL else None


def in_one_line(record: logging.LogRecord) -> bool:
    """A filter for log handlers: of a full disk, which was said, no stack trace is shown."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, Exception) and (isinstance(error, StorageFull) or aws.is_storage_full(error)):
        record.msg, record.args = f"{record.getMessage()}: the disk is full", ()
        record.exc_info = record.exc_text = None
    return True
