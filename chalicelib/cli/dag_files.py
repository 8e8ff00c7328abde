"""Commands that need no server: they load the DAG files of a folder themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

subdir_option: Callable[[Command], Command] = click.option(
    "--subdir",
    "-S",
    type=click.Path(exists=True, path_type=Path),
    help="The DAGs folder, or a file in it; AIRFLOW__CORE__DAGS_FOLDER if left out.",
)


def dags_folder(subdir: Path | None) -> Path:
    """The folder that ``--subdir`` means, absolute; raises ``ClickException`` if there is none."""
    from chalicelib import bootstrap

    folder = subdir or bootstrap.settings().dags_folder
    if not folder.exists():
        raise click.ClickException(f"There is no DAGs folder {folder}: name one with --subdir")
    return (folder.parent if folder.is_file() else folder).absolute()
