"""A message sent to its own queue once more, where an invocation had no time left to begin it.

SQS counts each delivery, begun or not: a message that only waited behind slow ones would be among the dead
letters after five of them. As a new message it begins to count anew, and comes at once.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.queues.event_queue import MAX_ATTRIBUTES, MessageRefused, send

Record = Mapping[str, Any]
"""A message as Lambda brings it."""


class Resend(Protocol):
    """Sends messages again."""

    def __call__(self, queue: str, record: Record, original_id: str | None = None) -> None:
        """Send a message to the queue of that name as it came; the caller then has the old one deleted.

        ``original_id`` names the attribute that keeps its message id, unless it has that already. Raises
        ``StoreUnavailable`` if it was not taken: the old one has to stay.
        """


def resend(queue: str, record: Record, original_id: str | None = None) -> None:
    """See ``Resend``. 1 request when warm."""
    attributes = dict(record["messageAttributes"])
    if original_id is not None and original_id not in attributes:
        if len(attributes) >= MAX_ATTRIBUTES:
            raise StoreUnavailable("the message has no room for the id under which it is known")
        attributes[original_id] = {"dataType": "String", "stringValue": record["messageId"]}
    try:
        send(queue, record["body"], attributes)
    except MessageRefused as error:
        raise StoreUnavailable(str(error)) from error
