"""``tasks``: commands about tasks and task instances."""

import click

from chalicelib.cli.arguments import dag_argument, run_argument, task_argument
from chalicelib.cli.engine import connect, find_run
from chalicelib.cli.output.rows import output_option, show


@click.group()
def tasks() -> None:
    """Look at tasks and task instances."""


@tasks.command("list")
@dag_argument
@click.option("--tree", "-t", is_flag=True, help="As a tree, like 'dags show'.")
def list_tasks(dag_id: str, tree: bool) -> None:
    """List the ids of a DAG's tasks.

    Example: python -m chalicelib tasks list example_hello
    """
    from chalicelib.cli.output.graph_text import drawn
    from chalicelib.engine.graphs import graph_of
    from chalicelib.engine.lookup import get_dag

    engine = connect()
    graph = graph_of(engine, dag_id, get_dag(engine, dag_id).version)
    for line in drawn(graph) if tree else sorted(graph.tasks):
        click.echo(line)


@tasks.command()
@dag_argument
@task_argument
@run_argument
def state(dag_id: str, task_id: str, execution_date_or_run_id: str) -> None:
    """Print the state of a task instance; None if nothing has happened to it yet, as in Airflow.

    Example: python -m chalicelib tasks state example_hello report 2026-01-01T00:00:00
    """
    from chalicelib.engine.reading.queries import get_task_instance

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    _, _, instance = get_task_instance(engine, dag_id, run.execution_date, task_id)
    click.echo(str(instance.state))


@tasks.command("states-for-dag-run")
@dag_argument
@run_argument
@output_option
def states_for_dag_run(dag_id: str, execution_date_or_run_id: str, output: str) -> None:
    """List the task instances of a run with their states, in topological order.

    Example: python -m chalicelib tasks states-for-dag-run example_hello 2026-01-01T00:00:00
    """
    from chalicelib.engine.graphs import graph_of_run

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    tasks = graph_of_run(engine, run).tasks
    rows = []
    for item in engine.items(run.run_uid).instances(tasks):
        rows.append(
            {
                "dag_id": dag_id,
                "execution_date": run.execution_date.isoformat(),
                "task_id": item.task_id,
                "state": item.state,
                "start_date": item.start_date.isoformat() if item.start_date else "",
                "end_date": item.end_date.isoformat() if item.end_date else "",
            }
        )
    show(rows, output)
