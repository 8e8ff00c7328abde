"""``deploy``: a stage brought to AWS."""

import click


@click.command()
@click.option("--stage", required=True, help="A stage of .chalice/config.json.")
@click.option("--dry-run", is_flag=True, help="Check and show the plan; change nothing.")
def deploy(stage: str, dry_run: bool) -> None:
    """Deploy a stage: tables, queues, bucket, user packages, functions, REST API, DAGs, sources of events.

    Safe to repeat, and to interrupt at any point. Uses your own AWS credentials and region.

    Example: python -m chalicelib deploy --stage dev
    """
    from chalicelib import aws, bootstrap
    from chalicelib.cli.deployment.stage import deployable_stage
    from chalicelib.cli.user_packages import use_packages_of
    from chalicelib.deploy.deployment import Deployment, next_step
    from chalicelib.deploy.packaging.stage_packages import packages_of
    from chalicelib.deploy.steps import carry_out
    from chalicelib.deploy.validation import validate

    described = deployable_stage(stage)
    use_packages_of(described.settings.dags_folder)
    with bootstrap.use(settings=described.settings):
        store = bootstrap.engine().store
        declarations = validate(
            described,
            store.variables,
            connections=store.connections,
            secrets=bootstrap.secrets_backend(),
            region=aws.region(),
        )
        deployment = Deployment(
            stage=described,
            declarations=declarations,
            engine=bootstrap.engine,
            tell=click.echo,
            user_packages=packages_of(described, click.echo),
        )
        for line in deployment.plan():
            click.echo(f"  {line}")
        if dry_run:
            deployment.package()  # what cannot be packaged is to be known before, too
            return
        carry_out(deployment.steps(), click.echo)
    click.echo(f"Stage {stage} is deployed: {deployment.url}")
    click.echo(next_step(deployment.url, described.settings.auth_backend))
