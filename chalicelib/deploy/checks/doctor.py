"""Everything that can be seen of a stage from outside. Changes nothing."""

from collections.abc import Iterator

from chalicelib import aws
from chalicelib.deploy.checks.backlog import check_backlog
from chalicelib.deploy.checks.deployment import check_deployment
from chalicelib.deploy.checks.resources import check_resources
from chalicelib.deploy.deployed import NotDeployed, read_deployed
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.findings import Finding
from chalicelib.deploy.stages import Stage


def examine(stage: Stage, *, client: aws.ClientFactory = aws.client) -> Iterator[Finding]:
    """One finding for each part of the stage, as they are looked at; some 140 requests."""
    resources = stage_resources(stage.settings)
    yield from check_resources(resources, client=client)
    yield from check_deployment(stage, recorded_api=_recorded_api(stage), client=client)
    yield from check_backlog(resources, client=client)


def _recorded_api(stage: Stage) -> str | None:
    try:
        return read_deployed(stage.project, stage.name).rest_api_id
    except NotDeployed:  # from this checkout, that is
        return None
