"""What each recorded event is read as: its identity, its time, and what a conf may ask of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.events.incoming import (
    ORIGINAL_MESSAGE_ID,
    Event,
    EventBridgeEvent,
    SnsMessage,
    SqsMessage,
    UnreadableEvent,
    events_of,
)
from tests.scripted.recorded_events import FOLDER, record, records_of, text_attribute

SECOND = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MILLISECOND = SECOND + timedelta(milliseconds=123)
ODD_KEY = 'orders/smörgås + 100% / "naïve" 日本語 🍣.csv'
TOPIC = "arn:aws:sns:eu-west-1:123456789012:acme-alerts"


def read(name: str) -> list[Event]:
    return [event for each in records_of(name) for event in events_of(each)]


def read_one(name: str) -> Event:
    (event,) = read(name)
    return event


@pytest.mark.parametrize(
    ("name", "kind", "identity", "time"),
    [
        (
            "eventbridge_custom",
            EventBridgeEvent,
            "eventbridge__7bf73129-1428-4cd3-a780-95db273d1602",
            SECOND,
        ),
        (
            "eventbridge_ec2_state_change",
            EventBridgeEvent,
            "eventbridge__6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            SECOND,
        ),
        (
            "s3_object_created",
            EventBridgeEvent,
            "s3__acme-incoming:orders/2026-03-04.csv::00617F08299329D189",
            SECOND,
        ),
        (
            "s3_object_created_again",
            EventBridgeEvent,
            "s3__acme-incoming:orders/2026-03-04.csv::00617F08299329D189",
            SECOND,
        ),
        (
            "s3_notification_put",
            EventBridgeEvent,
            "s3__acme-incoming:orders/2026-03-04.csv::00617F08299329D189",
            MILLISECOND,
        ),
        (
            "s3_object_created_odd_key",
            EventBridgeEvent,
            f"s3__acme-incoming:{ODD_KEY}::00617F08299329D190",
            SECOND,
        ),
        (
            "s3_notification_encoded_key",
            EventBridgeEvent,
            f"s3__acme-incoming:{ODD_KEY}::00617F08299329D190",
            MILLISECOND,
        ),
        (
            "s3_object_created_versioned",
            EventBridgeEvent,
            "s3__acme-incoming:orders-2026.csv:IYV3p45BT0ac8hjHg1houSdS1a.Mro8e:00617F08299329D191",
            SECOND,
        ),
        (
            "s3_object_deleted",
            EventBridgeEvent,
            "s3__acme-incoming:orders/2026-03-04.csv:1QW9g1Z99LUNbvaaYVpW9xDlOLU.qxgF:00617F0837B476E463",
            SECOND,
        ),
        (
            "s3_notification_delete_marker",
            EventBridgeEvent,
            "s3__acme-incoming:orders/2026-03-04.csv:1QW9g1Z99LUNbvaaYVpW9xDlOLU.qxgF:00617F0837B476E463",
            MILLISECOND,
        ),
        (
            "s3_object_tags_added",
            EventBridgeEvent,
            "eventbridge__1d2f3a4b-5c6d-7e8f-9012-3456789abcde",
            SECOND,
        ),
        ("sns_notification", SnsMessage, "sns__165545c9-2a5c-472c-8df2-7ff2be2b3b1b", MILLISECOND),
        ("sns_without_subject", SnsMessage, "sns__95df01b4-ee98-5cb9-9903-4c221d41eb5e", MILLISECOND),
        ("sns_lambda_event", SnsMessage, "sns__77df01b4-ee98-5cb9-9903-4c221d41eb5e", MILLISECOND),
        ("sns_raw_delivery", SqsMessage, "sqs__sns_raw_delivery/0", MILLISECOND),
        ("sqs_message", SqsMessage, "sqs__sqs_message/0", MILLISECOND),
        ("sqs_text_message", SqsMessage, "sqs__sqs_text_message/0", MILLISECOND),
        ("sqs_undeclared_message", SqsMessage, "sqs__sqs_undeclared_message/0", MILLISECOND),
    ],
)
def test_an_event_has_an_identity_and_a_time(
    name: str, kind: type[Event], identity: str, time: datetime
) -> None:
    event = read_one(name)
    assert (type(event), event.identity, event.time) == (kind, identity, time)


@pytest.mark.parametrize("name", ["s3_test_event", "sns_s3_test_event"])
def test_the_test_of_a_notification_is_no_event(name: str) -> None:
    assert read(name) == []


def test_a_notification_may_bring_several_events() -> None:
    assert [event.document["detail"]["object"]["key"] for event in read("s3_notification_batch")] == [
        "orders/1.csv",
        "orders/2.csv",
    ]


def test_a_message_that_cannot_be_read_spares_the_others_of_its_batch() -> None:
    good, broken, last = records_of("sqs_batch_with_poison")
    assert isinstance(events_of(good)[0], EventBridgeEvent)
    assert isinstance(events_of(last)[0], SqsMessage)
    with pytest.raises(UnreadableEvent, match="yesterday"):
        events_of(broken)


def test_every_file_of_the_corpus_is_tried_here() -> None:
    source = Path(__file__).read_text()
    elsewhere = {"eventbridge_cut_short": "a message of the poisoned batch"}
    assert {path.stem for path in FOLDER.glob("*.json") if f'"{path.stem}"' not in source} <= elsewhere.keys()


def test_a_notification_of_s3_looks_like_an_event_of_eventbridge() -> None:
    notified, event = (
        read_one("s3_notification_encoded_key").document,
        read_one("s3_object_created_odd_key").document,
    )
    for name in ("source", "detail-type", "region", "resources"):
        assert notified[name] == event[name]
    assert notified["detail"]["object"] == event["detail"]["object"]
    assert notified["detail"]["bucket"] == event["detail"]["bucket"]


def test_an_sns_message_is_given_with_its_text_parsed_and_its_attributes_plain() -> None:
    event = read_one("sns_notification")
    assert event.document == {
        "id": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "time": "2026-03-04T05:06:07.123Z",
        "topic": TOPIC,
        "subject": "ALARM: queue too long",
        "message": {"alarm": "queue too long", "value": 412},
        "attributes": {"severity": "high", "teams": ["ops", "shop"], "count": 412},
    }


@pytest.mark.parametrize("name", ["sns_without_subject", "sns_lambda_event"])
def test_an_sns_message_need_have_neither_subject_nor_attributes(name: str) -> None:
    document = read_one(name).document
    assert (document["subject"], document["attributes"], document["message"]) == (None, {}, "Hello from SNS!")


def test_a_message_of_ones_own_is_given_with_its_body_parsed_and_its_attributes_plain() -> None:
    assert read_one("sqs_message").document == {
        "id": "sqs_message/0",
        "time": "2026-03-04T05:06:07.123000+00:00",
        "body": {"who": "Zoë"},
        "attributes": {"kind": "greeting", "priority": 7},
    }
    assert read_one("sqs_text_message").document["body"] == "not JSON, just a line with <tags> & ümlauts"


@pytest.mark.parametrize("body", ["null", "17", '"text"', "NaN", '{"a": NaN}', "[" * 100_000, ""])
def test_a_body_that_is_no_object_in_json_stays_a_text(body: str) -> None:
    (event,) = events_of(record(body))
    assert event.document["body"] == body


def test_a_dead_letter_that_is_sent_back_keeps_its_identity() -> None:
    (event,) = events_of(record("x", "new id", {ORIGINAL_MESSAGE_ID: text_attribute("old id")}))
    assert event.identity == "sqs__old id"
    assert event.document["attributes"] == {}


def test_a_binary_attribute_is_given_in_base64() -> None:
    attribute = {"binaryValue": "AAEC", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}
    (event,) = events_of(record("x", attributes={"raw": attribute}))
    assert event.document["attributes"] == {"raw": "AAEC"}


EVENT = json.loads((FOLDER / "eventbridge_custom.json").read_text())
S3_EVENT = json.loads((FOLDER / "s3_object_created.json").read_text())
NOTIFICATION = json.loads((FOLDER / "s3_notification_put.json").read_text())["Records"][0]
ENVELOPE = json.loads((FOLDER / "sns_notification.json").read_text())


@pytest.mark.parametrize(
    "body",
    [
        {**EVENT, "id": 3},
        {**EVENT, "id": ""},
        {**EVENT, "source": None},
        {**EVENT, "detail-type": []},
        {**EVENT, "time": 0},
        {**EVENT, "time": "2026-03-04T05:06:07"},
        {**S3_EVENT, "detail": "x"},
        {**S3_EVENT, "detail": {"bucket": "b", "object": "o"}},
        {**S3_EVENT, "detail": {"bucket": {}, "object": {"sequencer": "1"}}},
        {**S3_EVENT, "detail": {"bucket": {"name": 1}, "object": {"key": 2, "sequencer": "1"}}},
        {"Records": [{**NOTIFICATION, "s3": {}}]},
        {"Records": [{**NOTIFICATION, "eventName": "Replication:OperationMissedThreshold"}]},
        {"Records": [{**NOTIFICATION, "eventTime": None}]},
        {**ENVELOPE, "MessageId": ""},
        {**ENVELOPE, "TopicArn": 1},
        {**ENVELOPE, "Timestamp": "soon"},
        {**ENVELOPE, "MessageAttributes": {"a": "b"}},
    ],
)
def test_an_event_that_lacks_what_all_have_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent):
        events_of(record(json.dumps(body)))
