"""Runs of a DAG that are over, and have failed, for commands that alter them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from chalicelib.simulation.one_run import Laboratory, WantedRun

DAG_ID = "contract_retry"

_DAGS = Path(__file__).parents[3] / "contract" / "dags"


@contextmanager
def failed_runs(monkeypatch: pytest.MonkeyPatch, folder: Path, dates: Sequence[datetime]) -> Iterator[Engine]:
    """Commands speak to an engine in memory with these runs; nobody's airflow.cfg counts."""
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    monkeypatch.setenv("AIRFLOW_HOME", str(folder))
    laboratory = Laboratory(_DAGS)
    for date in dates:
        laboratory.run(WantedRun(dag_id=DAG_ID, execution_date=date))
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    with bootstrap.use(engine=laboratory.engine, settings=settings):
        yield laboratory.engine
