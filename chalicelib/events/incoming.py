"""``Event``: a message of the queue of events, read into one of three shapes.

A message's body is an event of EventBridge, S3's own notification (of several events, maybe), a message
of SNS in its envelope, or else a message that was sent to the queue itself, by a topic with raw delivery
for instance. Shapes are told from each other by the fields that AWS always writes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.domain.errors import UpdraftError

Document = dict[str, Any]
Record = Mapping[str, Any]

ORIGINAL_MESSAGE_ID = "UpdraftMessageId"
"""The attribute in which a dead letter keeps its first message id: sent back, it gets another."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableEvent(UpdraftError):
    """A message that claims to be an AWS event and lacks what every such event has."""

    code = "unreadable_event"


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBridgeEvent:
    """An event of EventBridge, or of S3's own notification, brought to the same shape."""

    identity: str
    """A text that is the same for each delivery of the event and for no other event."""
    time: datetime
    """The time at which it happened, as precisely as AWS says: often to the second."""
    document: Document
    """The event in EventBridge's shape, which expressions of a conf search."""

    @property
    def description(self) -> str:
        """A text for people."""
        document = self.document
        if document["source"] != "aws.s3":
            return f"{document['detail-type']} of {document['source']}"
        bucket, item = _s3_place(document)
        return f"{document['detail-type']} s3://{bucket.get('name')}/{item.get('key')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SnsMessage:
    """A message of an SNS topic."""

    identity: str
    """As an ``EventBridgeEvent`` has it."""
    time: datetime
    """The time at which it was published."""
    document: Document
    """The message with its attributes, which expressions of a conf search."""
    topic: str
    """The topic's ARN."""
    attributes: Mapping[str, Any]
    """The message's attributes as plain values."""

    @property
    def description(self) -> str:
        """A text for people."""
        return f"message of topic {self.topic.rpartition(':')[2]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SqsMessage:
    """A message that was sent to the queue itself."""

    identity: str
    """As an ``EventBridgeEvent`` has it."""
    time: datetime
    """The time at which it was sent."""
    document: Document
    """The message with its attributes, which expressions of a conf search."""
    attributes: Mapping[str, Any]
    """The message's attributes as plain values."""

    @property
    def description(self) -> str:
        """A text for people."""
        return "message"


Event = EventBridgeEvent | SnsMessage | SqsMessage


def events_of(record: Record) -> tuple[Event, ...]:
    """The events in a record of Lambda's SQS events; none in S3's test of a notification.

    Raises ``UnreadableEvent``.
    """
    body = _parsed(record["body"])
    try:
        return tuple(_events(record, body))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableEvent(f"the event cannot be read: {error!r}") from error


def _events(record: Record, body: Any) -> Iterator[Event]:
    if _is_s3_test(body):
        return
    if _has(body, "id", "source", "detail-type", "detail", "time"):
        yield _eventbridge_event(body)
    elif _is_s3_notification(body):
        yield from (_s3_event(each, f"{_message_id(record)}:{n}") for n, each in enumerate(body["Records"]))
    elif _has(body, "MessageId", "TopicArn", "Message", "Timestamp") and body.get("Type") == "Notification":
        yield from _sns_messages(body)
    else:
        yield _sqs_message(record, body)


def _parsed(text: str) -> Any:
    """The object or list that a text is in JSON; else the text."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _has(body: Any, *names: str) -> bool:
    return isinstance(body, dict) and all(name in body for name in names)


def _is_s3_test(body: Any) -> bool:
    """Whether S3 sent the message to test a notification that was set up."""
    return _has(body, "Event", "Bucket") and body["Event"] == "s3:TestEvent"


def _is_s3_notification(body: Any) -> bool:
    records = body.get("Records") if isinstance(body, dict) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(_has(each, "eventSource", "s3") and each["eventSource"] == "aws:s3" for each in records)
    )


def _eventbridge_event(body: Document) -> EventBridgeEvent:
    for name in ("id", "source", "detail-type"):
        _require_text(body, name)
    identity = f"eventbridge__{body['id']}"
    if body["source"] == "aws.s3":
        identity = _s3_identity(body) or identity
    return EventBridgeEvent(identity=identity, time=_instant(body["time"]), document=body)


def _s3_place(document: Document) -> tuple[Document, Document]:
    """The bucket and the object of an event of S3's."""
    detail = document["detail"]
    bucket, item = detail.get("bucket") or {}, detail.get("object") or {}
    if not (isinstance(bucket, dict) and isinstance(item, dict)):
        raise TypeError("bucket and object have to be objects")
    return bucket, item


