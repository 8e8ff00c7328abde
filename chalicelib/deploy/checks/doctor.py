"""All checks of a stage, one after the other. Changes nothing."""

from collections.abc import Iterator

from chalicelib import aws
from chalicelib.deploy.caller import caller_place
from chalicelib.deploy.chalice.record import NotDeployed, read_deployed
from chalicelib.deploy.checks.alarms import check_alarms
from chalicelib.deploy.checks.backlog import check_backlog
from chalicelib.deploy.checks.deployment import check_deployment
from chalicelib.deploy.checks.events import check_events
from chalicelib.deploy.checks.layer import check_layer
from chalicelib.deploy.checks.log_groups import check_log_groups
from chalicelib.deploy.checks.resources import check_resources
from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.findings import Finding
from chalicelib.deploy.stages import Stage
from chalicelib.deploy.worker_time import as_it_stands, worker_time
from chalicelib.events.declarations import DeclarationError, declarations_of
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.installing import is_asked_for


def examine(stage: Stage, *, client: aws.ClientFactory = aws.client) -> Iterator[Finding]:
    """One finding for each part of the stage, as they are looked at; some 160 requests."""
    wanted, stage = stage, as_it_stands(stage, client=client)
    resources, place = stage_resources(stage.settings), caller_place(client)
    yield worker_time(wanted, stage)
    yield from check_resources(resources, place=place, client=client)
    yield from check_log_groups(resources.log_groups, client("logs"))
    yield from check_alarms(resources, client("cloudwatch"), client("sns"))
    yield from check_deployment(stage, place=place, recorded_api=_recorded_api(stage), client=client)
    yield from _check_layer(stage, client)
    yield from _check_events(stage, client)
    yield from check_backlog(resources, client=client)


def _check_layer(stage: Stage, client: aws.ClientFactory) -> Iterator[Finding]:
    try:
        wanted = is_asked_for(stage.settings.dags_folder)
    except UserPackagesError as error:
        yield Finding(
            subject="user packages", problems=(str(error),), remedy="put it right, and deploy again"
        )
        return
    yield from check_layer(stage.name, is_asked_for=wanted, lambda_=client("lambda"))


def _check_events(stage: Stage, client: aws.ClientFactory) -> Iterator[Finding]:
    try:
        declarations = declarations_of(stage.settings)
    except DeclarationError as error:
        yield Finding(
            subject="declared events", problems=(str(error),), remedy="put it right, and deploy again"
        )
        return
    yield from check_events(event_sources(stage.settings, declarations), client=client)


def _recorded_api(stage: Stage) -> str | None:
    try:
        return read_deployed(stage.project, stage.name).rest_api_id
    except NotDeployed:  # from this checkout, that is
        return None
