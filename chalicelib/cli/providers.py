"""``providers``: the provider packages that are installed, and those that DAG files need."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.dags.dag_files import files_of, subdir_option
from chalicelib.cli.output.rows import output_option, show
from chalicelib.user_packages import REQUIREMENTS

if TYPE_CHECKING:
    from chalicelib.authoring.loading.provider_uses import ProviderUse

_LINK = re.compile(r"`([^`<]*?)\s*<([^`>]*)>`_{0,2}")


@click.group()
def providers() -> None:
    """Look at provider packages: those of requirements.txt in the DAGs folder."""


@providers.command("list")
@subdir_option
@output_option
def list_providers(subdir: Path | None, output: str) -> None:
    """List the installed provider packages.

    Example: python -m chalicelib providers list
    """
    from chalicelib.user_code.provider_packages import provider_packages

    rows = [
        {
            "package_name": provider.package_name,
            "description": _plain(str(provider.data.get("description", ""))),
            "version": provider.version,
        }
        for provider in provider_packages(_environment(subdir))
    ]
    show(rows, output)


@providers.command("get")
@click.argument("provider_name")
@click.option("--full", "-f", is_flag=True, help="Show all that the package says of itself.")
@subdir_option
@output_option
def get_provider(provider_name: str, full: bool, subdir: Path | None, output: str) -> None:
    """Show the version of an installed provider package.

    Example: python -m chalicelib providers get apache-airflow-providers-http
    """
    from chalicelib.user_code.provider_packages import provider_packages

    found = {each.package_name: each for each in provider_packages(_environment(subdir))}
    if provider_name not in found:
        raise click.ClickException(f"No such provider installed: {provider_name}")
    provider = found[provider_name]
    if full:
        description = _plain(str(provider.data.get("description", "")))
        show([{**provider.data, "description": description}], output)
    else:
        show([{"Provider": provider.package_name, "Version": provider.version}], output)


@providers.command("hooks")
@subdir_option
@output_option
def hooks(subdir: Path | None, output: str) -> None:
    """List the hooks of connection types.

    Example: python -m chalicelib providers hooks
    """
    from chalicelib.user_code.provider_packages import provider_hooks

    show(provider_hooks(_environment(subdir)), output)


@providers.command()
@subdir_option
@output_option
def check(subdir: Path | None, output: str) -> None:
    """Show which provider packages DAG files import, and whether they are there; exit code 1 if one is not.

    No DAG file is run. Every Python file of the folder counts that no .airflowignore names.

    Example: python -m chalicelib providers check
    """
    from chalicelib.authoring.loading.provider_uses import provider_uses
    from chalicelib.user_code.provider_packages import import_failures, provider_packages

    environ = _environment(subdir)
    uses = provider_uses(files_of(subdir).folder)
    versions = {each.package_name: each.version for each in provider_packages(environ)}
    named = sorted({(use.module, use.name) for use in uses})
    failures = dict(zip(named, import_failures(environ, named), strict=True)) if named else {}
    show([_row(use, versions, failures) for use in uses], output)
    missing = sorted({use.package for use in uses} - versions.keys())
    if missing:
        click.echo(f"Put into {REQUIREMENTS} in the DAGs folder: {', '.join(missing)}", err=True)
    if missing or any(failures.values()):
        raise click.exceptions.Exit(1)


def _row(
    use: "ProviderUse", versions: Mapping[str, str], failures: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    version = versions.get(use.package)
    return {
        "file": use.filename,
        "imports": f"{use.module}.{use.name}" if use.name else use.module,
        "package_name": use.package,
        "version": version,
        "error": failures[use.module, use.name] if version is not None else "not installed",
    }


def _environment(subdir: Path | None) -> Mapping[str, str]:
    """That of processes with user code; with the user packages of the files that ``--subdir`` means."""
    from chalicelib.user_code.runner import own_environment

    files_of(subdir)
    return own_environment()


def _plain(text: str) -> str:
    """A description without the marks of reStructuredText, as Airflow shows it."""
    return " ".join(_LINK.sub(r"\1 \2", text).replace("``", "").split())
