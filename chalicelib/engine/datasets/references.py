"""The references of deployed DAG files to datasets and aliases: who runs by them, and who changes them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.datasets.datasets import Dataset, Mention
from chalicelib.domain.runs.dag_runs import new_id
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.engine.engine import Engine

Place = tuple[str, str]
"""A DAG's id, and the id of a task; empty for the DAG itself, which runs by the dataset."""


@dataclass(frozen=True, slots=True)
class _Named:
    """What files say of a dataset."""

    places: set[Place]
    extra: str


def condition_of(document: Mapping[str, Any]) -> DatasetCondition | None:
    """The condition of a serialized DAG; None if it does not run by datasets."""
    expression = document.get("dataset_condition")
    return None if expression is None else DatasetCondition.of(expression)


def keep_references(engine: Engine, documents: Iterable[Mapping[str, Any]], kept_dags: set[str]) -> None:
    """Bring the kept datasets up to date with serialized DAGs; safe to repeat.

    ``kept_dags``: ids of DAGs whose files cannot be read now, so that what they say stays. 1 request per MB
    of datasets, and 1 for each that changes. One that no file names any more stays, as in Airflow, for its
    events.
    """
    named = _named(documents)
    now = engine.now()
    for dataset in [*engine.store.datasets.list()]:
        found = named.pop(dataset.reference, None) or _Named(set(), dataset.extra)
        stays = {_place(each) for each in dataset.mentions if each.dag_id in kept_dags}
        mentions = _mentions(dataset, found.places | stays, now)
        if (mentions, found.extra) != (dataset.mentions, dataset.extra):
            engine.store.datasets.save(replace(dataset, mentions=mentions, extra=found.extra, updated_at=now))
    for reference, new in sorted(named.items()):
        dataset = Dataset(
            reference=reference,
            id=new_id(now, engine.entropy),
            created_at=now,
            updated_at=now,
            extra=new.extra,
        )
        engine.store.datasets.save(replace(dataset, mentions=_mentions(dataset, new.places, now)))


def _named(documents: Iterable[Mapping[str, Any]]) -> dict[str, _Named]:
    places: defaultdict[str, set[Place]] = defaultdict(set)
    extras: dict[str, str] = {}
    for document in documents:
        condition = condition_of(document)
        for reference in condition.references if condition else ():
            places[reference].add((document["dag_id"], ""))
        for task in document["tasks"]:
            for reference in task.get("dataset_outlets", ()):
                places[reference].add((document["dag_id"], task["task_id"]))
        extras |= document.get("datasets", {})
    return {
        reference: _Named(places[reference], extras.get(reference, "{}")) for reference in places | extras
    }


def _mentions(dataset: Dataset, places: set[Place], now: datetime) -> tuple[Mention, ...]:
    known = {_place(mention): mention for mention in dataset.mentions}
    return tuple(known.get(place) or _new_mention(place, now) for place in sorted(places))


def _new_mention(place: Place, now: datetime) -> Mention:
    dag_id, task_id = place
    return Mention(dag_id=dag_id, task_id=task_id or None, created_at=now, updated_at=now)


def _place(mention: Mention) -> Place:
    return mention.dag_id, mention.task_id or ""
