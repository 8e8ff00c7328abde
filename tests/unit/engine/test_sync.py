"""Bringing the store up to date with DAG files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.domain.errors import InvalidRequest, PoolNotFound
from chalicelib.domain.messages import (
    EraseDag,
    Outgoing,
    RegisterDatasetEvents,
    ScheduleDag,
    StartRun,
    WakePool,
)
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.dataset_changes import DatasetChange, changes_text
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.domain.slots.limits import active_tasks
from chalicelib.engine import dispatch
from chalicelib.engine.dags.sync import SyncReport, sync_dags
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.slots.pools import delete_pool, get_pool, list_pools, save_pool
from chalicelib.engine.slots.taking import save_limit
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.user_code.documents_apart import dags_apart
from tests.scripted.engines import engine_in_memory, take_sent
from tests.scripted.memory_sender import MemorySender

FILE = """
from airflow import DAG

with DAG("sales", schedule=None, description={description!r}, is_paused_upon_creation={paused}):
    pass
"""


SCHEDULED_FILE = """
import pendulum
from airflow import DAG
from airflow.operators.empty import EmptyOperator

start = pendulum.datetime(2026, 3, 28, tz="Europe/Amsterdam")
with DAG("sales", schedule={schedule!r}, start_date=start, max_active_runs=3, catchup={catchup}):
    EmptyOperator(task_id="a")
"""


def sync_folder(engine: Engine, folder: Path, *, paused_at_creation: bool) -> SyncReport:
    dags = dags_apart(folder, variables=engine.store.variables, connections=engine.store.connections)
    return sync_dags(engine, dags, paused_at_creation=paused_at_creation)


def test_a_dag_file_says_when_its_dag_runs(tmp_path: Path) -> None:
    now = datetime(2026, 3, 30, tzinfo=UTC)
    engine = engine_in_memory(lambda: now)

    def sync(schedule: str | None, *, catchup: bool = True) -> Dag:
        (tmp_path / "sales.py").write_text(SCHEDULED_FILE.format(schedule=schedule, catchup=catchup))
        sync_folder(engine, tmp_path, paused_at_creation=False)
        dag = engine.store.dags.get("sales")
        assert dag is not None
        return dag

    dag = sync("30 2 * * *")
    assert (dag.schedule.timezone, dag.schedule.max_active_runs) == ("Europe/Amsterdam", 3)
    assert dag.next_run == DataInterval(
        start=datetime(2026, 3, 28, 1, 30, tzinfo=UTC), end=datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    )
    assert [*engine.store.dags.due(now)] == ["sales"]
    latest = sync("@daily", catchup=False).next_run
    assert latest is not None
    assert latest.start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert sync(None).next_run is None
    assert sync("@once").next_run is not None
    (tmp_path / "sales.py").unlink()
    sync_folder(engine, tmp_path, paused_at_creation=False)
    assert [*engine.store.dags.due(now)] == []


def test_a_schedule_that_plans_nothing_is_an_import_error(tmp_path: Path) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 3, 30, tzinfo=UTC))
    (tmp_path / "sales.py").write_text(SCHEDULED_FILE.format(schedule="0 25 * * *", catchup=True))
    report = sync_folder(engine, tmp_path, paused_at_creation=False)
    (failure,) = report.failures
    assert "Invalid timetable expression: [0 25 * * *] is not acceptable, out of range" in failure.message


def synced(engine: Engine, folder: Path, description: str, *, paused: bool | None = None) -> None:
    (folder / "sales.py").write_text(FILE.format(description=description, paused=paused))
    assert sync_folder(engine, folder, paused_at_creation=True).dag_ids == ("sales",)


def test_a_deleted_dag_comes_back_as_its_file_is_by_then(tmp_path: Path) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    synced(engine, tmp_path, "before")
    delete_dag(engine, "sales")
    synced(engine, tmp_path, "after", paused=False)
    deleted = engine.store.dags.get("sales")
    assert deleted is not None
    assert deleted.is_deleted, "nothing may take the place of what is not erased yet"

    erase = EraseDag(dag_id="sales", generation=2)
    assert isinstance(engine.sender, MemorySender)
    assert engine.sender.take_all()[-2:] == [Outgoing(message=erase)] * 2
    dispatch.handle(engine, erase)

    dag = engine.store.dags.get("sales")
    assert dag is not None
    assert (dag.is_deleted, dag.is_paused, dag.generation) == (False, False, 2)
    version = engine.store.dags.version("sales", dag.version)
    assert version is not None
    assert "after" in version.code


LIMITED = """
from airflow import DAG
from airflow.operators.python import PythonOperator

with DAG("sales", schedule=None, max_active_runs=2, max_active_tasks={most}):
    PythonOperator(task_id="one", python_callable=print, max_active_tis_per_dag=1)
    PythonOperator(task_id="two", python_callable=print)
"""


def test_limits_follow_the_file_and_whoever_waits_is_looked_at(tmp_path: Path) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    file = tmp_path / "sales.py"
    file.write_text(LIMITED.format(most=1))
    sync_folder(engine, tmp_path, paused_at_creation=False)
    dag = engine.store.dags.get("sales")
    assert dag is not None
    tasks = graph_of(engine, "sales", dag.version).tasks
    assert [limit.slots for limit in tasks["one"].limits] == [1, 1]
    (shared,) = tasks["two"].limits
    save_limit(engine, shared)
    assert isinstance(engine.sender, MemorySender)
    engine.sender.take_all()

    file.write_text(LIMITED.format(most=3))
    sync_folder(engine, tmp_path, paused_at_creation=False)

    resized = engine.store.pools.get(shared.pool)
    assert resized is not None
    assert resized.slots == 3
    assert engine.sender.take_all() == [Outgoing(message=WakePool(pool=shared.pool))]


def test_limits_are_no_pools_to_users() -> None:
    engine = engine_in_memory(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    limit = active_tasks("sales", 3)
    save_limit(engine, limit)
    assert [*list_pools(engine)] == []
    with pytest.raises(PoolNotFound):
        get_pool(engine, limit.pool)
    with pytest.raises(PoolNotFound):
        delete_pool(engine, limit.pool)
    with pytest.raises(InvalidRequest, match="can't begin with a NUL character"):
        save_pool(engine, name=limit.pool, slots=1, description=None)


_FINE = """
from airflow import DAG

