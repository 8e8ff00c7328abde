"""``dags``: what can be done with a DAG as a whole."""

from datetime import datetime
from pathlib import Path
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
                    "owners": ",".join(owners),
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
@click.option(
    "--save",
    "-s",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw it into a file: .svg, .png, .pdf, or .dot.",
)
@click.option("--dot", "as_dot", is_flag=True, help="Print it as Graphviz's source, as Airflow does.")
def show_graph(dag_id: str, file: Path | None, as_dot: bool) -> None:
    """Draw the graph of a DAG as text, each task under those that it comes after; or as a picture.

    Example: python -m chalicelib dags show example_branch --save example_branch.svg
    """
    from chalicelib.cli.graph_picture import FORMATS, drawn_as
    from chalicelib.cli.graph_text import drawn
    from chalicelib.engine.graphs import graph_of
    from chalicelib.engine.queries import get_dag

    kind = file.suffix[1:].lower() if file else ""
    if file and kind not in FORMATS:
        raise click.UsageError(f"A picture is saved as one of {', '.join(FORMATS)}, not as {file.name}")
    engine = connect()
    graph = graph_of(engine, dag_id, get_dag(engine, dag_id).version)
    if file:
        file.write_bytes(drawn_as(graph, kind))
        click.echo(f"File {file} saved")
        return
    if as_dot:
        click.echo(drawn_as(graph, "dot"), nl=False)
        return
    for line in drawn(graph):
        click.echo(line)


@dags.command()
@dag_argument
@click.option(
    "--start-date", "--start_date", "-s", type=MOMENT, required=True, help="The first logical date."
)
@click.option(
    "--end-date", "--end_date", "-e", type=MOMENT, required=True, help="The last logical date, included."
)
@conf_option
def backfill(dag_id: str, start_date: datetime, end_date: datetime, conf: dict[str, Any]) -> None:
    """Make the runs of a range of dates that are not there yet, also while the DAG is paused.

    Example: python -m chalicelib dags backfill example_branch -s 2026-01-01 -e 2026-01-31
    """
    from chalicelib.engine.backfill import BackfillRequest
    from chalicelib.engine.backfill import backfill as backfill_dag

    request = BackfillRequest(
        dag_id=dag_id, start_date=start_date, end_date=end_date, conf=conf, triggered_by=CALLER
    )
    first = backfill_dag(connect(), request)
    click.echo(f"The runs of {dag_id} from {first.isoformat()} on are being made.")
