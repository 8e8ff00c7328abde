"""An app in this process over a store in memory, with two DAGs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib import bootstrap
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import deploy
from tests.scripted.engines import engine_in_memory
from tests.scripted.in_process_api import InProcessApi

DEFAULT_START_DATE = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def engine(clock: MovedClock) -> Engine:
    """Knows ``etl`` (paused; tasks ``extract`` and ``load``) and ``dated`` (with a default start date)."""
    engine = engine_in_memory(clock)
    for dag_id, default_args in (("etl", {}), ("dated", {"start_date": DEFAULT_START_DATE})):
        with DAG(dag_id=dag_id, schedule=None, default_args=default_args) as dag:
            EmptyOperator(task_id="extract") >> EmptyOperator(task_id="load", retries=2)
        deploy(engine, serialize(dag, f"{dag_id}.py"))
    return engine


@pytest.fixture
def settings() -> Settings:
    environ = {"AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default"}
    return replace(Settings.from_environ(environ), base_url="https://example.com/airflow/")


@pytest.fixture
def api(engine: Engine, settings: Settings) -> Iterator[InProcessApi]:
    with bootstrap.use(engine=engine, settings=settings):
        yield InProcessApi(settings)