with DAG("fine", schedule=None):
    pass
"""

_USELESS = {
    "a text that cannot be made": """
from airflow import DAG
from airflow.models import BaseOperator

class Odd:
    def __repr__(self):
        raise SystemExit(3)

class Shown(BaseOperator):
    template_fields = ("odd",)

    def __init__(self, odd, **kwargs):
        super().__init__(**kwargs)
        self.odd = odd

with DAG("odd", schedule=None):
    Shown(task_id="a", odd=Odd())
""",
    "what is no JSON": """
from airflow import DAG

with DAG("odd", schedule=None, description=object()):
    pass
""",
    "a limit that is no number": """
from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG("odd", schedule=None, max_active_tasks="many"):
    EmptyOperator(task_id="a")
""",
    "an error without a text": """
from airflow import DAG

class Silent(BaseException):
    def __str__(self):
        raise ValueError

raise Silent
""",
}


@pytest.mark.parametrize("source", _USELESS.values(), ids=_USELESS.keys())
def test_a_file_that_is_no_use_hinders_no_other(tmp_path: Path, source: str) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 3, 30, tzinfo=UTC))
    (tmp_path / "a.py").write_text(source)
    (tmp_path / "fine.py").write_text(_FINE)
    report = sync_folder(engine, tmp_path, paused_at_creation=True)
    assert (report.dag_ids, [failure.filename for failure in report.failures]) == (("fine",), ["a.py"])
    assert engine.store.dags.get("fine") is not None


def test_params_without_values_hinder_nothing(tmp_path: Path) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 3, 30, tzinfo=UTC))
    (tmp_path / "a.py").write_text(
        """
from airflow import DAG
from airflow.models.param import Param

with DAG("wants", schedule=None, params={"who": Param(type="string")}):
    pass
"""
    )
    (tmp_path / "fine.py").write_text(_FINE)
    report = sync_folder(engine, tmp_path, paused_at_creation=True)
    assert (report.dag_ids, report.failures) == (("fine", "wants"), ())
    dags = [engine.store.dags.get(dag_id) for dag_id in report.dag_ids]
    assert [dag is not None and dag.has_params for dag in dags] == [False, True]


DATASET_FILE = """
from airflow import DAG, Dataset

a, b = Dataset("a"), Dataset("b")
with DAG("sales", schedule={schedule}, is_paused_upon_creation=False):
    pass
"""


def test_a_changed_condition_that_is_met_by_what_has_arrived_makes_a_run(tmp_path: Path) -> None:
    engine = engine_in_memory(lambda: datetime(2026, 3, 30, tzinfo=UTC))

    def sync(schedule: str) -> None:
        (tmp_path / "sales.py").write_text(DATASET_FILE.format(schedule=schedule))
        sync_folder(engine, tmp_path, paused_at_creation=False)

    sync("a & b")
    changes = Payload(text=changes_text((DatasetChange(uri="a"),)))
    dispatch.handle(engine, RegisterDatasetEvents(origin="one", timestamp=engine.now(), changes=changes))
    sync("a & b")
    assert [*engine.store.dag_runs.list("sales")] == []
    sync("a | b")
    sync("a | b")
    (run,) = engine.store.dag_runs.list("sales")
    assert run.run_type is DagRunType.DATASET_TRIGGERED
    assert StartRun(run=run.ref) in [each.message for each in take_sent(engine)]
    sync("None")
    assert all(dataset.mentions == () for dataset in engine.store.datasets.list())


OR_TIME_FILE = """
from datetime import datetime
from airflow import DAG, Dataset
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

timetable = CronTriggerTimetable("0 6 * * *", timezone="UTC")
schedule = DatasetOrTimeSchedule(timetable=timetable, datasets=[Dataset("a")])
with DAG("sales", schedule=schedule, start_date=datetime(2026, 3, 30), is_paused_upon_creation=False):
    pass
"""


def test_a_dag_gets_runs_of_the_clock_and_of_datasets(tmp_path: Path) -> None:
    moments = [datetime(2026, 3, 30, 5, tzinfo=UTC)]
    engine = engine_in_memory(lambda: moments[-1])
    (tmp_path / "sales.py").write_text(OR_TIME_FILE)
    sync_folder(engine, tmp_path, paused_at_creation=False)
    changes = Payload(text=changes_text((DatasetChange(uri="a"),)))
    dispatch.handle(engine, RegisterDatasetEvents(origin="one", timestamp=engine.now(), changes=changes))
    moments.append(datetime(2026, 3, 30, 6, 1, tzinfo=UTC))
    dispatch.handle(engine, ScheduleDag(dag_id="sales"))
    assert sorted((run.execution_date.hour, run.run_type) for run in engine.store.dag_runs.list("sales")) == [
        (5, DagRunType.DATASET_TRIGGERED),
        (6, DagRunType.SCHEDULED),
    ]
