"""``tasks``: task instances and what they said."""

import click


@click.group()
def tasks() -> None:
    """Look at task instances."""


@tasks.command()
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("execution_date")
@click.option("--try", "try_number", type=click.IntRange(min=1), help="The try; the last one if left out.")
def logs(dag_id: str, task_id: str, execution_date: str, try_number: int | None) -> None:
    """Print the log of a try of a task.

    Example: python -m chalicelib tasks logs example_hello hello 2026-01-01T00:00:00
    """
    from chalicelib import bootstrap
    from chalicelib.cli.environment import reach_local_server
    from chalicelib.domain.errors import UpdraftError
    from chalicelib.engine.execution_dates import execution_date as date_of
    from chalicelib.engine.queries import get_task_log

    reach_local_server()
    try:
        date = date_of(execution_date)
        log = get_task_log(bootstrap.engine(), dag_id, date, task_id, try_number)
    except UpdraftError as error:
        raise click.ClickException(str(error)) from error
    click.echo(log, nl=False)
