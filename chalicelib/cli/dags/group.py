"""``dags``: commands about a DAG as a whole."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.arguments import MOMENT, conf_option, confirm, dag_argument, yes_option
from chalicelib.cli.dags.dag_files import dags_of, graph_of_dag, offline_option
from chalicelib.cli.dags.details import fields_of
from chalicelib.cli.engine import CALLER, connect, dag_ids_of
from chalicelib.cli.output.rows import output_option, show

if TYPE_CHECKING:
    from chalicelib.domain.runs.dags import Dag


@click.group()
def dags() -> None:
    """Look after DAGs and their runs."""


@dags.command("list")
@click.option(
    "--columns",
    default="dag_id,fileloc,owners,is_paused",
    show_default=True,
    help="What to show, as far as 'dags details' knows it.",
)
@offline_option
@output_option
def list_dags(columns: str, subdir: Path | None, output: str) -> None:
    """List the DAGs that a file defines.

    Example: python -m chalicelib dags list --columns dag_id,tags,next_dagrun
    """
    loaded = dags_of(subdir)
    if loaded.failures:
        click.echo(
            "Error: Failed to load all files. "
            f"For details, run `python -m chalicelib dags list-import-errors -S {subdir}`",
            err=True,
        )
    engine = loaded.engine
    present = sorted((dag for dag in engine.store.dags.list() if dag.is_active), key=lambda dag: dag.dag_id)
    known = [fields_of(engine, dag) | _of_files(dag, loaded.folder) for dag in present]
    wanted = columns.split(",")
    unknown = [name for name in wanted if known and name not in known[0]]
    if unknown:
        click.echo(
            f"Ignoring columns that are not known: {', '.join(unknown)}. Known: {', '.join(known[0])}",
            err=True,
        )
    show([{name: fields[name] for name in wanted if name in fields} for fields in known], output)


def _of_files(dag: "Dag", folder: Path | None) -> dict[str, Any]:
    """What files alone say otherwise than a server: whether a DAG is paused, they do not."""
    return {} if folder is None else {"fileloc": str(folder / dag.fileloc), "is_paused": None}


@dags.command("list-import-errors")
@offline_option
@output_option
def list_import_errors(subdir: Path | None, output: str) -> None:
    """List the DAG files that could not be loaded, or whose timetables fail; exit code 1 if there are any.

    Example: python -m chalicelib dags list-import-errors --subdir chalicelib/dags
    """
    from chalicelib.engine.reading.queries import import_errors

    loaded = dags_of(subdir)
    if loaded.folder is None:
        errors = {error.filename: error.stacktrace for error in import_errors(loaded.engine)}
    else:
        errors = {str(loaded.folder / failure.filename): failure.message for failure in loaded.failures}
    show([{"filepath": path, "error": text} for path, text in sorted(errors.items())], output)
    if errors:
        raise click.exceptions.Exit(1)


_regex_option = click.option(
    "--treat-dag-id-as-regex",
    "is_regex",
    is_flag=True,
    help="Take DAG_ID as a regular expression, and ask about the DAGs that it fits.",
)


@dags.command()
@dag_argument
@_regex_option
@yes_option
@output_option
def pause(dag_id: str, is_regex: bool, yes: bool, output: str) -> None:
    """Pause a DAG: no further task starts, running tasks end.

    Example: python -m chalicelib dags pause example_hello
    """
    _set_paused(dag_id, output, paused=True, is_regex=is_regex, yes=yes)


@dags.command()
@dag_argument
@_regex_option
@yes_option
@output_option
def unpause(dag_id: str, is_regex: bool, yes: bool, output: str) -> None:
    """Unpause a DAG: its schedule begins, runs that waited go on.

    Example: python -m chalicelib dags unpause example_hello
    """
    _set_paused(dag_id, output, paused=False, is_regex=is_regex, yes=yes)


def _set_paused(dag_id: str, output: str, *, paused: bool, is_regex: bool, yes: bool) -> None:
    from chalicelib.engine.dags.pausing import set_paused

    engine = connect()
    dag_ids = dag_ids_of(engine, dag_id, is_regex=is_regex)
    verb = "pause" if paused else "unpause"
    confirm(f"You are about to {verb} {len(dag_ids)} DAGs: {', '.join(dag_ids)}.", yes=yes or not is_regex)
    for name in dag_ids:
        set_paused(engine, name, paused=paused, changed_by=CALLER)
    show([{"dag_id": name, "is_paused": paused} for name in dag_ids], output)


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
    from chalicelib.cli.client.current import current_client
    from chalicelib.cli.client.protocol import TriggerArguments

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
    from chalicelib.cli.client.current import current_client

    client = current_client()
    confirm(f"This will drop all existing records related to the DAG {dag_id}.", yes=yes)
    click.echo(client.delete_dag(dag_id))


@dags.command("show")
@dag_argument
@offline_option
@click.option(
    "--save",
    "-s",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw it into a file: .svg, .png, .pdf, or .dot.",
)
@click.option("--dot", "as_dot", is_flag=True, help="Print it as Graphviz's source, as Airflow does.")
def show_graph(dag_id: str, subdir: Path | None, file: Path | None, as_dot: bool) -> None:
    """Draw the graph of a DAG as text, each task under those that it comes after; or as a picture.

    Example: python -m chalicelib dags show example_branch --save example_branch.svg
    """
    from chalicelib.cli.output.graph_picture import FORMATS, drawn_as
    from chalicelib.cli.output.graph_text import drawn

    kind = file.suffix[1:].lower() if file else ""
    if file and kind not in FORMATS:
        raise click.UsageError(f"A picture is saved as one of {', '.join(FORMATS)}, not as {file.name}")
    graph = graph_of_dag(dag_id, subdir)
    if file:
        file.write_bytes(drawn_as(graph, kind))
        click.echo(f"File {file} saved")
        return
    if as_dot:
        click.echo(drawn_as(graph, "dot"), nl=False)
        return
    for line in drawn(graph):
        click.echo(line)
