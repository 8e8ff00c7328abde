"""The sender over SQS."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from chalicelib import aws
from chalicelib.domain.errors import StorageFull, StoreUnavailable
from chalicelib.domain.messages import (
    LONGEST_DELAY_SECONDS,
    Message,
    Outgoing,
    TriggererMessage,
    WorkerMessage,
)
from chalicelib.queues.messages import encode
from chalicelib.settings import Settings

BATCH_SIZE = 10
"""Messages that SQS takes in one request."""

BATCH_BYTES = 250_000
"""Bytes that SQS takes in one request (256 KiB) with room for the envelope."""


class SqsSender:
    """Sends to ``updraft-<stage>-tasks``, ``-triggers`` and ``-scheduling``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Send in batches as they come; raises ``StoreUnavailable`` if SQS did not take one."""
        by_queue: dict[str, list[dict[str, Any]]] = {}
        for outgoing in messages:
            by_queue.setdefault(_queue_of(outgoing.message), []).append(_entry(outgoing))
        for queue, entries in by_queue.items():
            url = queue_url(self._settings.resource(queue))
            for batch in _batches(entries):
                _send_batch(url, batch)


def _queue_of(message: Message) -> str:
    if isinstance(message, TriggererMessage):
        return "triggers"
    return "tasks" if isinstance(message, WorkerMessage) else "scheduling"


def _entry(outgoing: Outgoing) -> dict[str, Any]:
    entry: dict[str, Any] = {"MessageBody": encode(outgoing.message)}
    if outgoing.delay_seconds:
        entry["DelaySeconds"] = min(outgoing.delay_seconds, LONGEST_DELAY_SECONDS)
    return entry


def _batches(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(entries)
    while group := list(islice(remaining, BATCH_SIZE)):
        if sum(len(entry["MessageBody"]) for entry in group) <= BATCH_BYTES:
            yield group
        else:
            yield from ([entry] for entry in group)


def _send_batch(url: str, batch: list[dict[str, Any]]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    entries = [{"Id": str(number), **entry} for number, entry in enumerate(batch)]
    try:
        answer = aws.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        kind = StorageFull if aws.is_storage_full(error) else StoreUnavailable
        raise kind("the queue did not take a message") from error
    if answer.get("Failed"):
        codes = sorted({failure["Code"] for failure in answer["Failed"]})
        raise StoreUnavailable(f"the queue did not take a message: {', '.join(codes)}")


@cache
def queue_url(name: str) -> str:
    """The URL of a queue; asked for once per process."""
    url: str = aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url
