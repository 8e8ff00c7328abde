"""``tasks render``: the values of a task's templates."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib.cli.arguments import dag_argument, run_argument, task_argument
from chalicelib.cli.dags.dag_files import dags_of, looking_for, offline_option
from chalicelib.cli.engine import find_run, moment
from chalicelib.cli.tasks.mapped import check_map_index, check_map_index_of, map_index_option

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.engine.engine import Engine
    from chalicelib.user_code.runner import Rendering

_RULE = f"# {'-' * 58}"


@click.command()
@dag_argument
@task_argument
@run_argument
@map_index_option
@offline_option
def render(
    dag_id: str, task_id: str, execution_date_or_run_id: str, map_index: int, subdir: Path | None
) -> None:
    """Render the templated fields of a task, as the DAG file in the DAGs folder has them now.

    There need not be a run at that date: then it is what a run triggered for it would see.

    Example: python -m chalicelib tasks render example_hello report 2026-01-01T00:00:00
    """
    from chalicelib import bootstrap
    from chalicelib.user_code.rendering import render_task, without_the_others
    from chalicelib.user_code.runner import render_try

    loaded = dags_of(subdir)
    engine = loaded.engine
    folder = loaded.folder or bootstrap.settings().dags_folder
    with ExitStack() as stack:
        stack.enter_context(looking_for(dag_id, subdir, loaded.failures))
        rendering = render_try(
            folder,
            engine.store.variables,
            connections=engine.store.connections,
            secrets=bootstrap.secrets_backend() if loaded.folder is None else None,
        )
        run, is_planned = _run(engine, dag_id, execution_date_or_run_id)
        if is_planned:
            check_map_index_of(engine, dag_id, task_id, map_index)
            stack.enter_context(without_the_others(engine, run, task_id, map_index))
        else:
            check_map_index(engine, run, task_id, map_index)
        rendered = render_task(engine, rendering, run, task_id, map_index)
    tell_rendered(rendered)


def tell_rendered(rendered: "Rendering") -> None:
    """Print rendered fields under their names, as Airflow does; what was printed goes to standard error."""
    click.echo(rendered.log.decode(errors="replace"), nl=False, err=True)
    for name, value in (rendered.fields or {}).items():
        click.echo(f"{_RULE}\n# property: {name}\n{_RULE}\n{value}\n")


def _run(engine: "Engine", dag_id: str, date_or_run_id: str) -> "tuple[DagRun, bool]":
    """The run, or the one that a trigger for that date would make; and whether it is that."""
    from chalicelib.domain.errors import DagRunNotFound, InvalidRequest
    from chalicelib.user_code.rendering import planned_run

    try:
        return find_run(engine, dag_id, date_or_run_id), False
    except DagRunNotFound as error:
        try:
            return planned_run(engine, dag_id, moment(date_or_run_id)), True
        except InvalidRequest:  # it is no date either
            raise error from None
