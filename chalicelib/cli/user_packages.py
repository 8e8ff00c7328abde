"""User packages for commands that load DAG files on this machine."""

from pathlib import Path

import click

from chalicelib.user_packages.here import use_user_packages


def use_packages_of(dags_folder: Path) -> None:
    """Let processes that load files of the folder find what its ``requirements.txt`` names.

    Says on standard error that pip works. Raises ``UserPackagesError``.
    """
    use_user_packages(dags_folder, tell=lambda line: click.echo(line, err=True))
