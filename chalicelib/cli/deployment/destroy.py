"""``destroy``: a stage taken down again."""

import click


@click.command()
@click.option("--stage", required=True, help="A stage of .chalice/config.json.")
@click.option("--data", is_flag=True, help="Delete its tables, bucket and logs, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(stage: str, data: bool, yes: bool) -> None:
    """Delete a stage's functions, REST API, alarms, queues and what leads events to it; its data stays.

    Deployed again it goes on where it was. Safe to repeat, and to interrupt at any point.

    Example: python -m chalicelib destroy --stage dev
    """
    from chalicelib.cli.deployment.stage import deployable_stage
    from chalicelib.deploy.destruction import Destruction
    from chalicelib.deploy.steps import carry_out

    described = deployable_stage(stage)
    destruction = Destruction(stage=described, data=data)
    for line in destruction.plan():
        click.echo(f"  {line}")
    if not yes:
        click.confirm(f"Destroy stage {stage}?", abort=True)
    carry_out(destruction.steps(), click.echo)
    click.echo(f"Stage {stage} is gone{'' if data else '; its tables, bucket and logs are kept'}.")
