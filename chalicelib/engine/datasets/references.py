"""The references of deployed DAG files to datasets and aliases: who runs by them, and who changes them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.datasets.datasets import DEFAULT_GROUP, Dataset, Mention
from chalicelib.domain.runs.dag_runs import new_id
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition, name_of, uri_of
from chalicelib.engine.engine import Engine

Place = tuple[str, str]
"""A DAG's id, and the id of a task; empty for the DAG itself, which runs by the dataset."""

_NO_EXTRA = "{}"


@dataclass(frozen=True, slots=True)
class _Named:
    """What files say of a dataset."""

    places: set[Place]
    extra: str = _NO_EXTRA
    name: str = ""
    group: str = DEFAULT_GROUP


def condition_of(document: Mapping[str, Any]) -> DatasetCondition | None:
    """The condition of a serialized DAG; None if it does not run by datasets."""
    expression = document.get("dataset_condition")
    return None if expression is None else DatasetCondition.of(expression)


def names_datasets(document: Mapping[str, Any]) -> bool:
    """Whether a serialized DAG names datasets or aliases."""
    named = (document.get("dataset_condition"), document.get("datasets"))
    return any(named) or any(task.get("dataset_outlets") for task in document["tasks"])


def keep_references(engine: Engine, documents: Iterable[Mapping[str, Any]], kept_dags: set[str]) -> None:
    """Bring the kept datasets up to date with serialized DAGs; safe to repeat.

    ``kept_dags``: ids of DAGs whose files cannot be read now, so that what they say stays. 1 request per MB
    of datasets, and 1 for each that changes. One that no file names any more stays, as in Airflow, for its
    events.
    """
    kept = {dataset.reference: dataset for dataset in engine.store.datasets.list()}
    named = _named(documents, kept.values())
    now = engine.now()
    for dataset in kept.values():
        found = named.pop(dataset.reference, None) or _as_it_is(dataset)
        stays = {_place(each) for each in dataset.mentions if each.dag_id in kept_dags}
        renewed = _renewed(dataset, found, found.places | stays, now)
        if renewed != dataset:
            engine.store.datasets.save(replace(renewed, updated_at=now))
    for reference, new in sorted(named.items()):
        number = new_id(now, engine.entropy)
        dataset = Dataset(reference=reference, id=number, created_at=now, updated_at=now)
        engine.store.datasets.save(_renewed(dataset, new, new.places, now))


def _named(documents: Iterable[Mapping[str, Any]], kept: Iterable[Dataset]) -> dict[str, _Named]:
    """What the files say, by reference; what is meant by its name counts for the dataset of that name."""
    places: defaultdict[str, set[Place]] = defaultdict(set)
    told: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for document in documents:
        condition = condition_of(document)
        for reference in condition.references if condition else ():
            places[reference].add((document["dag_id"], ""))
        for task in document["tasks"]:
            for reference in task.get("dataset_outlets", ()):
                places[reference].add((document["dag_id"], task["task_id"]))
        for reference, of_file in document.get("datasets", {}).items():
            # A file that says nothing of a dataset but its URI takes nothing back that another one says.
            told[reference] |= {key: value for key, value in of_file.items() if value != _NO_EXTRA}
    names = {each.name: each.reference for each in kept if each.uri}
    names |= {of_file.get("name") or uri_of(each) or "": each for each, of_file in told.items()}
    for reference in [each for each in places if name_of(each) is not None]:
        meant = names.get(name_of(reference) or "")
        by_name = places.pop(reference)
        if meant is not None:
            places[meant] |= by_name
    return {reference: _Named(places[reference], **told.get(reference, {})) for reference in {*places, *told}}


def _as_it_is(dataset: Dataset) -> _Named:
    return _Named(set(), extra=dataset.extra, name=dataset.own_name, group=dataset.group)


def _renewed(dataset: Dataset, named: _Named, places: set[Place], now: datetime) -> Dataset:
    return replace(
        dataset,
        own_name=named.name,
        group=named.group,
        extra=named.extra,
        mentions=_mentions(dataset, places, now),
    )


def _mentions(dataset: Dataset, places: set[Place], now: datetime) -> tuple[Mention, ...]:
    known = {_place(mention): mention for mention in dataset.mentions}
    return tuple(known.get(place) or _new_mention(place, now) for place in sorted(places))


def _new_mention(place: Place, now: datetime) -> Mention:
    dag_id, task_id = place
    return Mention(dag_id=dag_id, task_id=task_id or None, created_at=now, updated_at=now)


def _place(mention: Mention) -> Place:
    return mention.dag_id, mention.task_id or ""
