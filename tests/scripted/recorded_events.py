"""The recorded events in ``tests/events``, as they come out of the queue."""

from pathlib import Path
from typing import Any

from chalicelib.events.recorded import messages_of

FOLDER = Path(__file__).parents[1] / "events"
SENT_AT = "1772600767123"
"""2026-03-04T05:06:07.123 UTC."""


def records_of(name: str) -> list[dict[str, Any]]:
    """The records in which Lambda gets what a file holds; message ids are ``name/0`` and so on."""
    messages = messages_of((FOLDER / f"{name}.json").read_text())
    return [
        record(message.body, f"{name}/{number}", dict(message.attributes))
        for number, message in enumerate(messages)
    ]


def record(body: str, message_id: str = "m-1", attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A record of Lambda's SQS events."""
    return {
        "messageId": message_id,
        "receiptHandle": "r",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": SENT_AT},
        "messageAttributes": attributes or {},
    }


def text_attribute(value: str) -> dict[str, Any]:
    """A text as Lambda shows a message attribute."""
    return {"stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String"}
