"""``dags backfill``: the runs of a range of dates."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.arguments import MOMENT, conf_option, dag_argument, dry_run_option, yes_option
from chalicelib.cli.connection import CALLER, connect, runs_between
from chalicelib.cli.output.looking_on import interval_option, until_interrupted
from chalicelib.cli.output.progress import Progress
from chalicelib.cli.output.rows import coloured
from chalicelib.cli.tasks.clearing import clear_after_asking, clear_requests
from chalicelib.domain.alterations import Choice
from chalicelib.domain.states import DagRunState

if TYPE_CHECKING:
    from chalicelib.engine.backfill import BackfillRequest
    from chalicelib.engine.core import Engine


@click.command()
@dag_argument
@click.option("--start-date", "--start_date", "-s", type=MOMENT, help="The first logical date.")
@click.option("--end-date", "--end_date", "-e", type=MOMENT, help="The last logical date, included.")
@conf_option
@click.option(
    "--reset-dagruns", "--reset_dagruns", is_flag=True, help="Clear the runs that are there already."
)
@click.option(
    "--rerun-failed-tasks",
    "--rerun_failed_tasks",
    is_flag=True,
    help="Clear what failed in the runs that are there already.",
)
@click.option("--wait", is_flag=True, help="Wait until all runs are over; exit code 1 if one failed.")
@interval_option
@dry_run_option
@yes_option
def backfill(
    dag_id: str,
    start_date: datetime | None,
    end_date: datetime | None,
    conf: dict[str, Any],
    reset_dagruns: bool,
    rerun_failed_tasks: bool,
    wait: bool,
    interval: float,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make the runs of a range of dates that are not there yet, also while the DAG is paused.

    Of two dates, one that is left out is the other. The runs are made in the background; --wait (which
    Airflow always does) stays until they are over.

    Example: python -m chalicelib dags backfill example_branch -s 2026-01-01 -e 2026-01-31
    """
    from chalicelib.engine.backfill import BackfillRequest, logical_dates
    from chalicelib.engine.backfill import backfill as backfill_dag

    first, last = start_date or end_date, end_date or start_date
    if first is None or last is None:
        raise click.UsageError("Provide a start_date and/or end_date")
    engine = connect()
    request = BackfillRequest(dag_id=dag_id, start_date=first, end_date=last, conf=conf, triggered_by=CALLER)
    dates = logical_dates(engine, request)
    if dry_run:
        _tell(engine, request, dates)
        return
    if reset_dagruns or rerun_failed_tasks:
        choice = Choice(only_failed=not reset_dagruns)
        clear_after_asking(engine, clear_requests(engine, dag_id, (first, last), None, choice), yes=yes)
    backfill_dag(engine, request)
    click.echo(f"The runs of {dag_id} from {dates[0].isoformat()} on are being made.")
    if wait:
        with until_interrupted():
            _wait(engine, request, dates, interval)


def _tell(engine: "Engine", request: "BackfillRequest", dates: Sequence[datetime]) -> None:
    states = _states(engine, request)
    for date in dates:
        state = states.get(date)
        is_there = f"there already, {coloured(state)}" if state else "to be made"
        click.echo(f"{request.dag_id} {date.isoformat()}: {is_there}")


def _wait(engine: "Engine", request: "BackfillRequest", dates: Sequence[datetime], interval: float) -> None:
    """Wait until there are runs for all dates and all are over; raises ``Exit`` (1) if one failed."""
    told: dict[datetime, DagRunState] = {}
    with Progress(request.dag_id, len(dates)) as progress:
        while True:
            states = _states(engine, request)
            over = {date: states[date] for date in dates if date in states and states[date].is_final}
            for date, state in over.items():
                if date not in told:
                    progress.tell(f"{date.isoformat()}: {coloured(state)}")
            told = over
            progress.reach(len(over))
            if len(over) == len(dates):
                break
            time.sleep(interval)
    if DagRunState.FAILED in told.values():
        raise click.exceptions.Exit(1)


def _states(engine: "Engine", request: "BackfillRequest") -> dict[datetime, DagRunState]:
    found = runs_between(engine, request.dag_id, request.start_date, request.end_date)
    return {run.execution_date: run.state for run in found}
