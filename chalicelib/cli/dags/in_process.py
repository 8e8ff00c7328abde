"""``dags test``: one run on this machine, without a server and without a trace."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.cli.arguments import MOMENT, PATTERN, conf_option, dag_argument
from chalicelib.cli.dags.dag_files import (
    files_of,
    logs_of_tasks_apart,
    looking_for,
    subdir_option,
    tell_failures,
)
from chalicelib.cli.output.rows import show
from chalicelib.domain.states import DagRunState
from chalicelib.domain.tasks.keys import instance_name

if TYPE_CHECKING:
    from chalicelib.domain.graph.callbacks import CallbackRequest
    from chalicelib.domain.runs.outcomes import TryRequest
    from chalicelib.engine.ports.worker import TryReport
    from chalicelib.simulation.one_run import FinishedRun

_TIMED_OUT = "Sensor has timed out"


@click.command("test")
@dag_argument
@click.argument("execution_date", type=MOMENT, required=False)
@conf_option
@subdir_option
@click.option("--real-time", is_flag=True, help="Let sensors really wait between their pokes.")
@click.option(
    "--mark-success-pattern",
    "marked",
    type=PATTERN,
    help="Tasks whose ids this regular expression fits succeed without being run.",
)
@click.option("--json", "as_json", is_flag=True, help="Let the last line be the states as JSON.")
@click.option("--verbose", "-v", is_flag=True, help="Show the log of every try, not of failed ones only.")
def dags_test(
    dag_id: str,
    execution_date: datetime | None,
    conf: dict[str, Any],
    subdir: Path | None,
    real_time: bool,
    marked: re.Pattern[str] | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run one run of a DAG file to its end, here and now; exit code 1 if it failed.

    Nothing is kept, no server is needed. The delays of retries and the time between a sensor's pokes pass at
    once: what waits for a date finds it; what waits for the world outside comes to its timeout at once, too,
    unless --real-time lets it wait. Pools and limits do not count, nor whether the DAG is paused. Logs go to
    standard error.

    Example: python -m chalicelib dags test example_hello 2026-01-01 --conf '{"who": "you"}'
    """
    from chalicelib.authoring.surroundings.configuration import configured_by
    from chalicelib.simulation.one_run import Laboratory, WantedRun, Watch

    context = click.get_current_context()
    context.with_resource(configured_by(Configuration.read().get))
    context.with_resource(logs_of_tasks_apart())

    def tell(request: "TryRequest", report: "TryReport") -> None:
        _tell(request, report, verbose=verbose)
        if not real_time and _TIMED_OUT in report.outcome.reason:
            click.echo("That time passed at once; with --real-time sensors really wait.", err=True)

    def tell_callbacks(request: "CallbackRequest", printed: bytes) -> None:
        if verbose:
            click.echo(f"{request.kind}:", err=True)
            click.echo(printed.decode(errors="replace"), err=True, nl=False)

    watch = Watch(
        on_try=tell,
        on_callbacks=tell_callbacks,
        on_wait=lambda seconds: click.echo(f"Waiting {seconds:.0f} s…", err=True),
    )
    files = files_of(subdir)
    laboratory = Laboratory(files.folder, watch, names=files.names, real_time=real_time, marked=marked)
    tell_failures(laboratory.failures)
    date = execution_date or datetime.now(UTC)
    with looking_for(dag_id, subdir or files.folder):
        wanted = WantedRun(dag_id=dag_id, execution_date=date, is_undated=execution_date is None, conf=conf)
        finished = laboratory.run(wanted)
    _report(finished, as_json=as_json)


def _tell(request: "TryRequest", report: "TryReport", *, verbose: bool) -> None:
    result = report.outcome.result
    name = instance_name(request.task_id, request.map_index)
    click.echo(f"{name}, try {request.try_number}: {result}", err=True)
    if verbose or result.startswith("failed"):
        click.echo(report.log.decode(errors="replace"), err=True, nl=False)


def _report(finished: "FinishedRun", *, as_json: bool) -> None:
    rows = [
        {
            "task_id": item.task_id,
            "map_index": item.map_index,
            "state": item.state,
            "try_number": item.try_number,
        }
        for item in finished.instances
    ]
    show(rows, "table")
    click.echo(f"Run {finished.run.run_id}: {finished.run.state}")
    for line in finished.stuck:
        click.echo(f"It does not go on: {line}", err=True)
    if as_json:
        states = [[item.task_id, item.map_index, item.state] for item in finished.instances]
        click.echo(json.dumps({"run": finished.run.state, "tasks": states}))
    if finished.run.state is not DagRunState.SUCCESS:
        raise click.exceptions.Exit(1)
