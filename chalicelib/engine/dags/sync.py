"""``sync_dags``: the store, brought up to date with the deployed DAG files.

Runs after a deployment and, locally, when a file changed; never for a request. A file that cannot be
loaded leaves the last good version of its DAGs and a kept import error.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.messages import EraseDag, WakePool
from chalicelib.domain.runs.dags import Dag, DagImportError, DagVersion
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.engine.datasets.references import condition_of, keep_references, names_datasets
from chalicelib.engine.datasets.registration import meet_condition
from chalicelib.engine.engine import Engine
from chalicelib.engine.schedule.clock import renew
from chalicelib.engine.slots.pools import ensure_default_pool
from chalicelib.engine.slots.taking import save_limit

log = logging.getLogger(__name__)

FIRST_GENERATION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DagDocument:
    """One DAG as a file defines it."""

    document: dict[str, Any]
    """The serialized DAG (``authoring.loading.serialization``)."""
    code: str
    """The text of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenFile:
    """A file that could not be loaded."""

    filename: str
    """Relative to the DAGs folder."""
    message: str
    """Why, in words for the author of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsFolder:
    """All that the files of a DAGs folder define."""

    dags: tuple[DagDocument, ...]
    broken: tuple[BrokenFile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncReport:
    """What a sync kept."""

    dag_ids: tuple[str, ...]
    """Sorted."""
    failures: tuple[BrokenFile, ...]
    """The files that could not be loaded."""


def sync_dags(engine: Engine, folder: DagsFolder, *, paused_at_creation: bool) -> SyncReport:
    """Keep what a DAGs folder defines; safe to repeat."""
    ensure_default_pool(engine)
    dag_ids = []
    for dag in folder.dags:
        _keep(engine, dag.document, dag.code, paused_at_creation=paused_at_creation)
        dag_ids.append(str(dag.document["dag_id"]))
    _keep_import_errors(engine, folder.broken)
    known = [*engine.store.dags.list()]
    kept = _deactivate_missing(engine, known, set(dag_ids), {failure.filename for failure in folder.broken})
    _keep_datasets(engine, folder, known, kept)
    return SyncReport(dag_ids=tuple(sorted(dag_ids)), failures=folder.broken)


def _keep(engine: Engine, document: dict[str, Any], code: str, *, paused_at_creation: bool) -> None:
    """The version comes first: a reader of the DAG, which names it, must find it."""
    dag_id = document["dag_id"]
    version = _content_hash(document, code)
    engine.store.dags.save_version(DagVersion(dag_id=dag_id, version=version, document=document, code=code))
    paused = document["is_paused_upon_creation"]
    default_start = document["default_start_date"]
    saved = engine.store.dags.save(
        Dag(
            dag_id=dag_id,
            generation=FIRST_GENERATION,
            is_paused=paused_at_creation if paused is None else paused,
            version=version,
            fileloc=document["fileloc"],
            schedule=Schedule.of_document(document),
            default_start_date=datetime.fromisoformat(default_start) if default_start else None,
            has_params=bool(document["params"]),
            dataset_condition=condition_of(document),
            names_datasets=names_datasets(document),
        )
    )
    _resize_limits(engine, document)
    if saved.is_deleted:  # it comes back as soon as nothing of its earlier life is left
        engine.send(EraseDag(dag_id=dag_id, generation=saved.generation))
    renew(engine, saved)


def _resize_limits(engine: Engine, document: dict[str, Any]) -> None:
    """Limits that are there follow the file; new ones come to be when they are first reached for."""
    for limit in graph_from_document(document).limits:
        pool = engine.store.pools.get(limit.pool)
        if pool is not None and pool.slots != limit.slots:
            save_limit(engine, limit)
            engine.send(WakePool(pool=limit.pool))


def _content_hash(document: dict[str, Any], code: str) -> str:
    content = json.dumps([document, code], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _keep_import_errors(engine: Engine, failures: tuple[BrokenFile, ...]) -> None:
    for failure in failures:
        log.info("%s: %s", failure.filename, failure.message)
        engine.store.dags.save_import_error(
            DagImportError(filename=failure.filename, stacktrace=failure.message, timestamp=engine.now())
        )
    failing = {failure.filename for failure in failures}
    for known in list(engine.store.dags.import_errors()):
        if known.filename not in failing:
            engine.store.dags.clear_import_error(known.filename)


def _keep_datasets(engine: Engine, folder: DagsFolder, known: Sequence[Dag], kept: set[str]) -> None:
    """What the files say of datasets. Where no file ever named one, that costs no request."""
    documents = [dag.document for dag in folder.dags]
    if any(map(names_datasets, documents)) or any(dag.names_datasets for dag in known):
        keep_references(engine, documents, kept)
    for document in documents:
        if condition_of(document) is not None:
            meet_condition(engine, document["dag_id"])


def _deactivate_missing(
    engine: Engine, known: Sequence[Dag], present: set[str], failing_files: set[str]
) -> set[str]:
    """DAGs that no file defines any more are no longer active; those of a broken file stay as they are.

    Returns the ids of the latter.
    """
    kept = set()
    for dag in known:
        if not dag.is_active or dag.dag_id in present:
            continue
        if dag.fileloc in failing_files:
            kept.add(dag.dag_id)
        else:
            engine.store.dags.set_active(dag.dag_id, False)
    return kept
