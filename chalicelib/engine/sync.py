"""Bringing the store up to date with the deployed DAG files.

Runs after a deployment and, locally, when a file changed; never for a request. A file that cannot be
loaded leaves the last good version of its DAGs and a kept import error.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chalicelib.dag.loader import ImportFailure, LoadedFile, load_folder
from chalicelib.dag.serialization import serialize
from chalicelib.dag.variables import variables_in
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.messages import Outgoing, SweepDag, WakePool
from chalicelib.domain.runs.dags import Dag, DagImportError, DagVersion
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.engine import schedules
from chalicelib.engine.core import Engine
from chalicelib.engine.pools import ensure_default_pool
from chalicelib.engine.slots import save_limit

log = logging.getLogger(__name__)

FIRST_GENERATION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncReport:
    """What a sync found: ids of the DAGs, and the files that could not be loaded."""

    dag_ids: tuple[str, ...]
    failures: tuple[ImportFailure, ...]


def sync_dags(
    engine: Engine,
    folder: Path,
    *,
    paused_at_creation: bool,
    skip: Mapping[str, str] = MappingProxyType({}),
) -> SyncReport:
    """Load all DAG files of a folder and keep what they define; safe to repeat.

    ``skip`` names files that must not be loaded (they end the process that tries), with the reason that
    is kept as their import error.
    """
    with variables_in(engine.store.variables):
        loaded = load_folder(folder, skip)
    ensure_default_pool(engine)
    dag_ids = []
    for file in loaded.files:
        for document in _documents(file):
            _keep(engine, document, file.source, paused_at_creation=paused_at_creation)
            dag_ids.append(str(document["dag_id"]))
    _keep_import_errors(engine, loaded.failures)
    _deactivate_missing(engine, set(dag_ids), {failure.filename for failure in loaded.failures})
    return SyncReport(dag_ids=tuple(sorted(dag_ids)), failures=loaded.failures)


def _documents(file: LoadedFile) -> list[dict[str, Any]]:
    return [serialize(dag, file.filename) for dag in file.dags]


def _keep(engine: Engine, document: dict[str, Any], code: str, *, paused_at_creation: bool) -> None:
    """The version comes first: whoever sees the DAG name it must find it."""
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
        )
    )
    _resize_limits(engine, document)
    if saved.is_deleted:  # it comes back as soon as nothing of its earlier life is left
        engine.sender.send([Outgoing(message=SweepDag(dag_id=dag_id, generation=saved.generation))])
    schedules.renew(engine, saved)


def _resize_limits(engine: Engine, document: dict[str, Any]) -> None:
    """Limits that are there follow the file; new ones come to be when they are first reached for."""
    for limit in graph_from_document(document).limits:
        pool = engine.store.pools.get(limit.pool)
        if pool is not None and pool.slots != limit.slots:
            save_limit(engine, limit)
            engine.sender.send([Outgoing(message=WakePool(pool=limit.pool))])


def _content_hash(document: dict[str, Any], code: str) -> str:
    content = json.dumps([document, code], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _keep_import_errors(engine: Engine, failures: tuple[ImportFailure, ...]) -> None:
    for failure in failures:
        log.info("%s: %s", failure.filename, failure.message)
        engine.store.dags.save_import_error(
            DagImportError(filename=failure.filename, stacktrace=failure.message, timestamp=engine.now())
        )
    failing = {failure.filename for failure in failures}
    for known in list(engine.store.dags.import_errors()):
        if known.filename not in failing:
            engine.store.dags.clear_import_error(known.filename)


def _deactivate_missing(engine: Engine, present: set[str], failing_files: set[str]) -> None:
    """DAGs that no file defines any more are no longer active; those of a broken file stay as they are."""
    for dag in list(engine.store.dags.list()):
        if dag.is_active and dag.dag_id not in present and dag.fileloc not in failing_files:
            engine.store.dags.set_active(dag.dag_id, False)
