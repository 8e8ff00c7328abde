"""SQS queues and their dead-letter queues, made as ``description`` has them."""

import json
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from chalicelib.deploy.aws_errors import Sleep, error_code, when_not_busy
from chalicelib.deploy.description.resource_policy import TLS_ONLY, merged, tls_only
from chalicelib.deploy.description.resources import DEAD_LETTER_RETENTION_S, MAX_RECEIVE_COUNT, Queue

log = logging.getLogger(__name__)

SETTLES_AFTER_S = 1.0
"""AWS: "you must wait at least one second after the queue is created to be able to use the queue"."""

NO_SUCH_QUEUE = ("NonExistentQueue", "QueueDoesNotExist")
"""Two names of one error: of SQS's older protocol, which botocore prefers where it is told, and its newer."""

_INVALID = ("InvalidParameterValue", "InvalidAttributeValue")

DEAD_LETTER_PROPERTIES = {"MessageRetentionPeriod": DEAD_LETTER_RETENTION_S, "SqsManagedSseEnabled": True}
"""What a queue of dead letters is to be like."""

_ATTEMPTS = 40  # of 2 seconds


def dead_letter_attributes() -> dict[str, str]:
    """What a queue of dead letters is to be like, as SQS takes it."""
    return _as_texts(DEAD_LETTER_PROPERTIES)


def create_missing_queues(
    queues: tuple[Queue, ...], sqs: Any, *, settle_s: float = 0.0, sleep: Sleep = time.sleep
) -> list[str]:
    """Create the queues and dead-letter queues that are not listed; the names made here.

    The dead letters' first, for the queues name them. What was made is given ``settle_s`` seconds before it
    is used. One listing per queue.
    """
    urls: dict[str, str] = {}
    for queue in queues:
        urls |= _starting_with(queue.name, sqs)
    aside = [queue.dead_letters for queue in queues if queue.dead_letters not in urls]
    made = [name for name in aside if _create(name, dead_letter_attributes(), sqs, sleep, urls)]
    if aside:
        sleep(settle_s)
    missing = [queue for queue in queues if queue.name not in urls]
    for queue in missing:
        attributes = queue_attributes(queue, queue_arn(urls[queue.dead_letters], sqs))
        if _create(queue.name, attributes, sqs, sleep, urls):
            made.append(queue.name)
    if missing:
        sleep(settle_s)
    return made


def configure_queue(queue: Queue, sqs: Any, *, sleep: Sleep = time.sleep) -> None:
    """Give an existing queue and its dead-letter queue the attributes that are described, and refuse both
    what comes without TLS; other statements of their policies stay.
    """
    dead_letters = _configure(queue.dead_letters, dead_letter_attributes(), sqs, sleep)
    _configure(queue.name, queue_attributes(queue, dead_letters), sqs, sleep)


def _configure(name: str, attributes: dict[str, str], sqs: Any, sleep: Sleep) -> str:
    """Its ARN."""
    url = _url_of_new(name, sqs, sleep)
    arn = queue_arn(url, sqs)
    ask = partial(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Policy"])
    standing = when_not_busy(ask, busy=NO_SUCH_QUEUE, sleep=sleep).get("Attributes", {})
    policy = merged(json.loads(standing.get("Policy") or "{}"), [tls_only("sqs", [arn])], (TLS_ONLY,))
    wanted = attributes | {"Policy": json.dumps(policy)}
    _once_dead_letters_are_there(
        partial(sqs.set_queue_attributes, QueueUrl=url, Attributes=wanted), sleep, busy=NO_SUCH_QUEUE
    )
    return arn


def _create(name: str, attributes: dict[str, str], sqs: Any, sleep: Sleep, urls: dict[str, str]) -> bool:
    """Create a queue and note its URL; false when there is one by now, with other attributes."""
    from botocore.exceptions import ClientError

    try:
        made = _once_dead_letters_are_there(
            partial(sqs.create_queue, QueueName=name, Attributes=attributes),
            sleep,
            # For 60 seconds a deleted queue's name is not free (AWS).
            busy=("QueueDeletedRecently", *NO_SUCH_QUEUE),
        )
    except ClientError as error:
        # With the same attributes it is no error (AWS), so this one was there before, unlisted.
        if error_code(error) not in ("QueueAlreadyExists", "QueueNameExists"):
            raise
        urls[name] = _url_of_new(name, sqs, sleep)
        return False
    urls[name] = str(made["QueueUrl"])
    log.info("Created queue %s", name)
    return True


def _once_dead_letters_are_there(
    call: Callable[[], dict[str, Any]], sleep: Sleep, *, busy: tuple[str, ...]
) -> dict[str, Any]:
    """Call until the queue of the dead letters that the call names is known, and it is not ``busy``."""
    known = partial(
        when_not_busy,
        call,
        busy=_INVALID,
        saying="dead letter target does not exist",
        sleep=sleep,
    )
    return when_not_busy(known, busy=busy, attempts=_ATTEMPTS, sleep=sleep)


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


def _starting_with(prefix: str, sqs: Any) -> dict[str, str]:
    """The URLs of the queues whose names begin so, by name."""
    urls = sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
    return {url.rpartition("/")[2]: url for url in urls}


def queue_url(name: str, sqs: Any) -> str:
    """The URL of a queue; raises SQS's ``QueueDoesNotExist``."""
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def queue_arn(url: str, sqs: Any) -> str:
    """The ARN of a queue, from its URL: to ask for it, the queue would have to be known everywhere."""
    account, name = url.split("/")[-2:]
    return f"arn:{sqs.meta.partition}:sqs:{sqs.meta.region_name}:{account}:{name}"


def _url_of_new(name: str, sqs: Any, sleep: Sleep) -> str:
    """The URL of a queue that is there, though not all of SQS may know it yet."""
    return when_not_busy(partial(queue_url, name, sqs), busy=NO_SUCH_QUEUE, sleep=sleep)
