"""Recorded events: files with an event as AWS's documentation, logs and test tools show it."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.events.incoming import UnreadableEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedMessage:
    """A message as it lies in the queue of events."""

    body: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The message's attributes, in the shape of Lambda's SQS events."""


def messages_of(text: str) -> tuple[QueuedMessage, ...]:
    """The messages in which the recorded events would have come to the queue.

    Of Lambda's SQS events these are the recorded messages themselves, of its SNS events the envelopes
    that a subscribed queue gets; anything else (an event of EventBridge, a notification of S3, a text)
    is the body of one message. Raises ``UnreadableEvent``.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return (QueuedMessage(body=text),)
    records = document.get("Records") if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(_is_of_lambda(record) for record in records):
        return (QueuedMessage(body=text),)
    return tuple(_messages(records))


def _is_of_lambda(record: Any) -> bool:
    return isinstance(record, dict) and bool({"body", "Sns"} & record.keys())


def _messages(records: list[dict[str, Any]]) -> Iterator[QueuedMessage]:
    for record in records:
        if "Sns" in record:
            yield QueuedMessage(body=json.dumps(record["Sns"]))
            continue
        attributes = record.get("messageAttributes", {})
        if not isinstance(record["body"], str) or not _are_attributes(attributes):
            raise UnreadableEvent("a record in the file is not one of Lambda's SQS events")
        yield QueuedMessage(body=record["body"], attributes=attributes)


def _are_attributes(attributes: Any) -> bool:
    return isinstance(attributes, dict) and all(_is_attribute(each) for each in attributes.values())


def _is_attribute(attribute: Any) -> bool:
    if not isinstance(attribute, dict) or not isinstance(attribute.get("dataType"), str):
        return False
    if not attribute["dataType"].startswith("Binary"):
        return isinstance(attribute.get("stringValue"), str)
    try:
        base64.b64decode(attribute["binaryValue"], validate=True)
    except (KeyError, TypeError, ValueError):
        return False
    return True
