"""Bringing the store up to date with DAG files."""

from datetime import UTC, datetime
from pathlib import Path

from chalicelib.domain.messages import Outgoing, SweepDag
from chalicelib.engine import scheduling
from chalicelib.engine.core import Engine
from chalicelib.engine.deletion import delete_dag
from chalicelib.engine.sync import sync_dags
from chalicelib.queues.memory import MemorySender
from tests.contract.engines import engine_in_memory

FILE = """
from airflow import DAG

with DAG("sales", schedule=None, description={description!r}, is_paused_upon_creation={paused}):
    pass
"""


def synced(engine: Engine, folder: Path, description: str, *, paused: bool | None = None) -> None:
    (folder / "sales.py").write_text(FILE.format(description=description, paused=paused))
    assert sync_dags(engine, folder, paused_at_creation=True).dag_ids == ("sales",)


def test_a_deleted_dag_comes_back_as_its_file_is_by_then(tmp_path: Path) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    synced(engine, tmp_path, "before")
    delete_dag(engine, "sales")
    synced(engine, tmp_path, "after", paused=False)
    deleted = engine.store.dags.get("sales")
    assert deleted is not None
    assert deleted.is_deleted, "nothing may take the place of what is not swept yet"

    sweep = SweepDag(dag_id="sales", generation=2)
    assert isinstance(engine.sender, MemorySender)
    assert engine.sender.take_all()[-2:] == [Outgoing(message=sweep)] * 2
    scheduling.handle(engine, sweep)

    dag = engine.store.dags.get("sales")
    assert dag is not None
    assert (dag.is_deleted, dag.is_paused, dag.generation) == (False, False, 2)
    version = engine.store.dags.version("sales", dag.version)
    assert version is not None
    assert "after" in version.code
