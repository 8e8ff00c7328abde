"""``deadletters``: messages that could not be handled, in all queues of the stage."""

from collections.abc import Iterator
from typing import Any

import click

from chalicelib.cli.engine import reach_local_server
from chalicelib.cli.output.progress import Progress
from chalicelib.cli.output.rows import FOR_PROGRAMS, output_option, show
from chalicelib.deploy.description.functions import EVENTS, QUEUE_OF

QUEUES = tuple(QUEUE_OF.values())

_MOST_ATTRIBUTES = 10
"""Attributes of a message that SQS takes."""

_SECONDS_LOOKED_AT = 10
"""A message that was listed can be neither listed nor redriven again for so long."""

_SECONDS_TO_REDRIVE = 60

_LONGEST_SHOWN = 100

queue_option = click.option("--queue", type=click.Choice(QUEUES), help="This queue only.")


@click.group()
def deadletters() -> None:
    """Look after messages that could not be handled."""


@deadletters.command("list")
@queue_option
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@output_option
def list_letters(queue: str | None, limit: int, output: str) -> None:
    """List the dead letters: queue, message id, why it is there as far as that was noted, body.

    Example: python -m chalicelib deadletters list
    """
    reach_local_server()
    rows: list[dict[str, Any]] = []
    for name in _chosen(queue):
        for message in _letters(name, limit - len(rows), _SECONDS_LOOKED_AT):
            body = message["Body"]
            rows.append(
                {
                    "queue": name,
                    "message_id": message["MessageId"],
                    "reason": _reason(message),
                    "body": body if output in FOR_PROGRAMS else body[:_LONGEST_SHOWN],
                }
            )
    show(rows, output)


@deadletters.command()
@queue_option
def redrive(queue: str | None) -> None:
    """Send the dead letters back to the queues that they come from; what fails again comes back.

    Example: python -m chalicelib deadletters redrive --queue scheduling
    """
    reach_local_server()
    for name in _chosen(queue):
        click.echo(f"{name}: {_redrive(name)} sent back")


def _redrive(name: str) -> int:
    """Send the dead letters of a queue back that are there now; how many."""
    from chalicelib import aws, bootstrap
    from chalicelib.queues.sqs import queue_url

    sqs, settings = aws.client("sqs"), bootstrap.settings()
    source = queue_url(settings.resource(name))
    aside = queue_url(settings.resource(f"{name}-dead-letters"))
    count, sent = _size(aside), 0
    with Progress(name, count) as progress:
        for message in _letters(name, count, _SECONDS_TO_REDRIVE):
            # Sent before it is deleted: a message twice does no harm, one lost would.
            sqs.send_message(
                QueueUrl=source, MessageBody=message["Body"], MessageAttributes=_attributes(name, message)
            )
            sqs.delete_message(QueueUrl=aside, ReceiptHandle=message["ReceiptHandle"])
            sent += 1
            progress.reach(sent)
    return sent


def _chosen(queue: str | None) -> tuple[str, ...]:
    return QUEUES if queue is None else (queue,)


def _size(url: str) -> int:
    """How many there are now: those that come back meanwhile must not be sent round and round."""
    from chalicelib import aws

    answer = aws.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _letters(name: str, limit: int, visibility_timeout: int) -> Iterator[dict[str, Any]]:
    """So many dead letters of a queue at most, each received once."""
    from chalicelib import aws, bootstrap
    from chalicelib.queues.sqs import queue_url

    url = queue_url(bootstrap.settings().resource(f"{name}-dead-letters"))
    seen: set[str] = set()
    while len(seen) < limit:
        answer = aws.client("sqs").receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, limit - len(seen)),
            MessageAttributeNames=["All"],
            VisibilityTimeout=visibility_timeout,
            WaitTimeSeconds=1,  # without a wait SQS asks some of its hosts only
        )
        fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(message["MessageId"] for message in fresh)
        yield from fresh


def _reason(message: dict[str, Any]) -> str:
    from chalicelib.queues.dead_letters import reason_in

    return reason_in(message.get("MessageAttributes", {}))


def _attributes(name: str, message: dict[str, Any]) -> dict[str, Any]:
    """Its attributes; an event's identity is its first message id, for it gets another one now."""
    from chalicelib.events.incoming import ORIGINAL_MESSAGE_ID

    attributes = dict(message.get("MessageAttributes", {}))
    if name == QUEUE_OF[EVENTS] and len(attributes) < _MOST_ATTRIBUTES:
        original = {"DataType": "String", "StringValue": message["MessageId"]}
        attributes.setdefault(ORIGINAL_MESSAGE_ID, original)
    return attributes
