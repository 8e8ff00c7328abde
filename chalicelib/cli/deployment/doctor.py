"""``doctor``: the checks of a deployed stage."""

import click


@click.command()
@click.option("--stage", required=True, help="A stage of .chalice/config.json.")
def doctor(stage: str) -> None:
    """Check a deployed stage and say what to do about each finding; exit code 1 if there is one.

    Changes nothing.

    Example: python -m chalicelib doctor --stage dev
    """
    from chalicelib.cli.deployment.stage import deployable_stage
    from chalicelib.deploy.checks.doctor import examine

    wrong = 0
    for finding in examine(deployable_stage(stage)):
        if finding.ok:
            click.echo(f"ok     {finding.subject}")
            continue
        wrong += 1
        click.echo(f"WRONG  {finding.subject}: {'; '.join(finding.problems)}. To do: {finding.remedy}")
    if wrong:
        raise click.ClickException(f"{wrong} findings")
    click.echo(f"Stage {stage} is well.")
