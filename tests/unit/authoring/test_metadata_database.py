"""Airflow's metadata database in DAG files: they load, and a task that uses it fails with one sentence."""

from importlib import import_module
from pathlib import Path

import pytest

from chalicelib.authoring.airflow_names.finder import importable
from chalicelib.authoring.surroundings import airflow_settings
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import dag_of, run

MAINTENANCE = """
from airflow import DAG, settings
from airflow.configuration import conf
from airflow.jobs.base_job import BaseJob
from airflow.models import DagModel, DagRun, Log, SlaMiss, TaskInstance, XCom, ImportError
from airflow.operators.python import PythonOperator
from airflow.utils.db import provide_session
from airflow.utils.session import create_session
from airflow.utils import timezone

OLD = [
    {"model": model, "column": column, "condition": (column < timezone.utcnow()) & (model.dag_id == "x")}
    for model, column in (
        (DagRun, DagRun.execution_date), (TaskInstance, TaskInstance.start_date), (Log, Log.dttm),
        (XCom, XCom.execution_date), (DagRun, DagRun.end_date), (SlaMiss, SlaMiss.execution_date),
        (BaseJob, BaseJob.latest_heartbeat),
        (DagModel, DagModel.last_parsed_time.desc()), (ImportError, ImportError.timestamp),
    )
]

@provide_session
def by_argument(session=None, **context):
    return session.query(DagModel).filter(DagModel.is_paused).all()

def by_settings(**context):
    with settings.Session() as session:
        session.query(Log)

def by_factory(**context):
    row = XCom()
    with create_session() as session:
        session.add(row)

def by_method(**context):
    XCom.get_many(dag_ids=["x"])

def by_engine(**context):
    settings.engine.connect()

def by_condition(**context):
    return 1 if OLD[0]["condition"] else 2

def only_opened(**context):
    session = settings.Session()
    session.commit()
    session.close()

with DAG("maintenance", schedule=None) as dag:
    for function in (
        by_argument, by_settings, by_factory, by_method, by_engine, by_condition, only_opened
    ):
        PythonOperator(task_id=function.__name__, python_callable=function, retries=3)
"""


@pytest.mark.parametrize(
    ("task_id", "what"),
    [
        ("by_argument", "Session.query"),
        ("by_settings", "Session.query"),
        ("by_factory", "XCom"),
        ("by_method", "XCom.get_many"),
        ("by_engine", "settings.engine.connect"),
        ("by_condition", "DagRun.execution_date compared compared"),
    ],
)
def test_a_task_that_uses_the_database_fails_for_good_with_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, task_id: str, what: str
) -> None:
    outcome = run(dag_of(tmp_path, MAINTENANCE), task_id)
    assert outcome.result is TryResult.FAILED_FOR_GOOD
    assert f"Updraft does not offer {what}, for there is no metadata database; " in caplog.text


def test_a_session_that_is_opened_and_closed_harms_nothing(tmp_path: Path) -> None:
    assert run(dag_of(tmp_path, MAINTENANCE), "only_opened").result is TryResult.SUCCESS


def test_settings_tell_options_and_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Europe/Paris")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/some/folder")
    with importable():
        settings = import_module("airflow.settings")
        assert settings is not airflow_settings
        assert settings.TIMEZONE.name == "Europe/Paris"
        assert settings.DAGS_FOLDER == "/some/folder"
        assert settings.SQL_ALCHEMY_CONN == "no-metadata-database://"
        assert not hasattr(settings, "NOTHING_OF_THE_KIND")
        settings.initialize()
