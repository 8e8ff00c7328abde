"""What the queue pump decides without a queue."""

from typing import Any

import pytest

from chalicelib.local.queue_pump import Queue, backoff_seconds, event_record, failed_records

SOURCE = Queue(url="http://localhost/q", arn="arn:aws:sqs:eu-west-1:000000000000:q")


def record(number: int) -> dict[str, Any]:
    message = {"MessageId": f"m{number}", "ReceiptHandle": f"r{number}", "Body": "{}", "MD5OfBody": "x"}
    return event_record({**message, "Attributes": {"ApproximateReceiveCount": "1"}}, SOURCE)


BATCH = [record(1), record(2)]


def test_a_record_has_the_shape_of_lambdas_sqs_events() -> None:
    assert record(1) == {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "x",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:q",
        "awsRegion": "eu-west-1",
    }


def test_message_attributes_are_shown_as_lambda_shows_them() -> None:
    sent = {
        "kind": {"DataType": "String", "StringValue": "greeting"},
        "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\x01\x02"},
    }
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "{}",
        "MD5OfBody": "x",
        "MessageAttributes": sent,
    }
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert event_record(message, SOURCE)["messageAttributes"] == {
        "kind": {"dataType": "String", "stringValue": "greeting", **lists},
        "raw": {"dataType": "Binary.png", "binaryValue": "AAEC", **lists},
    }


@pytest.mark.parametrize("result", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "fine"])
def test_a_response_without_failures_is_success(result: Any) -> None:
    assert failed_records(BATCH, result) == []


def test_only_the_named_messages_have_failed() -> None:
    assert failed_records(BATCH, {"batchItemFailures": [{"itemIdentifier": "m2"}]}) == [BATCH[1]]


@pytest.mark.parametrize(
    "failures", [[{"itemIdentifier": "other"}], [{"itemIdentifier": None}], [{"x": "m1"}], ["m1"], "m1"]
)
def test_a_response_that_cannot_be_understood_fails_the_whole_batch(failures: Any) -> None:
    assert failed_records(BATCH, {"batchItemFailures": failures}) == BATCH


@pytest.mark.parametrize(("received", "seconds"), [("1", 1), ("2", 2), ("4", 8), ("9", 30), ("5000", 30)])
def test_the_pause_grows_with_every_receive(received: str, seconds: int) -> None:
    assert backoff_seconds({"attributes": {"ApproximateReceiveCount": received}}) == seconds
