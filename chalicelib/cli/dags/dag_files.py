"""DAGs loaded from files, for commands that need no server: those of a folder, or of one file."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.cli.engine import connect
from chalicelib.cli.user_packages import use_packages_of
from chalicelib.domain.errors import DagNotFound

if TYPE_CHECKING:
    from chalicelib.domain.graph.graph import Graph
    from chalicelib.engine.dags.sync import BrokenFile
    from chalicelib.engine.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])

subdir_option: Callable[[Command], Command] = click.option(
    "--subdir",
    "-S",
    type=click.Path(path_type=Path),
    help="The DAGs folder, a folder in it, or one DAG file; [core] dags_folder if left out.",
)
"""Of commands that load files in any case."""

offline_option: Callable[[Command], Command] = click.option(
    "--subdir",
    "-S",
    type=click.Path(path_type=Path),
    help="Look at the DAG files of this folder, or at this one, and not at those of a server.",
)
"""Of commands that else ask a server or a stage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagFiles:
    """The files that ``--subdir`` means."""

    folder: Path
    """The DAGs folder: what files of it import by name lies there. Absolute."""
    names: tuple[str, ...] | None
    """Their paths in it; None: all that may hold DAGs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedDags:
    """DAGs that commands ask about."""

    engine: "Engine"
    folder: Path | None = None
    """Where their files are; None: where the server has them."""
    failures: "tuple[BrokenFile, ...]" = ()
    """The files that could not be loaded."""


def files_of(subdir: Path | None) -> DagFiles:
    """The files that ``--subdir`` means, with the user packages that they need.

    Raises ``ClickException`` if there is no such folder or file, and ``UserPackagesError``. What lies in
    ``[core] dags_folder`` is looked at from there, as in Airflow.
    """
    own = Configuration.read().settings().dags_folder.absolute()
    place = own if subdir is None else subdir.absolute()
    if not place.exists():
        raise click.ClickException(f"There is no DAGs folder {place}: name one with --subdir")
    folder = place.parent if place.is_file() else place
    folder = own if folder.is_relative_to(own) else folder
    use_packages_of(folder)
    if place.is_file():
        return DagFiles(folder=folder, names=(place.relative_to(folder).as_posix(),))
    return DagFiles(folder=folder, names=None if place == folder else _names_below(place, folder))


def _names_below(place: Path, folder: Path) -> tuple[str, ...]:
    from chalicelib.authoring.loading.loader import dag_files

    return tuple(path.relative_to(folder).as_posix() for path in dag_files(place))


def dags_of(subdir: Path | None) -> LoadedDags:
    """The DAGs of a folder or file; without one, those of the server or stage that commands speak to.

    Raises ``ClickException`` where there is neither.
    """
    if subdir is None:
        return LoadedDags(engine=connect())
    from chalicelib.authoring.surroundings.configuration import configured_by
    from chalicelib.simulation.one_run import Laboratory

    click.get_current_context().with_resource(configured_by(Configuration.read().get))
    files = files_of(subdir)
    laboratory = Laboratory(files.folder, names=files.names)
    return LoadedDags(engine=laboratory.engine, folder=files.folder, failures=laboratory.failures)


def graph_of_dag(dag_id: str, subdir: Path | None) -> "Graph":
    """The graph of a DAG as it is now, of a file or of a server; raises as ``dags_of``, ``DagNotFound``."""
    from chalicelib.engine.graphs import graph_of
    from chalicelib.engine.lookup import get_dag

    loaded = dags_of(subdir)
    with looking_for(dag_id, subdir, loaded.failures):
        return graph_of(loaded.engine, dag_id, get_dag(loaded.engine, dag_id).version)


def tell_failures(failures: "tuple[BrokenFile, ...]") -> None:
    """Print a line on standard error for each file that could not be loaded."""
    for failure in failures:
        click.echo(f"{failure.filename} could not be loaded: {failure.message}", err=True)


@contextmanager
def logs_of_tasks_apart() -> Iterator[None]:
    """Let commands alone show the logs of tries; without a handler, standard error would, too."""
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


@contextmanager
def looking_for(dag_id: str, place: Path | None, failures: "tuple[BrokenFile, ...]" = ()) -> Iterator[None]:
    """Say where a DAG was looked for that is not there, and what could not be loaded there.

    Raises ``ClickException`` then. With ``place`` None the DAG is a server's, which says it itself.
    """
    try:
        yield
    except DagNotFound as error:
        if place is None:
            raise
        tell_failures(failures)
        raise click.ClickException(
            f"Dag {dag_id!r} could not be found; either it does not exist or it failed to parse. "
            f"No file in {place} defines it: name another folder or file with --subdir"
        ) from error
