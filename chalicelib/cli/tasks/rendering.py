"""``tasks render``: the values of a task's templates."""

from typing import TYPE_CHECKING

import click

from chalicelib.cli.arguments import dag_argument, run_argument, task_argument
from chalicelib.cli.engine import connect, find_run, moment, with_stored_secrets
from chalicelib.cli.tasks.mapped import check_map_index, map_index_option

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.engine.engine import Engine

_RULE = f"# {'-' * 58}"


@click.command()
@dag_argument
@task_argument
@run_argument
@map_index_option
def render(dag_id: str, task_id: str, execution_date_or_run_id: str, map_index: int) -> None:
    """Render the templated fields of a task, as the DAG file in the DAGs folder has them now.

    There need not be a run at that date: then it is what a run triggered for it would see.

    Example: python -m chalicelib tasks render example_hello report 2026-01-01T00:00:00
    """
    from chalicelib import bootstrap
    from chalicelib.user_code.rendering import render_task

    engine = connect()
    run = _run(engine, dag_id, execution_date_or_run_id)
    check_map_index(engine, run, task_id, map_index)
    with with_stored_secrets(engine):
        fields = render_task(engine, bootstrap.settings().dags_folder, run, task_id, map_index)
    for name, value in fields.items():
        click.echo(f"{_RULE}\n# property: {name}\n{_RULE}\n{value}\n")


def _run(engine: "Engine", dag_id: str, date_or_run_id: str) -> "DagRun":
    from chalicelib.domain.errors import DagRunNotFound, InvalidRequest
    from chalicelib.user_code.rendering import planned_run

    try:
        return find_run(engine, dag_id, date_or_run_id)
    except DagRunNotFound as error:
        try:
            return planned_run(engine, dag_id, moment(date_or_run_id))
        except InvalidRequest:  # it is no date either
            raise error from None
