"""``why``: what a run or a task waits for."""

from datetime import datetime

import click

from chalicelib.cli.arguments import dag_argument, date_argument
from chalicelib.cli.connection import connect
from chalicelib.cli.output import output_option, show


@click.command()
@dag_argument
@date_argument
@click.argument("task_id", required=False)
@output_option
def why(dag_id: str, execution_date: datetime, task_id: str | None, output: str) -> None:
    """Tell why a run, or a task of it, does not run: each check with how it comes out now.

    Example: python -m chalicelib why example_hello 2026-01-01T00:00:00 report
    """
    from chalicelib.engine.why import why_run, why_task

    engine = connect()
    if task_id is None:
        checks = why_run(engine, dag_id, execution_date)
    else:
        checks = why_task(engine, dag_id, execution_date, task_id)
    if not checks:
        click.echo(f"{task_id or 'The run'} is over.")
        return
    rows = [{"check": check.name, "passed": check.passed, "reason": check.reason} for check in checks]
    show(rows, output)
