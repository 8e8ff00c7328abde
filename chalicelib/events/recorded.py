"""Recorded events: files with what AWS documents, logs and test tools show of an event."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedMessage:
    """A message as it lies in the queue of events; attributes in the shape of Lambda's SQS events."""

    body: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


def messages_of(text: str) -> tuple[QueuedMessage, ...]:
    """The messages in which the recorded events would have come to the queue.

    Of Lambda's SQS events these are the recorded messages themselves, of its SNS events the envelopes
    that a subscribed queue gets; anything else (an event of EventBridge, a notification of S3, a text)
    is the body of one message.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return (QueuedMessage(body=text),)
    records = document.get("Records") if isinstance(document, dict) else None
    if not isinstance(records, list):
        return (QueuedMessage(body=text),)
    return tuple(_messages(text, records))


def _messages(text: str, records: list[Any]) -> Iterator[QueuedMessage]:
    for record in records:
        if not isinstance(record, dict) or not ({"body", "Sns"} & record.keys()):
            yield QueuedMessage(body=text)
            return
        if "Sns" in record:
            yield QueuedMessage(body=json.dumps(record["Sns"]))
        else:
            yield QueuedMessage(body=record["body"], attributes=record.get("messageAttributes", {}))
