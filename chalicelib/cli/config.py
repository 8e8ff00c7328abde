"""``config``: the values of airflow.cfg and of ``AIRFLOW__…``."""

import click

from chalicelib.cli.airflow_cfg import Configuration


@click.group()
def config() -> None:
    """Look at the configuration: AIRFLOW__SECTION__OPTION, then airflow.cfg, then the default."""


@config.command("get-value")
@click.argument("section")
@click.argument("option")
def get_value(section: str, option: str) -> None:
    """Print the value of an option.

    Example: python -m chalicelib config get-value cli endpoint_url
    """
    value = Configuration.read().get(section, option)
    if value is None:
        raise click.ClickException(f"The option [{section}/{option}] is not found in config.")
    click.echo(value)


@config.command("list")
@click.option("--section", help="This section only.")
def list_config(section: str | None) -> None:
    """Print all options that are set, in the form of airflow.cfg; secrets, too.

    Example: python -m chalicelib config list --section cli
    """
    sections = Configuration.read().sections
    for name in sorted(sections):
        if section in (None, name):
            click.echo(f"[{name}]")
            for option, value in sorted(sections[name].items()):
                click.echo(f"{option} = {value}")
            click.echo()
