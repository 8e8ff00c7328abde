"""The commands under their names of Airflow 1.10; most are those of 2.x by another name."""

from copy import copy
from datetime import datetime
from pathlib import Path

import click

from chalicelib.cli import pools
from chalicelib.cli.arguments import dag_argument
from chalicelib.cli.dags import group as dags
from chalicelib.cli.dags.backfill import backfill
from chalicelib.cli.dags.dag_files import offline_option
from chalicelib.cli.dags.details import next_execution
from chalicelib.cli.dags.details import report as report_of_files
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
from chalicelib.cli.tasks.in_process import tasks_test
from chalicelib.cli.tasks.rendering import render
from chalicelib.cli.tasks.why import failed_deps
from chalicelib.cli.without_effect import OF_1_10, SUBDIR_OF_1_10, also_taking


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


@click.command("list_dags")
@click.option("--report", "-r", is_flag=True, help="Tell below how long each file takes to load.")
@offline_option
@output_option
@click.pass_context
def list_dags(context: click.Context, report: bool, subdir: Path | None, output: str) -> None:
    """List the DAGs that a file defines.

    Example: python -m chalicelib list_dags --report
    """
    context.invoke(dags.list_dags, subdir=subdir, output=output)
    if report:
        context.invoke(report_of_files, subdir=subdir, output=output)


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


_SPELLINGS = {
    ("backfill", "dry_run"): ("-dr",),
    ("clear", "dag_regex"): ("-dx",),
    ("test", "is_dry_run"): ("-dr",),
    ("test", "params"): ("-tp", "--task_params"),
}
"""The options that 2.x gave up, by command and parameter; there ``-dr`` would be ``-d -r``."""

_SUBDIR = ("-sd",)


def as_in_1_10(name: str, command: click.Command) -> click.Command:
    """The command with the options that it had, as far as 2.x has lost them."""
    has_subdir = any(parameter.name == "subdir" for parameter in command.params)
    ignored = () if has_subdir else (SUBDIR_OF_1_10,)
    taking = also_taking(command, *ignored, *OF_1_10.get(name, ()))
    taking.params = [_spelled(name, parameter) for parameter in taking.params]
    return taking


def _spelled(command: str, parameter: click.Parameter) -> click.Parameter:
    is_subdir = parameter.name == "subdir" and "-sd" not in parameter.opts
    spellings = _SUBDIR if is_subdir else _SPELLINGS.get((command, parameter.name or ""))
    if spellings is None:
        return parameter
    spelled = copy(parameter)
    spelled.opts = [*parameter.opts, *spellings]
    if is_subdir:
        spelled.callback = _of_this_machine
    return spelled


def _of_this_machine(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """The folder, if it is there: scripts of 1.10 name the one of Airflow's machine."""
    return path if path is not None and path.exists() else None


COMMANDS: dict[str, click.Command] = {
    "trigger_dag": dags.trigger,
    "pause": dags.pause,
    "unpause": dags.unpause,
    "delete_dag": dags.delete,
    "list_dags": list_dags,
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
    "test": tasks_test,
}
"""Commands by their names in 1.10."""
