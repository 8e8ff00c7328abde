"""The DAGs that the recorded cases use, as a sync would have left them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

from chalicelib.authoring.loading.serialization import Document, serialize
from chalicelib.domain.runs.dags import Dag, DagVersion
from chalicelib.engine.engine import Engine
from chalicelib.engine.slots.pools import ensure_default_pool
from tests.scripted.engines import engine_in_memory
from tests.scripted.loading import load_folder

FOLDER = Path(__file__).parents[1] / "contract" / "dags"


def engine_with_contract_dags(now: Callable[[], datetime]) -> Engine:
    """An engine that knows the DAGs of the cases, paused, and the default pool."""
    engine = engine_in_memory(now)
    ensure_default_pool(engine)
    for document, code in _documents():
        deploy(engine, document, code)
    return engine


@cache
def _documents() -> list[tuple[Document, str]]:
    return list(_loaded())


def _loaded() -> Iterator[tuple[Document, str]]:
    for file in load_folder(FOLDER).files:
        yield from ((serialize(dag, file.filename), file.source) for dag in file.dags)


def deploy(engine: Engine, document: Document, code: str = "") -> None:
    """Make a DAG known, paused."""
    dag_id, start_date = document["dag_id"], document["default_start_date"]
    version = DagVersion(dag_id=dag_id, version="v1", document=document, code=code)
    engine.store.dags.save_version(version)
    engine.store.dags.save(
        Dag(
            dag_id=dag_id,
            generation=1,
            is_paused=True,
            version="v1",
            fileloc=document["fileloc"],
            default_start_date=datetime.fromisoformat(start_date) if start_date else None,
            has_params=bool(document["params"]),
        )
    )
