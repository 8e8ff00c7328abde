"""``sync``: the store brought up to date with the DAG files."""

import click


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
        _sync()


def _sync() -> None:
    from chalicelib import bootstrap
    from chalicelib.engine.dags.sync import sync_dags
    from chalicelib.user_code.documents import dags_of_folder

    settings = bootstrap.settings()
    engine = bootstrap.engine()
    folder = dags_of_folder(settings.dags_folder, engine.store.variables)
    report = sync_dags(engine, folder, paused_at_creation=settings.dags_are_paused_at_creation)
    click.echo(f"{len(report.dag_ids)} DAGs: {', '.join(report.dag_ids) or 'none'}")
    for failure in report.failures:
        click.echo(f"{failure.filename} could not be loaded: {failure.message}", err=True)
    if report.failures:
        raise click.exceptions.Exit(1)
