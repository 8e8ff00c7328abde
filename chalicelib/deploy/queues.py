"""Making SQS queues and their dead-letter queues as ``resources`` describes them."""

import json
import logging
from typing import Any

from chalicelib.deploy.resources import DEAD_LETTER_RETENTION_S, MAX_RECEIVE_COUNT, Queue

log = logging.getLogger(__name__)


def create_missing_queues(queues: tuple[Queue, ...], sqs: Any) -> list[str]:
    """Create the queues and dead-letter queues that are not listed; the names made here."""
    made: list[str] = []
    for queue in queues:
        existing = _names_starting_with(queue.name, sqs)
        if queue.dead_letters not in existing:
            _create(queue.dead_letters, _dead_letter_attributes(), sqs)
            made.append(queue.dead_letters)
        if queue.name not in existing:
            _create(queue.name, _attributes(queue, sqs), sqs)
            made.append(queue.name)
    return made


def configure_queue(queue: Queue, sqs: Any) -> None:
    """Give an existing queue and its dead-letter queue the attributes that are described."""
    sqs.set_queue_attributes(QueueUrl=_url(queue.dead_letters, sqs), Attributes=_dead_letter_attributes())
    sqs.set_queue_attributes(QueueUrl=_url(queue.name, sqs), Attributes=_attributes(queue, sqs))


def _create(name: str, attributes: dict[str, str], sqs: Any) -> None:
    # Creating a queue again with the same attributes is no error (AWS), so no race to lose here.
    sqs.create_queue(QueueName=name, Attributes=attributes)
    log.info("Created queue %s", name)


def _attributes(queue: Queue, sqs: Any) -> dict[str, str]:
    redrive = {"deadLetterTargetArn": _arn(queue.dead_letters, sqs), "maxReceiveCount": MAX_RECEIVE_COUNT}
    return {
        "VisibilityTimeout": str(queue.visibility_timeout_s),
        "MessageRetentionPeriod": str(queue.retention_s),
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": json.dumps(redrive),
    }


def _dead_letter_attributes() -> dict[str, str]:
    return {"MessageRetentionPeriod": str(DEAD_LETTER_RETENTION_S), "SqsManagedSseEnabled": "true"}


def _names_starting_with(prefix: str, sqs: Any) -> set[str]:
    urls = sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
    return {url.rpartition("/")[2] for url in urls}


def _url(name: str, sqs: Any) -> str:
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _arn(name: str, sqs: Any) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=_url(name, sqs), AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
