"""``dags``: what can be done with a DAG as a whole."""

from datetime import datetime
from typing import Any

import click

from chalicelib.cli.arguments import MOMENT, conf_option, confirm, dag_argument, yes_option
from chalicelib.cli.connection import CALLER, connect
from chalicelib.cli.output import output_option, show


@click.group()
def dags() -> None:
    """Look after DAGs and their runs."""


@dags.command("list")
@output_option
def list_dags(output: str) -> None:
    """List the DAGs that a file defines: id, file, owners, whether it is paused.

    Example: python -m chalicelib dags list
    """
    from chalicelib.engine.graphs import graph_of

    engine = connect()
    rows = []
    for dag in sorted(engine.store.dags.list(), key=lambda dag: dag.dag_id):
        if dag.is_active:
            tasks = graph_of(engine, dag.dag_id, dag.version).tasks.values()
            owners = sorted({task.attributes["owner"] for task in tasks})
            rows.append(
                {
                    "dag_id": dag.dag_id,
                    "fileloc": dag.fileloc,
                    "owners": owners,
                    "is_paused": dag.is_paused,
                }
            )
    show(rows, output)


@dags.command("list-import-errors")
@output_option
def list_import_errors(output: str) -> None:
    """List the DAG files that could not be loaded; exit code 1 if there are any.

    Example: python -m chalicelib dags list-import-errors
    """
    errors = sorted(connect().store.dags.import_errors(), key=lambda error: error.filename)
    show([{"filepath": error.filename, "error": error.stacktrace} for error in errors], output)
    if errors:
        raise click.exceptions.Exit(1)


@dags.command()
@dag_argument
@output_option
def pause(dag_id: str, output: str) -> None:
    """Pause a DAG: no further task starts, those that run end.

    Example: python -m chalicelib dags pause example_hello
    """
    _set_paused(dag_id, output, paused=True)


@dags.command()
@dag_argument
@output_option
def unpause(dag_id: str, output: str) -> None:
    """Unpause a DAG: its schedule begins, runs that waited go on.

    Example: python -m chalicelib dags unpause example_hello
    """
    _set_paused(dag_id, output, paused=False)


def _set_paused(dag_id: str, output: str, *, paused: bool) -> None:
    from chalicelib.engine.pausing import set_paused

    set_paused(connect(), dag_id, paused=paused, changed_by=CALLER)
    show([{"dag_id": dag_id, "is_paused": paused}], output)


@dags.command()
@dag_argument
@click.option("--run-id", "--run_id", "-r", help="The id of the run; made up if left out.")
@click.option(
    "--exec-date",
    "--exec_date",
    "-e",
    type=MOMENT,
    help="The execution date; now, to the second, if left out.",
)
@conf_option
@click.option("--no-replace-microseconds", is_flag=True, help="Keep the microseconds of the execution date.")
@output_option
def trigger(
    dag_id: str,
    run_id: str | None,
    exec_date: datetime | None,
    conf: dict[str, Any],
    no_replace_microseconds: bool,
    output: str,
) -> None:
    """Trigger a run, by way of [cli] api_client.

    Example: python -m chalicelib dags trigger example_hello -e 2026-02-01T00:00:00 -c '{"who": "you"}'
    """
    from chalicelib.cli.client import TriggerArguments, current_client

    wanted = TriggerArguments(
        dag_id=dag_id,
        run_id=run_id,
        conf=conf,
        execution_date=exec_date,
        replace_microseconds=not no_replace_microseconds,
    )
    show([current_client().trigger_dag(wanted)], output)


@dags.command()
@dag_argument
@yes_option
def delete(dag_id: str, yes: bool) -> None:
    """Delete a DAG with its runs, by way of [cli] api_client.

    While its file is deployed the DAG comes back, paused and without runs, as in Airflow.

    Example: python -m chalicelib dags delete example_taskflow --yes
    """
    from chalicelib.cli.client import current_client

    client = current_client()
    confirm(f"This will drop all existing records related to the DAG {dag_id}.", yes=yes)
    click.echo(client.delete_dag(dag_id))


@dags.command("show")
@dag_argument
def show_graph(dag_id: str) -> None:
    """Draw the graph of a DAG as text: each task under those that it comes after.

    Example: python -m chalicelib dags show example_branch
    """
    from chalicelib.cli.graph_text import drawn
    from chalicelib.engine.graphs import graph_of
    from chalicelib.engine.queries import get_dag

    engine = connect()
    dag = get_dag(engine, dag_id)
    for line in drawn(graph_of(engine, dag_id, dag.version)):
        click.echo(line)
