"""``dags list-runs``, ``dags state`` and ``runs``: commands about a run as a whole."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from chalicelib.cli.arguments import MOMENT, dag_argument, dag_ids, date_argument, run_argument
from chalicelib.cli.engine import connect, find_run, runs_between
from chalicelib.cli.output.looking_on import interval_option, until_interrupted
from chalicelib.cli.output.progress import Progress
from chalicelib.cli.output.rows import Row, coloured, output_option, show
from chalicelib.domain.runs.dag_runs import DagRunType
from chalicelib.domain.states import DagRunState

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.engine.engine import Engine

_STATES = click.Choice([state.value for state in DagRunState])

state_option: Callable[..., Callable[..., None]] = click.option(
    "--state", type=_STATES, help="Only the runs in this state."
)
since_option: Callable[..., Callable[..., None]] = click.option(
    "--start-date", "--start_date", "-s", type=MOMENT, help="From this execution date on."
)
until_option: Callable[..., Callable[..., None]] = click.option(
    "--end-date", "--end_date", "-e", type=MOMENT, help="Up to this execution date."
)
no_backfill_option: Callable[..., Callable[..., None]] = click.option(
    "--no-backfill", "--no_backfill", is_flag=True, help="Without the runs that a backfill made."
)


@click.command("list-runs")
@click.option("--dag-id", "--dag_id", "-d", required=True, shell_complete=dag_ids, help="The id of the DAG.")
@state_option
@since_option
@until_option
@no_backfill_option
@output_option
def list_runs(
    dag_id: str,
    state: str | None,
    start_date: datetime | None,
    end_date: datetime | None,
    no_backfill: bool,
    output: str,
) -> None:
    """List the runs of a DAG, the newest execution date first.

    Example: python -m chalicelib dags list-runs -d example_hello --state success
    """
    show(run_rows(dag_id, state, start_date, end_date, no_backfill=no_backfill), output)


def run_rows(
    dag_id: str,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    no_backfill: bool = False,
) -> list[Row]:
    """The runs of a DAG as rows; raises ``DagNotFound``."""
    return [
        _row(run)
        for run in runs_between(connect(), dag_id, since, until, descending=True)
        if state in (None, run.state) and not (no_backfill and run.run_type is DagRunType.BACKFILL)
    ]


def _row(run: "DagRun") -> Row:
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "state": run.state,
        "execution_date": run.execution_date.isoformat(),
        "start_date": run.start_date.isoformat() if run.start_date else "",
        "end_date": run.end_date.isoformat() if run.end_date else "",
    }


@click.command("state")
@dag_argument
@date_argument
def state(dag_id: str, execution_date: datetime) -> None:
    """Print the state of a run, and its conf if it has one; None if there is no such run, as in Airflow.

    Example: python -m chalicelib dags state example_hello 2026-01-01T00:00:00
    """
    from chalicelib.domain.errors import DagRunNotFound
    from chalicelib.engine.lookup import get_dag_run

    engine = connect()
    try:
        run = get_dag_run(engine, dag_id, execution_date)
    except DagRunNotFound:
        click.echo("None")
        return
    conf = json.loads(engine.store.payloads.read(run.conf))
    click.echo(f"{run.state}, {json.dumps(conf)}" if conf else run.state)


@click.group()
def runs() -> None:
    """Look after single runs."""


@runs.command()
@dag_argument
@run_argument
@interval_option
def watch(dag_id: str, execution_date_or_run_id: str, interval: float) -> None:
    """Tell each change of state of a run and its tasks until the run is over; exit code 1 if it failed.

    Example: python -m chalicelib runs watch example_hello 2026-01-01T00:00:00
    """
    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    with until_interrupted():
        run = _watch(engine, run, interval)
    if run.state is DagRunState.FAILED:
        raise click.exceptions.Exit(1)


def _watch(engine: "Engine", run: "DagRun", interval: float) -> "DagRun":
    """Tell the changes of a run until it is over; the run as it is then."""
    from chalicelib.engine.graphs import graph_of_run

    tasks = graph_of_run(engine, run).tasks.values()
    told: dict[str, str] = {}
    with Progress(run.run_id, len(tasks)) as progress:
        while True:
            # The run is read first: when it is over, its tasks are as they stay.
            run = find_run(engine, run.dag_id, run.run_id)
            instances = list(engine.items(run.run_uid).all_instances(tasks))
            states = {item.name: item.state for item in instances if item.state is not None}
            told_now: dict[str, str] = {**states, f"run {run.run_id}": run.state}
            for name, state in told_now.items():
                if told.get(name) != state:
                    progress.tell(f"{name}: {coloured(state)}")
            told = told_now
            progress.reach(sum(state.is_final for state in states.values()), length=len(instances))
            if run.state.is_final:
                return run
            time.sleep(interval)
