"""``why`` and ``tasks failed-deps``: the reasons why a run or a task waits."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from chalicelib.cli.arguments import dag_argument, date_argument, run_argument, task_argument, task_ids
from chalicelib.cli.engine import connect, find_run
from chalicelib.cli.output.rows import output_option, show
from chalicelib.cli.tasks.mapped import check_map_index, map_index_option
from chalicelib.domain.tasks.keys import instance_name

if TYPE_CHECKING:
    from chalicelib.domain.plans.checks import Check
    from chalicelib.engine.engine import Engine


@click.command()
@dag_argument
@date_argument
@click.argument("task_id", required=False, shell_complete=task_ids)
@map_index_option
@output_option
def why(dag_id: str, execution_date: datetime, task_id: str | None, map_index: int, output: str) -> None:
    """Tell why a run, or a task of it, does not run: each check with how it comes out now.

    Example: python -m chalicelib why example_hello 2026-01-01T00:00:00 report
    """
    from chalicelib.engine.reading.why import why_run

    engine = connect()
    if task_id is None:
        checks = why_run(engine, dag_id, execution_date)
    else:
        checks = _why_task(engine, dag_id, execution_date, task_id, map_index)
    if not checks:
        click.echo(f"{instance_name(task_id, map_index) if task_id else 'The run'} is over.")
        return
    rows = [{"check": check.name, "passed": check.passed, "reason": check.reason} for check in checks]
    show(rows, output)


def _why_task(
    engine: "Engine", dag_id: str, execution_date: datetime, task_id: str, map_index: int
) -> list["Check"]:
    """The checks of a task instance; a mapped task has one without a map index until it is expanded."""
    from chalicelib.domain.errors import TaskInstanceNotFound
    from chalicelib.engine.lookup import get_dag_run
    from chalicelib.engine.reading.why import why_task

    try:
        return why_task(engine, dag_id, execution_date, task_id, map_index)
    except TaskInstanceNotFound:
        check_map_index(engine, get_dag_run(engine, dag_id, execution_date), task_id, map_index)
        raise


@click.command("failed-deps")
@dag_argument
@task_argument
@run_argument
@map_index_option
def failed_deps(dag_id: str, task_id: str, execution_date_or_run_id: str, map_index: int) -> None:
    """Print what keeps a task instance from running: of the checks of 'why' those that it does not pass.

    Example: python -m chalicelib tasks failed-deps example_hello report 2026-01-01T00:00:00
    """
    from chalicelib.domain.plans.checks import task_state
    from chalicelib.engine.reading.queries import get_task_instance
    from chalicelib.engine.reading.why import why_task

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    check_map_index(engine, run, task_id, map_index)
    checks = why_task(engine, dag_id, run.execution_date, task_id, map_index)
    if not checks:  # it is over
        checks = [task_state(get_task_instance(engine, dag_id, run.execution_date, task_id, map_index)[2])]
    failed = [check for check in checks if not check.passed]
    if not failed:
        click.echo("Task instance dependencies are all met.")
        return
    click.echo("Task instance dependencies not met:")
    for check in failed:
        click.echo(f"{check.name}: {check.reason}")
