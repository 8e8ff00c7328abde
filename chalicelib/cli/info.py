"""``info`` and ``version``: the versions and settings in use."""

import platform
import sys
from importlib.metadata import version as version_of

import click

from chalicelib import __version__
from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.cli.output.rows import output_option, show
from chalicelib.cli.serving import serving
from chalicelib.settings import AIRFLOW_VERSION


@click.command()
def version() -> None:
    """Print the version of the Airflow whose API and commands these are.

    A terminal shows Updraft's own version below it; programs read Airflow's alone, as they do of Airflow.

    Example: python -m chalicelib version
    """
    click.echo(AIRFLOW_VERSION)
    if sys.stdout.isatty():
        click.echo(f"Updraft {__version__}")


@click.command()
@output_option
def info(output: str) -> None:
    """Show which deployment the commands speak to, and what they run on.

    Bucket, DAGs folder and auth backend are those that the server itself was started with.

    Example: python -m chalicelib info
    """
    configuration = Configuration.read()
    settings = configuration.settings()
    served = serving(configuration, settings)
    facts = {
        "updraft version": __version__,
        "airflow version": AIRFLOW_VERSION,
        "stage": settings.stage,
        "bucket": served["bucket"],
        "dags folder": served["dags_folder"],
        "auth backend": served["auth_backend"],
        "api client": configuration.get("cli", "api_client"),
        "endpoint url": _without_login(configuration.get("cli", "endpoint_url") or ""),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "botocore": version_of("botocore"),
        "pynamodb": version_of("pynamodb"),
    }
    show([{"name": name, "value": str(value)} for name, value in facts.items()], output)


def _without_login(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
