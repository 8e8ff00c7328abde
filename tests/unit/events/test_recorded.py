"""What a file with a recorded event puts into the queue."""

import json

import pytest

from chalicelib.events.incoming import UnreadableEvent
from chalicelib.events.recorded import QueuedMessage, messages_of
from tests.scripted.recorded_events import FOLDER, text_attribute


@pytest.mark.parametrize("name", ["eventbridge_custom", "s3_notification_batch", "sns_notification"])
def test_an_event_is_the_body_of_a_message(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    assert messages_of(text) == (QueuedMessage(body=text),)


def test_an_sqs_event_of_lambda_holds_the_messages_themselves() -> None:
    first, broken, last = messages_of((FOLDER / "sqs_batch_with_poison.json").read_text())
    assert json.loads(first.body)["source"] == "acme.shop"
    assert json.loads(broken.body)["time"] == "yesterday"
    assert last == QueuedMessage(body='{"who": "last"}', attributes={"kind": text_attribute("greeting")})


def test_an_sns_event_of_lambda_holds_envelopes() -> None:
    (message,) = messages_of((FOLDER / "sns_lambda_event.json").read_text())
    assert json.loads(message.body)["Message"] == "Hello from SNS!"


@pytest.mark.parametrize(
    "text", ["just a line", "[]", "{}", '{"Records": 3}', '{"Records": [3]}', "[" * 100_000]
)
def test_anything_else_is_a_message_of_ones_own(text: str) -> None:
    assert messages_of(text) == (QueuedMessage(body=text),)


@pytest.mark.parametrize(
    "record",
    [
        {"body": 3},
        {"body": "x", "messageAttributes": []},
        {"body": "x", "messageAttributes": {"kind": "greeting"}},
        {"body": "x", "messageAttributes": {"kind": {"dataType": "String"}}},
        {"body": "x", "messageAttributes": {"kind": {"dataType": "Binary", "binaryValue": "!"}}},
    ],
)
def test_a_record_that_lambda_would_not_get_is_refused(record: object) -> None:
    with pytest.raises(UnreadableEvent, match="not one of Lambda's SQS events"):
        messages_of(json.dumps({"Records": [record]}))
