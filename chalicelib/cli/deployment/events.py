"""``events``: events of other services that trigger DAGs and change datasets."""

import os
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chalicelib.events.declarations import Declaration
    from chalicelib.events.incoming import Record
    from chalicelib.events.recorded import QueuedMessage


@click.group()
def events() -> None:
    """Look after events that trigger DAGs."""


@events.command()
@click.argument("file", type=click.File(encoding="utf-8"))
def send(file: IO[str]) -> None:
    """Send the recorded event in FILE (- for standard input) to the queue of events.

    FILE holds an event of EventBridge or S3, a message of SNS in its envelope, one of Lambda's SQS or SNS
    events, or any text, which is then a message of one's own.

    Example: python -m chalicelib events send tests/events/s3_object_created.json
    """
    from chalicelib import bootstrap
    from chalicelib.cli.engine import reach_local_server
    from chalicelib.deploy.description.functions import EVENTS, QUEUE_OF
    from chalicelib.domain.errors import UpdraftError
    from chalicelib.events.recorded import messages_of
    from chalicelib.queues import event_queue

    reach_local_server()
    queue = bootstrap.settings().resource(QUEUE_OF[EVENTS])
    try:
        declarations = bootstrap.declarations()
        for message in messages_of(_text(file)):
            message_id = event_queue.send(queue, message.body, message.attributes)
            click.echo(f"Sent message {message_id} to {queue}.")
            for line in _expectations(declarations, message, message_id):
                click.echo(f"  {line}")
    except UpdraftError as error:
        raise click.ClickException(str(error)) from error


@events.command()
@click.option("--stage", help="A stage of .chalice/config.json, whose settings count.")
def connect(stage: str | None) -> None:
    """Lead the declared events to the stage's queue, and those of removed declarations no longer.

    To be run after a deployment and its sync. Needs rights on EventBridge, SNS and the buckets.

    Example: python -m chalicelib events connect --stage dev
    """
    from chalicelib.cli.deployment.stage import with_settings_of

    with with_settings_of(stage):
        _connect()


def _connect() -> None:
    from chalicelib import bootstrap
    from chalicelib.deploy.description.event_sources import event_sources
    from chalicelib.deploy.provisioning.connect_events import connect_events
    from chalicelib.domain.errors import UpdraftError
    from chalicelib.events.delivery import check_dags

    settings = bootstrap.settings()
    if settings.stage == "local" and "AWS_ENDPOINT_URL" not in os.environ:
        raise click.ClickException(
            "The local server has no EventBridge and no SNS: send it events with 'events send', "
            "or name a deployed stage with --stage."
        )
    try:
        declarations = bootstrap.declarations()
        check_dags(bootstrap.engine(), declarations)
        connected = connect_events(event_sources(settings, declarations))
    except UpdraftError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(declarations)} declarations, all connected.")
    for name in connected.made:
        click.echo(f"  new: {name}")
    for name in connected.removed:
        click.echo(f"  removed: {name}")


def _text(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name} is not UTF-8: {error}") from error


def _expectations(
    declarations: "tuple[Declaration, ...]", message: "QueuedMessage", message_id: str
) -> list[str]:
    """What the message should trigger, a line each."""
    from chalicelib.domain.errors import UpdraftError
    from chalicelib.events.incoming import events_of
    from chalicelib.events.requests import wanted_changes, wanted_runs

    try:
        events = events_of(_received(message, message_id))
        runs = [each for event in events for each in wanted_runs(event, declarations)]
        changes = [each for event in events for each in wanted_changes(event, declarations)]
        lines = [
            *(f"{each.declaration.label}: run {each.request.run_id}" for each in runs),
            *(f"{each.declaration.label}: an event of the dataset {each.change.uri}" for each in changes),
        ]
    except UpdraftError as error:
        return [f"It will be put aside: {error}"]
    return lines or ["No declaration fits it."]


def _received(message: "QueuedMessage", message_id: str) -> "Record":
    """The message as the handler will get it, as far as the run's id goes: the time is not known here."""
    system: dict[str, Any] = {"SentTimestamp": "0"}
    return {
        "messageId": message_id,
        "body": message.body,
        "attributes": system,
        "messageAttributes": message.attributes,
    }
