"""``dags details``, ``dags report`` and ``dags next-execution``: facts about DAGs and their files."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.arguments import dag_argument
from chalicelib.cli.dags.dag_files import (
    DagFiles,
    dags_of,
    files_of,
    looking_for,
    offline_option,
    subdir_option,
)
from chalicelib.cli.dags.own_timetables import coming_runs
from chalicelib.cli.engine import connect
from chalicelib.cli.output.rows import FOR_PROGRAMS, Row, output_option, show

if TYPE_CHECKING:
    from chalicelib.domain.runs.dags import Dag
    from chalicelib.domain.schedule.timetables import DataInterval
    from chalicelib.engine.engine import Engine

_LIMITS_OF_TASKS = ("max_active_tis_per_dag", "max_active_tis_per_dagrun")
_OF_NEXT_RUN = ("data_interval_start", "data_interval_end", "create_after")


def fields_of(engine: "Engine", dag: "Dag") -> dict[str, Any]:
    """What is known of a DAG, under Airflow's names and in their order; 1 request."""
    from chalicelib.engine.reading.queries import get_version
    from chalicelib.engine.schedule.clock import coming_run

    document = get_version(engine, dag).document
    summary = document.get("timetable", {}).get("summary")
    return {
        "dag_id": dag.dag_id,
        "is_paused": dag.is_paused,
        "is_active": dag.is_active,
        "fileloc": dag.fileloc,
        "owners": sorted(document["owner"].split(", ")),
        "description": document["description"],
        "schedule_interval": _schedule(summary or _expression_of(dag)),
        "timetable_description": document.get("timetable_description"),
        "tags": [{"name": tag} for tag in document["tags"]],
        "max_active_tasks": document["max_active_tasks"],
        "max_active_runs": document["max_active_runs"],
        "max_consecutive_failed_dag_runs": document.get("max_consecutive_failed_dag_runs", 0),
        "has_task_concurrency_limits": any(
            task.get(limit) is not None for task in document["tasks"] for limit in _LIMITS_OF_TASKS
        ),
        **_next_run(coming_run(engine, dag)),
    }


def _next_run(coming: "DataInterval | None") -> dict[str, str | None]:
    moments = (coming.logical_date, coming.start, coming.end, coming.run_after) if coming else (None,) * 4
    names = ("next_dagrun", *(f"next_dagrun_{name}" for name in _OF_NEXT_RUN))
    texts = (moment.isoformat() if moment else None for moment in moments)
    return dict(zip(names, texts, strict=True))


def _expression_of(dag: "Dag") -> str | float | None:
    if dag.schedule.expression is None and dag.dataset_condition is not None:
        return "Dataset"  # Airflow's word
    return dag.schedule.expression


def _schedule(expression: str | float | None) -> Mapping[str, Any] | None:
    """As Airflow's API shows it."""
    if expression is None:
        return None
    if isinstance(expression, str):
        return {"__type": "CronExpression", "value": expression}
    delta = timedelta(seconds=expression)
    return {
        "__type": "TimeDelta",
        "days": delta.days,
        "microseconds": delta.microseconds,
        "seconds": delta.seconds,
    }


@click.command()
@dag_argument
@output_option
def details(dag_id: str, output: str) -> None:
    """Show what is known of a DAG.

    Example: python -m chalicelib dags details example_branch
    """
    from chalicelib.engine.lookup import get_dag

    engine = connect()
    fields = fields_of(engine, get_dag(engine, dag_id))
    if output in FOR_PROGRAMS:
        show([fields], output)
    else:
        show([{"property_name": name, "property_value": value} for name, value in fields.items()], output)


@click.command("next-execution")
@dag_argument
@offline_option
@click.option(
    "--num-executions",
    "-n",
    type=click.IntRange(min=1),
    default=1,
    help="How many; one if left out.",
)
def next_execution(dag_id: str, subdir: Path | None, num_executions: int) -> None:
    """Print the logical dates of the DAG's next runs by its schedule; None if there is none.

    Example: python -m chalicelib dags next-execution example_branch -n 3
    """
    from chalicelib.engine.lookup import get_dag
    from chalicelib.engine.schedule.clock import coming_run

    loaded = dags_of(subdir)
    engine = loaded.engine
    with looking_for(dag_id, subdir, loaded.failures):
        dag = get_dag(engine, dag_id)
    if dag.is_paused and subdir is None:
        click.echo("[INFO] Please be reminded this DAG is PAUSED now.", err=True)
    coming = coming_run(engine, dag)
    if dag.schedule.is_custom:
        runs = coming_runs(engine, dag, files_of(subdir).folder, coming, num_executions)
        for run in islice(chain(runs, repeat(None)), num_executions):
            _tell(run)
        return
    for _ in range(num_executions):
        _tell(coming)
        coming = coming and dag.schedule.following(coming, engine.now())


def _tell(coming: "DataInterval | None") -> None:
    if coming is None:
        click.echo(
            "[WARN] No following schedule can be found. "
            "This DAG may have schedule interval '@once' or `None`.",
            err=True,
        )
        click.echo("None")
    else:
        click.echo(coming.logical_date.isoformat())


@click.command()
@subdir_option
@output_option
def report(subdir: Path | None, output: str) -> None:
    """Load the files of the DAGs folder and tell how long each takes, the slowest first.

    Example: python -m chalicelib dags report
    """
    rows = sorted(_loaded(files_of(subdir)), key=lambda row: row["duration"], reverse=True)
    show(rows, output)


def _loaded(files: DagFiles) -> Iterator[Row]:
    from chalicelib.engine.dags.sync import BrokenFile
    from chalicelib.store.memory import MemoryStore
    from chalicelib.user_code.documents_apart import files_apart

    store = MemoryStore()
    for file in files_apart(
        files.folder, files.names, variables=store.variables, connections=store.connections
    ):
        if isinstance(file.result, BrokenFile):
            click.echo(f"{file.filename} could not be loaded: {file.result.message}", err=True)
        dags = () if isinstance(file.result, BrokenFile) else file.result
        yield {
            "file": f"/{file.filename}",
            "duration": timedelta(seconds=file.seconds),
            "dag_num": len(dags),
            "task_num": sum(len(dag.document["tasks"]) for dag in dags),
            "dags": [dag.document["dag_id"] for dag in dags],
        }
