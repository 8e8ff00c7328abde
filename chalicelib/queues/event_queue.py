"""The queue of events, as its senders see it."""

import base64
from collections.abc import Mapping
from typing import Any

from chalicelib import aws
from chalicelib.domain.errors import StorageFull, StoreUnavailable, UpdraftError
from chalicelib.queues.sqs import queue_url

Attributes = Mapping[str, Mapping[str, Any]]
"""Attributes of a message in the shape of Lambda's SQS events."""


MAX_ATTRIBUTES = 10
"""Attributes of a message that SQS takes."""


class MessageRefused(UpdraftError):
    """SQS cannot take the message as it is: too large, empty, too many attributes."""

    code = "message_refused"


def send(queue: str, body: str, attributes: Attributes) -> str:
    """Send a message to the queue of that name; gives its id. 1 request when warm.

    Raises ``MessageRefused``, and ``StoreUnavailable`` when nothing is wrong with it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = aws.client("sqs").send_message(
            QueueUrl=queue_url(queue),
            MessageBody=body,
            MessageAttributes={name: _as_sent(each) for name, each in attributes.items()},
        )
    except ClientError as error:
        if error.response["ResponseMetadata"].get("HTTPStatusCode") == 400:
            raise MessageRefused(
                f"{queue} refuses the message: {error.response['Error']['Message']}"
            ) from error
        kind = StorageFull if aws.is_storage_full(error) else StoreUnavailable
        raise kind(f"{queue} did not take a message") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"{queue} did not take a message") from error
    message_id: str = answer["MessageId"]
    return message_id


def _as_sent(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """An attribute in the shape of SendMessage."""
    if attribute["dataType"].startswith("Binary"):
        value = base64.b64decode(attribute["binaryValue"])
        return {"DataType": attribute["dataType"], "BinaryValue": value}
    return {"DataType": attribute["dataType"], "StringValue": attribute["stringValue"]}
