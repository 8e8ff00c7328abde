"""``dags backfill``: the runs of a range of dates."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.arguments import MOMENT, conf_option, dag_argument, dry_run_option, yes_option
from chalicelib.cli.dags.dag_files import files_of
from chalicelib.cli.dags.own_timetables import dates_between
from chalicelib.cli.engine import CALLER, connect, runs_between
from chalicelib.cli.output.looking_on import interval_option, until_interrupted
from chalicelib.cli.output.progress import Progress
from chalicelib.cli.output.rows import coloured
from chalicelib.cli.tasks.clearing import clear_after_asking, clear_requests
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.states import DagRunState

if TYPE_CHECKING:
    from chalicelib.engine.engine import Engine
    from chalicelib.engine.schedule.backfill import BackfillRequest


_PATIENCE = 4
"""Looks without a change, after which it is told what is waited for: messages may take a moment."""


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
@click.option("--no-wait", is_flag=True, help="Have the runs made, and return at once.")
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
    no_wait: bool,
    interval: float,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make the runs of a range of dates that are not there yet, also while the DAG is paused.

    Of two dates, one that is left out is the other. Waits until all runs of the range are over; exit code 1
    if one failed, also if it was there before. Ctrl-C only stops waiting: the runs go on.

    Example: python -m chalicelib dags backfill example_branch -s 2026-01-01 -e 2026-01-07
    """
    from chalicelib.engine.runs.create import dag_to_run
    from chalicelib.engine.schedule.backfill import BackfillRequest, logical_dates
    from chalicelib.engine.schedule.backfill import backfill as backfill_dag

    first, last = start_date or end_date, end_date or start_date
    if first is None or last is None:
        raise click.UsageError("Provide a start_date and/or end_date")
    engine = connect()
    request = BackfillRequest(dag_id=dag_id, start_date=first, end_date=last, conf=conf, triggered_by=CALLER)
    dag = dag_to_run(engine, dag_id)
    if dag.schedule.is_custom:
        request = replace(request, dates=dates_between(engine, dag, files_of(None).folder, first, last))
    dates = logical_dates(engine, request)
    if dry_run:
        _tell(engine, request, dates)
        return
    if reset_dagruns or rerun_failed_tasks:
        choice = Choice(only_failed=not reset_dagruns)
        clear_after_asking(engine, clear_requests(engine, dag_id, (first, last), None, choice), yes=yes)
    backfill_dag(engine, request)
    click.echo(f"The runs of {dag_id} from {dates[0].isoformat()} on are being made.")
    if no_wait:
        return
    with until_interrupted(f"The runs go on: 'dags list-runs -d {dag_id}' shows them."):
        _wait(engine, request, dates, interval)


def _tell(engine: "Engine", request: "BackfillRequest", dates: Sequence[datetime]) -> None:
    states = _states(engine, request)
    for date in dates:
        state = states.get(date)
        is_there = f"there already, {coloured(state)}" if state else "to be made"
        click.echo(f"{request.dag_id} {date.isoformat()}: {is_there}")


def _wait(engine: "Engine", request: "BackfillRequest", dates: Sequence[datetime], interval: float) -> None:
    """Wait until there are runs for all dates and all are over; raises ``ClickException`` if one failed."""
    with Progress(request.dag_id, len(dates)) as progress:
        onlooker = _Onlooker(engine, request, dates, progress)
        while not onlooker.look():
            time.sleep(interval)
    failed = [date for date in dates if onlooker.states[date] is DagRunState.FAILED]
    if failed:
        raise click.ClickException(
            f"{len(failed)} of {len(dates)} runs failed. 'dags list-runs -d {request.dag_id} --state failed' "
            "shows them, --rerun-failed-tasks has what failed run again"
        )


class _Onlooker:
    """Tells which runs of a backfill are over, and what the first of the others waits for."""

    def __init__(
        self, engine: "Engine", request: "BackfillRequest", dates: Sequence[datetime], progress: Progress
    ) -> None:
        self._engine = engine
        self._request = request
        self._dates = dates
        self._progress = progress
        self._told: set[str] = set()
        self._idle_looks = 0
        self.states: dict[datetime, DagRunState] = {}

    def look(self) -> bool:
        """Tell what is new since the last look; whether all runs are over."""
        before, found = self.states, _states(self._engine, self._request)
        self.states = {date: found[date] for date in self._dates if date in found}
        unfinished = [date for date in self._dates if not self._is_over(date)]
        for date, state in self.states.items():
            if state.is_final:
                self._tell_once(f"{date.isoformat()}: {coloured(state)}")
        self._idle_looks = self._idle_looks + 1 if self.states == before else 0
        if unfinished and self._idle_looks >= _PATIENCE:
            self._tell_what_holds_back(unfinished[0])
        self._progress.reach(len(self._dates) - len(unfinished))
        return not unfinished

    def _is_over(self, date: datetime) -> bool:
        return date in self.states and self.states[date].is_final

    def _tell_what_holds_back(self, date: datetime) -> None:
        """Raises ``DagNotFound`` where the missing runs will not be made: the DAG has lost its file."""
        from chalicelib.engine.reading.why import what_holds_back
        from chalicelib.engine.runs.create import dag_to_run

        dag_id = self._request.dag_id
        if date not in self.states:
            dag_to_run(self._engine, dag_id)
            self._tell_once(f"{date.isoformat()} waits: its run is not made yet")
            return
        reasons = "; ".join(check.reason for check in what_holds_back(self._engine, dag_id, date))
        if reasons:
            self._tell_once(f"{date.isoformat()} waits: {reasons}")

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._progress.tell(line)


def _states(engine: "Engine", request: "BackfillRequest") -> dict[datetime, DagRunState]:
    found = runs_between(engine, request.dag_id, request.start_date, request.end_date)
    return {run.execution_date: run.state for run in found}
