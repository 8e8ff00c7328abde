"""The messages that wait in a stage's queues, and its dead letters. Changes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.deploy.description.resources import Queue, StageResources
from chalicelib.deploy.findings import Finding
from chalicelib.deploy.provisioning.queues import queue_url


def check_backlog(
    resources: StageResources, *, now: datetime | None = None, client: aws.ClientFactory = aws.client
) -> Iterator[Finding]:
    """One finding for each queue that exists: 5 requests.

    The age of the oldest message is CloudWatch's, which knows of it some minutes later; an empty or idle
    queue has none.
    """
    for queue in resources.queues:
        waiting, dead = (messages_in(name, client("sqs")) for name in (queue.name, queue.dead_letters))
        if waiting is None or dead is None:
            continue
        age = _age(queue, now or datetime.now(UTC), client("cloudwatch")) if waiting else None
        yield _waiting(queue, waiting, age)
        yield _dead_letters(queue, dead)


def messages_in(name: str, sqs: Any) -> int | None:
    """How many messages a queue has, about; None when it is not there."""
    try:
        answer = sqs.get_queue_attributes(
            QueueUrl=queue_url(name, sqs), AttributeNames=["ApproximateNumberOfMessages"]
        )
    except sqs.exceptions.QueueDoesNotExist:
        return None
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _waiting(queue: Queue, waiting: int, age: timedelta | None) -> Finding:
    subject = f"backlog of {queue.name}"
    if age is None or age <= timedelta(seconds=queue.longest_wait_s):
        return Finding(subject=subject)
    return Finding(
        subject=subject,
        problems=(f"about {waiting} messages wait, the oldest for {age}",),
        remedy="look at the function's log and its throttles; raise its concurrency if it is only busy",
    )


def _dead_letters(queue: Queue, dead: int) -> Finding:
    subject = f"dead letters of {queue.name}"
    if not dead:
        return Finding(subject=subject)
    return Finding(
        subject=subject,
        problems=(f"about {dead} messages could not be handled",),
        remedy="see python -m chalicelib deadletters list, and the function's log; then send them back "
        f"(deadletters redrive) or purge {queue.dead_letters}",
    )


def _age(queue: Queue, now: datetime, cloudwatch: Any) -> timedelta | None:
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": queue.name}],
        StartTime=now - timedelta(minutes=15),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    if not points:
        return None
    newest = max(points, key=lambda point: point["Timestamp"])
    return timedelta(seconds=newest["Maximum"])
