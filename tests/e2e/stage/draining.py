"""An update of a function lets its invocations end, as Lambda does: ministack 1.5.33 kills them.

There the message of a killed worker would come again after the queue's 16 minutes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LONGEST_INVOCATION_SECONDS = 30
"""How long the invocations have; whatever takes longer is killed after all."""


@contextmanager
def drained(function: str, lambda_: Any, sqs: Any) -> Iterator[None]:
    """Keep the queues of a function (its name or ARN) from it, all that it had begun being over.

    Whatever arrives meanwhile waits in its queue.
    """
    mappings = lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    enabled = [mapping for mapping in mappings if mapping["State"] == "Enabled"]
    _switch(enabled, lambda_, on=False)
    try:
        for mapping in enabled:
            _wait_until_all_is_over(mapping["EventSourceArn"], sqs)
        yield
    finally:
        _switch(enabled, lambda_, on=True)


def _switch(mappings: list[dict[str, Any]], lambda_: Any, *, on: bool) -> None:
    for mapping in mappings:
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)


def _wait_until_all_is_over(queue: str, sqs: Any) -> None:
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    deadline = time.monotonic() + LONGEST_INVOCATION_SECONDS
    seen_over = 0  # looked at twice: the emulator may just have been about to take a message
    while seen_over < 2 and time.monotonic() < deadline:
        seen_over = seen_over + 1 if _in_flight(url, sqs) == 0 else 0
        time.sleep(0.05)


def _in_flight(url: str, sqs: Any) -> int:
    name = "ApproximateNumberOfMessagesNotVisible"
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    return int(attributes[name])
