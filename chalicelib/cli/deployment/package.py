"""``package``: a stage as files for CloudFormation."""

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default="out")
@click.option("--stage", required=True, help="A stage of .chalice/config.json.")
def package(directory: Path, stage: str) -> None:
    """Write a stage's template and code to DIRECTORY (default: out), for 'aws cloudformation package'.

    Changes nothing on AWS. The template is sam.json; of it, merged.json is what Chalice alone would not say.

    Example: python -m chalicelib package --stage dev
    """
    from chalicelib import aws
    from chalicelib.cli.deployment.stage import deployable_stage
    from chalicelib.cli.user_packages import use_packages_of
    from chalicelib.deploy.packaging import cloudformation
    from chalicelib.deploy.packaging.stage_packages import packages_of
    from chalicelib.deploy.validation import validate
    from chalicelib.store.memory import MemoryStore

    described = deployable_stage(stage)
    use_packages_of(described.settings.dags_folder)
    without_any = MemoryStore().variables  # those that the stage keeps are on AWS
    declarations = validate(described, without_any, region=aws.region())
    user_packages = packages_of(described, click.echo)
    layer = cloudformation.package(described, declarations, directory, user_packages=user_packages)
    if layer:
        click.echo(layer.line)
    written = "sam.json, deployment.zip and layer.zip" if layer else "sam.json and deployment.zip"
    click.echo(f"Stage {stage} is in {directory}: {written}")
