"""The commands under the names that they had in Airflow 1.10; most are those of 2.x by another name."""

from copy import copy
from datetime import datetime
from pathlib import Path

import click

from chalicelib.cli import pools
from chalicelib.cli.arguments import dag_argument
from chalicelib.cli.dags import group as dags
from chalicelib.cli.dags.backfill import backfill
from chalicelib.cli.dags.details import next_execution
from chalicelib.cli.dags.runs import (
    no_backfill_option,
    run_rows,
    since_option,
    state,
    state_option,
    until_option,
)
from chalicelib.cli.output.rows import output_option, show
from chalicelib.cli.tasks import group as tasks
from chalicelib.cli.tasks.clearing import clear
from chalicelib.cli.tasks.rendering import render
from chalicelib.cli.tasks.why import failed_deps


@click.command("list_dag_runs")
@dag_argument
@state_option
@since_option
@until_option
@no_backfill_option
@output_option
def list_dag_runs(
    dag_id: str,
    state: str | None,
    start_date: datetime | None,
    end_date: datetime | None,
    no_backfill: bool,
    output: str,
) -> None:
    """List the runs of a DAG, the newest execution date first.

    Example: python -m chalicelib list_dag_runs example_hello
    """
    show(run_rows(dag_id, state, start_date, end_date, no_backfill=no_backfill), output)


@click.command("pool", context_settings={"ignore_unknown_options": True})  # -1 is a number of slots
@click.option(
    "--set",
    "-s",
    "wanted",
    type=(str, pools.SLOTS, str),
    metavar="NAME SLOTS DESCRIPTION",
    help="Create or change it.",
)
@click.option("--get", "-g", "name", metavar="NAME", help="Show one pool.")
@click.option("--delete", "-x", "doomed", metavar="NAME", help="Delete a pool.")
@click.option("--import", "-i", "source", type=click.Path(path_type=Path), help="Import pools from a file.")
@click.option("--export", "-e", "target", type=click.Path(path_type=Path), help="Export pools to a file.")
@output_option
@click.pass_context
def pool(
    context: click.Context,
    wanted: tuple[str, int, str] | None,
    name: str | None,
    doomed: str | None,
    source: Path | None,
    target: Path | None,
    output: str,
) -> None:
    """Look after pools; without an option, list them.

    Example: python -m chalicelib pool -s reports 4 'at most four at a time'
    """
    if wanted is not None:
        named, slots, description = wanted
        context.invoke(pools.set_pool, pool=named, slots=slots, description=description)
    elif name is not None:
        context.invoke(pools.get_pool, pool=name, output=output)
    elif doomed is not None:
        context.invoke(pools.delete_pool, pool=doomed)
    elif source is not None:
        context.invoke(pools.import_pools, file=source)
    elif target is not None:
        context.invoke(pools.export_pools, file=target)
    else:
        context.invoke(pools.list_pools, output=output)


def with_subdir(command: click.Command) -> click.Command:
    """The command with 1.10's ``-sd``, which scripts give: the DAGs are in the store, wherever files are."""
    named = copy(command)
    ignored = click.Option(["-sd", "--subdir"], expose_value=False, help="Taken, and without effect.")
    named.params = [*command.params, ignored]
    return named


COMMANDS: dict[str, click.Command] = {
    "trigger_dag": dags.trigger,
    "pause": dags.pause,
    "unpause": dags.unpause,
    "delete_dag": dags.delete,
    "list_dags": dags.list_dags,
    "list_tasks": tasks.list_tasks,
    "list_dag_runs": list_dag_runs,
    "dag_state": state,
    "task_state": tasks.state,
    "pool": pool,
    "backfill": backfill,
    "clear": clear,
    "render": render,
    "next_execution": next_execution,
    "task_failed_deps": failed_deps,
    "show_dag": dags.show_graph,
}
"""Commands by their names in 1.10."""
