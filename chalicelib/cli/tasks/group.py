"""``tasks``: commands about tasks and task instances."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.arguments import dag_argument, run_argument, task_argument
from chalicelib.cli.dags.dag_files import graph_of_dag, offline_option
from chalicelib.cli.engine import connect, find_run
from chalicelib.cli.output.rows import output_option, show
from chalicelib.cli.tasks.mapped import check_map_index, map_index_option
from chalicelib.domain.graph.graph import NOT_MAPPED

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.domain.tasks.task_instances import TaskInstance


@click.group()
def tasks() -> None:
    """Look at tasks and task instances."""


@tasks.command("list")
@dag_argument
@offline_option
@click.option("--tree", "-t", is_flag=True, help="As a tree, like 'dags show'.")
def list_tasks(dag_id: str, subdir: Path | None, tree: bool) -> None:
    """List the ids of a DAG's tasks.

    Example: python -m chalicelib tasks list example_hello
    """
    from chalicelib.cli.output.graph_text import drawn

    graph = graph_of_dag(dag_id, subdir)
    for line in drawn(graph) if tree else sorted(graph.tasks):
        click.echo(line)


@tasks.command()
@dag_argument
@task_argument
@run_argument
@map_index_option
def state(dag_id: str, task_id: str, execution_date_or_run_id: str, map_index: int) -> None:
    """Print the state of a task instance; None if nothing has happened to it yet, as in Airflow.

    Example: python -m chalicelib tasks state example_hello report 2026-01-01T00:00:00
    """
    from chalicelib.engine.reading.queries import get_task_instance

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    check_map_index(engine, run, task_id, map_index)
    _, _, instance = get_task_instance(engine, dag_id, run.execution_date, task_id, map_index)
    click.echo(str(instance.state))


@tasks.command("states-for-dag-run")
@dag_argument
@run_argument
@output_option
def states_for_dag_run(dag_id: str, execution_date_or_run_id: str, output: str) -> None:
    """List the task instances of a run with their states, in topological order.

    As in Airflow there is a map_index where the run has mapped instances.

    Example: python -m chalicelib tasks states-for-dag-run example_hello 2026-01-01T00:00:00
    """
    from chalicelib.engine.graphs import graph_of_run

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    tasks = graph_of_run(engine, run).tasks
    instances = list(engine.items(run.run_uid).all_instances(tasks.values()))
    has_mapped = any(item.map_index != NOT_MAPPED for item in instances)
    show([_row(run, item, has_mapped=has_mapped) for item in instances], output)


def _row(run: "DagRun", item: "TaskInstance", *, has_mapped: bool) -> dict[str, Any]:
    row = {
        "dag_id": run.dag_id,
        "execution_date": run.execution_date.isoformat(),
        "task_id": item.task_id,
        "state": item.state,
        "start_date": item.start_date.isoformat() if item.start_date else "",
        "end_date": item.end_date.isoformat() if item.end_date else "",
    }
    if has_mapped:
        row["map_index"] = "" if item.map_index == NOT_MAPPED else str(item.map_index)
    return row
