"""``sync``: the store brought up to date with the DAG files."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chalicelib.settings import Settings


@click.command()
@click.option("--stage", help="A stage of .chalice/config.json, whose settings count.")
def sync(stage: str | None) -> None:
    """Load the DAG files and keep what they define.

    Example: python -m chalicelib sync
    """
    from chalicelib.cli.deployment.stage import with_settings_of
    from chalicelib.cli.engine import reach_local_server

    with with_settings_of(stage):
        reach_local_server()
        _sync(is_deployed=stage is not None)


def _sync(*, is_deployed: bool) -> None:
    from chalicelib import bootstrap
    from chalicelib.cli.user_packages import use_packages_of
    from chalicelib.engine.dags.sync import sync_dags
    from chalicelib.user_code.documents_apart import dags_apart

    settings = bootstrap.settings()
    use_packages_of(settings.dags_folder)
    if is_deployed:
        _make_missing_key(settings)
    engine = bootstrap.engine()
    folder = dags_apart(
        settings.dags_folder,
        variables=engine.store.variables,
        connections=engine.store.connections,
        secrets=bootstrap.secrets_backend(),
    )
    report = sync_dags(engine, folder, paused_at_creation=settings.dags_are_paused_at_creation)
    click.echo(f"{len(report.dag_ids)} DAGs: {', '.join(report.dag_ids) or 'none'}")
    for failure in report.failures:
        click.echo(f"{failure.filename} could not be loaded: {failure.message}", err=True)
    if report.failures:
        raise click.exceptions.Exit(1)


def _make_missing_key(settings: "Settings") -> None:
    """Of a stage that is a CloudFormation stack, in which no SecureString can be."""
    from chalicelib import aws
    from chalicelib.deploy.description.resources import stage_resources
    from chalicelib.deploy.provisioning.fernet_key import create_missing_key

    parameter = stage_resources(settings).fernet_key
    if parameter:
        create_missing_key(parameter, aws.client("ssm"))
