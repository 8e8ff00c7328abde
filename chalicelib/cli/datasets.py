"""``datasets``: datasets (Airflow 3 calls them assets), and the events by which DAGs run."""

import json
from typing import TYPE_CHECKING

import click

from chalicelib.cli.engine import connect
from chalicelib.cli.output.rows import Row, output_option, show

if TYPE_CHECKING:
    from chalicelib.domain.datasets.datasets import Dataset
    from chalicelib.domain.runs.dataset_events import DatasetEvent
    from chalicelib.engine.engine import Engine


@click.group()
def datasets() -> None:
    """Look at datasets and their events."""


@datasets.command("list")
@output_option
def list_datasets(output: str) -> None:
    """List the datasets, by their URIs: the DAGs that run by each, and the tasks that change it.

    Example: python -m chalicelib datasets list
    """
    kept = [each for each in connect().store.datasets.list() if each.uri is not None]
    show([_row(each) for each in sorted(kept, key=lambda each: each.reference)], output)


@datasets.command("events")
@click.argument("uri")
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=20, help="How many of the latest; 20 if left out."
)
@output_option
def list_events(uri: str, limit: int, output: str) -> None:
    """List the events of the dataset URI, the latest first, with the runs that they have made.

    Example: python -m chalicelib datasets events s3://shop/prices -n 5
    """
    from chalicelib.engine.reading.datasets import get_dataset

    engine = connect()
    dataset = get_dataset(engine, uri)
    latest = [*engine.store.dataset_events.list(uri)][::-1][:limit]
    show([_row_of_event(engine, dataset, each) for each in latest], output)


def _row(dataset: "Dataset") -> Row:
    return {
        "id": dataset.id,
        "uri": dataset.uri,
        "name": dataset.name,
        "group": dataset.group,
        "extra": json.loads(dataset.extra),
        "consuming_dags": [*dataset.consumers],
        "producing_tasks": [f"{each.dag_id}.{each.task_id}" for each in dataset.mentions if each.task_id],
        "aliases": sorted(dataset.aliases),
        "created_at": dataset.created_at.isoformat(),
        "updated_at": dataset.updated_at.isoformat(),
    }


def _row_of_event(engine: "Engine", dataset: "Dataset", event: "DatasetEvent") -> Row:
    from chalicelib.engine.reading.datasets import runs_made

    source = event.source
    return {
        "id": event.id,
        "timestamp": event.timestamp.isoformat(),
        "extra": json.loads(event.extra),
        "source_dag_id": source and source.dag_id,
        "source_task_id": source and source.task_id,
        "source_run_id": source and source.run_id,
        "source_map_index": source.map_index if source else -1,
        "created_dagruns": [f"{run.dag_id}.{run.run_id}" for run in runs_made(engine, dataset, event)],
    }
