"""DAGs loaded from the files of a folder, for commands that need no server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.domain.errors import DagNotFound

Command = TypeVar("Command", bound=Callable[..., Any])

subdir_option: Callable[[Command], Command] = click.option(
    "--subdir",
    "-S",
    type=click.Path(exists=True, path_type=Path),
    help="The DAGs folder, or a file in it; [core] dags_folder if left out.",
)


def dags_folder(subdir: Path | None) -> Path:
    """The folder that ``--subdir`` means, absolute; raises ``ClickException`` if there is none."""
    folder = subdir or Configuration.read().settings().dags_folder
    if not folder.exists():
        raise click.ClickException(f"There is no DAGs folder {folder}: name one with --subdir")
    return (folder.parent if folder.is_file() else folder).absolute()


@contextmanager
def looking_for(dag_id: str, folder: Path) -> Iterator[None]:
    """Say where a DAG was looked for that is not there; raises ``ClickException`` then."""
    try:
        yield
    except DagNotFound as error:
        raise click.ClickException(
            f"No file in {folder} defines a DAG {dag_id}: name another folder with --subdir"
        ) from error
