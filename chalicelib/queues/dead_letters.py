"""Dead letters put aside by hand, with the reason: SQS's own redrive gives none, and is slow to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.domain.errors import excerpt
from chalicelib.queues.event_queue import MAX_ATTRIBUTES, send

CODE = "ErrorCode"
TEXT = "ErrorMessage"
"""What Lambda calls the reasons that it writes on its own dead letters."""

_OF_EVENTBRIDGE = "ERROR_MESSAGE"
"""What EventBridge calls it, on what it could not deliver (AWS, rule dead-letter queues)."""

_NOT_IN_SQS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that SQS refuses (AWS, SendMessage)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message to put aside, and the reason."""

    record: Mapping[str, Any]
    """The message, as Lambda brought it."""
    code: str
    """The code of the error that is the reason."""
    reason: str
    """The reason, in words."""
    original_id: str
    """The attribute that keeps the message's id, unless it has one already: sent back to its queue the
    message gets another id."""

    @property
    def attributes(self) -> dict[str, Mapping[str, Any]]:
        """Its own attributes, its id and the reason, as far as ten reach."""
        own: Mapping[str, Mapping[str, Any]] = self.record["messageAttributes"]
        kept = {name: each for name, each in own.items() if name not in (CODE, TEXT)}
        added = {
            self.original_id: self.record["messageId"],
            TEXT: _NOT_IN_SQS.sub("?", excerpt(self.reason)),
            CODE: self.code,
        }
        for name, text in added.items():
            if len(kept) < MAX_ATTRIBUTES:
                kept.setdefault(name, {"dataType": "String", "stringValue": text})
        return kept


def reason_in(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a dead letter is there, by its attributes as SQS brings them; empty where no reason was noted."""
    found = (
        attributes[name].get("StringValue", "") for name in (TEXT, _OF_EVENTBRIDGE) if name in attributes
    )
    return next(found, "")


class DeadLetters(Protocol):
    """Where messages are put aside."""

    def put(self, letter: DeadLetter) -> None:
        """Put a message aside; raises ``StoreUnavailable`` or ``MessageRefused`` if it was not taken."""


class SqsDeadLetters:
    """The dead-letter queue of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def put(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``. 1 request when warm."""
        send(self._name, letter.record["body"], letter.attributes)