def _s3_identity(document: Document) -> str | None:
    """The object's version and when it was written or deleted; other events have no sequencer."""
    bucket, item = _s3_place(document)
    if not item.get("sequencer"):
        return None
    # Only a key may contain a colon, so no two of these are the same.
    parts = (bucket["name"], item["key"], item.get("version-id") or "", item["sequencer"])
    return f"s3__{':'.join(parts)}"


_S3_DETAIL_TYPES = (
    ("ObjectCreated:", "Object Created"),
    ("ObjectRemoved:", "Object Deleted"),
    ("LifecycleExpiration:", "Object Deleted"),
    ("ObjectRestore:Post", "Object Restore Initiated"),
    ("ObjectRestore:Completed", "Object Restore Completed"),
    ("ObjectRestore:Delete", "Object Restore Expired"),
    ("LifecycleTransition", "Object Storage Class Changed"),
    ("IntelligentTiering", "Object Access Tier Changed"),
    ("ObjectTagging:Put", "Object Tags Added"),
    ("ObjectTagging:Delete", "Object Tags Deleted"),
    ("ObjectAcl:Put", "Object ACL Updated"),
)
"""The names in EventBridge of the events of S3's own notifications."""


def _s3_event(record: Document, fallback_id: str) -> EventBridgeEvent:
    """An event of S3's own notification as EventBridge would have brought it."""
    bucket, item = record["s3"]["bucket"], record["s3"]["object"]
    name = record["eventName"].removeprefix("s3:")
    kinds = [kind for start, kind in _S3_DETAIL_TYPES if name.startswith(start)]
    if not kinds:
        raise ValueError(f"S3 event {name} is not known")
    known = {
        "key": unquote_plus(item["key"]),  # only here the key comes encoded, as in a form
        "size": item.get("size"),
        "etag": item.get("eTag"),
        "version-id": item.get("versionId"),
        "sequencer": item.get("sequencer"),
    }
    document = {
        "version": "0",
        "id": fallback_id,
        "detail-type": kinds[0],
        "source": "aws.s3",
        "time": record["eventTime"],
        "region": record.get("awsRegion"),
        "resources": [bucket.get("arn") or f"arn:aws:s3:::{bucket['name']}"],
        "detail": {
            "bucket": {"name": bucket["name"]},
            "object": {name: value for name, value in known.items() if value is not None},
            "requester": record.get("userIdentity", {}).get("principalId"),
            "source-ip-address": record.get("requestParameters", {}).get("sourceIPAddress"),
            "reason": name.partition(":")[2],
        },
    }
    return _eventbridge_event(document)


def _sns_messages(body: Document) -> Iterator[SnsMessage]:
    message = _parsed(body["Message"])
    if _is_s3_test(message):
        return
    attributes = {
        name: _plain(each["Type"], each["Value"])
        for name, each in (body.get("MessageAttributes") or {}).items()
    }
    topic = _require_text(body, "TopicArn")
    yield SnsMessage(
        identity=f"sns__{_require_text(body, 'MessageId')}",
        time=_instant(body["Timestamp"]),
        topic=topic,
        attributes=attributes,
        document={
            "id": body["MessageId"],
            "time": body["Timestamp"],
            "topic": topic,
            "subject": body.get("Subject"),
            "message": message,
            "attributes": attributes,
        },
    )


def _sqs_message(record: Record, body: Any) -> SqsMessage:
    attributes = {
        name: _plain(each["dataType"], each.get("stringValue", each.get("binaryValue")))
        for name, each in record["messageAttributes"].items()
    }
    message_id = attributes.pop(ORIGINAL_MESSAGE_ID, None) or _message_id(record)
    time = _EPOCH + timedelta(milliseconds=int(record["attributes"]["SentTimestamp"]))
    return SqsMessage(
        identity=f"sqs__{message_id}",
        time=time,
        attributes=attributes,
        document={"id": message_id, "time": time.isoformat(), "body": body, "attributes": attributes},
    )


def _message_id(record: Record) -> str:
    return _require_text(record, "messageId")


def _require_text(fields: Record, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} is {value!r}")
    return value


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return moment.astimezone(UTC)


def _plain(data_type: str, value: Any) -> Any:
    """An attribute as a number where it is one, a list where it is ``String.Array``, else its text."""
    if data_type.startswith("Number") or data_type == "String.Array":
        try:
            return json.loads(value, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return value
    return value
