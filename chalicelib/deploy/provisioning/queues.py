"""Making SQS queues and their dead-letter queues as ``resources`` describes them."""

import json
import logging
from typing import Any

from chalicelib.deploy.busy import when_not_busy
from chalicelib.deploy.description.resource_policy import TLS_ONLY, merged, tls_only
from chalicelib.deploy.description.resources import DEAD_LETTER_RETENTION_S, MAX_RECEIVE_COUNT, Queue

log = logging.getLogger(__name__)

DEAD_LETTER_PROPERTIES = {"MessageRetentionPeriod": DEAD_LETTER_RETENTION_S, "SqsManagedSseEnabled": True}
"""What a queue of dead letters is to be like."""

_ATTEMPTS = 40  # of 2 seconds


def dead_letter_attributes() -> dict[str, str]:
    """What a queue of dead letters is to be like, as SQS takes it."""
    return _as_texts(DEAD_LETTER_PROPERTIES)


def create_missing_queues(queues: tuple[Queue, ...], sqs: Any) -> list[str]:
    """Create the queues and dead-letter queues that are not listed; the names made here."""
    made: list[str] = []
    for queue in queues:
        existing = _names_starting_with(queue.name, sqs)
        if queue.dead_letters not in existing:
            _create(queue.dead_letters, dead_letter_attributes(), sqs)
            made.append(queue.dead_letters)
        if queue.name not in existing:
            _create(queue.name, queue_attributes(queue, _arn(queue.dead_letters, sqs)), sqs)
            made.append(queue.name)
    return made


def configure_queue(queue: Queue, sqs: Any) -> None:
    """Give an existing queue and its dead-letter queue the attributes that are described, and refuse both
    what comes without TLS; other statements of their policies stay.
    """
    dead_letters = _configure(queue.dead_letters, dead_letter_attributes(), sqs)
    _configure(queue.name, queue_attributes(queue, dead_letters), sqs)


def _configure(name: str, attributes: dict[str, str], sqs: Any) -> str:
    """Its ARN."""
    url = queue_url(name, sqs)
    standing = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "Policy"])["Attributes"]
    arn = str(standing["QueueArn"])
    policy = merged(json.loads(standing.get("Policy") or "{}"), [tls_only("sqs", [arn])], (TLS_ONLY,))
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes | {"Policy": json.dumps(policy)})
    return arn


def _create(name: str, attributes: dict[str, str], sqs: Any) -> None:
    # Creating a queue again with the same attributes is no error (AWS), so no race to lose here.
    when_not_busy(
        lambda: sqs.create_queue(QueueName=name, Attributes=attributes),
        busy="QueueDeletedRecently",  # for 60 seconds a deleted queue's name is not free (AWS)
        attempts=_ATTEMPTS,
    )
    log.info("Created queue %s", name)


def queue_properties(queue: Queue, dead_letters_arn: object) -> dict[str, Any]:
    """What the queue is to be like; the ARN is put in as it is given."""
    return {
        "VisibilityTimeout": queue.visibility_timeout_s,
        "MessageRetentionPeriod": queue.retention_s,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": dead_letters_arn, "maxReceiveCount": MAX_RECEIVE_COUNT},
    }


def queue_attributes(queue: Queue, dead_letters_arn: str) -> dict[str, str]:
    """What the queue is to be like, as SQS takes it."""
    return _as_texts(queue_properties(queue, dead_letters_arn))


def _as_texts(properties: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in properties.items()}


def _names_starting_with(prefix: str, sqs: Any) -> set[str]:
    urls = sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
    return {url.rpartition("/")[2] for url in urls}


def queue_url(name: str, sqs: Any) -> str:
    """The URL of a queue; raises SQS's ``QueueDoesNotExist``."""
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _arn(name: str, sqs: Any) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=queue_url(name, sqs), AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
