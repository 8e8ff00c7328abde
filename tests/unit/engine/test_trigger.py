"""The one way a run comes to be."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.errors import DagNotFound, DagRunAlreadyExists, InvalidRequest, StoreUnavailable
from chalicelib.domain.messages import Outgoing, StartRun
from chalicelib.domain.runs.dags import Dag, DagVersion
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.schedule.backfill import BackfillRequest, backfill
from tests.scripted.engines import engine_in_memory
from tests.scripted.memory_sender import MemorySender

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine() -> Engine:
    made = engine_in_memory(lambda: NOON)
    made.store.dags.save(
        Dag(
            dag_id="sales",
            generation=1,
            is_paused=True,
            version="v1",
            fileloc="sales.py",
            default_start_date=NOON - timedelta(days=2),
        )
    )
    return made


def request(run_id: str | None = None, date: datetime = NOON, dag_id: str = "sales") -> RunRequest:
    return RunRequest(dag_id=dag_id, execution_date=date, run_id=run_id, triggered_by="test")


def test_a_run_is_queued_and_announced(engine: Engine) -> None:
    run = create_run(engine, request())
    assert (run.state, run.run_id) == (DagRunState.QUEUED, "manual__2026-01-01T12:00:00+00:00")
    assert isinstance(engine.sender, MemorySender)
    assert engine.sender.sent == [Outgoing(message=StartRun(run=run.ref))]
    dag = engine.store.dags.get("sales")
    assert dag is not None
    assert dag.latest_run is not None
    assert dag.latest_run.run_uid == run.run_uid


def test_what_no_file_defines_any_more_cannot_be_triggered(engine: Engine) -> None:
    engine.store.dags.set_active("sales", False)
    with pytest.raises(DagNotFound, match="Dag id sales not found in DagModel"):
        create_run(engine, request())


@pytest.mark.parametrize("dag_id", ["unknown", "deleted"])
def test_a_dag_that_is_not_there_is_named(engine: Engine, dag_id: str) -> None:
    engine.store.dags.save(
        Dag(dag_id="deleted", generation=1, is_paused=True, version="v1", fileloc="sales.py")
    )
    engine.store.dags.mark_deleted("deleted")
    with pytest.raises(DagNotFound, match=dag_id):
        create_run(engine, request(dag_id=dag_id))


def test_a_date_before_the_start_date_in_default_args_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="should be >= start_date"):
        create_run(engine, request(date=NOON - timedelta(days=3)))


def test_a_duplicate_is_noticed_before_a_run_id_that_may_not_be(engine: Engine) -> None:
    create_run(engine, request("first"))
    with pytest.raises(DagRunAlreadyExists):
        create_run(engine, request("not allowed!"))
    with pytest.raises(InvalidRequest, match="The provided run ID 'not allowed!' is invalid"):
        create_run(engine, request("not allowed!", NOON + timedelta(hours=1)))


@pytest.fixture
def with_params(engine: Engine) -> Engine:
    """The engine, whose DAG wants a number under n and a text under who."""
    refusal = "No value passed and Param has no default value"
    params = {
        "n": {"schema": {"type": "integer"}, "refusal": None},
        "who": {"schema": {"type": "string"}, "refusal": refusal},
    }
    document = {"params": params}
    engine.store.dags.save_version(DagVersion(dag_id="sales", version="v2", document=document, code=""))
    dag = engine.store.dags.get("sales")
    assert dag is not None
    engine.store.dags.save(replace(dag, version="v2", has_params=True))
    return engine


def test_a_conf_that_the_params_refuse_makes_no_run(with_params: Engine) -> None:
    with pytest.raises(InvalidRequest, match="Invalid input for param who: No value passed"):
        create_run(with_params, request())
    with pytest.raises(InvalidRequest, match="Invalid input for param n: 'x' is not of type 'integer'"):
        create_run(with_params, replace(request(), conf={"who": "me", "n": "x"}))
    assert list(with_params.store.dag_runs.list("sales")) == []
    assert create_run(with_params, replace(request(), conf={"who": "me", "more": 1})).state == "queued"


def test_a_duplicate_is_noticed_before_a_conf_that_may_not_be(with_params: Engine) -> None:
    create_run(with_params, replace(request(), conf={"who": "me"}))
    with pytest.raises(DagRunAlreadyExists):
        create_run(with_params, request())


def test_a_backfill_with_a_conf_that_the_params_refuse_is_refused_as_a_whole(with_params: Engine) -> None:
    dag = with_params.store.dags.get("sales")
    assert dag is not None
    with_params.store.dags.save(replace(dag, schedule=Schedule(expression="@daily")))
    wanted = BackfillRequest(
        dag_id="sales", start_date=NOON, end_date=NOON + timedelta(days=3), triggered_by="test"
    )
    with pytest.raises(InvalidRequest, match="Invalid input for param who"):
        backfill(with_params, wanted)
    backfill(with_params, replace(wanted, conf={"who": "me"}))


def test_a_run_that_could_not_be_announced_exists_all_the_same(engine: Engine) -> None:
    class Deaf:
        def send(self, messages: object) -> None:
            raise StoreUnavailable("the queue did not take a message")

    object.__setattr__(engine, "sender", Deaf())
    run = create_run(engine, request())
    assert engine.store.dag_runs.get("sales", NOON) == run
    assert list(engine.store.dag_runs.due(NOON + timedelta(minutes=1))) == [("sales", NOON)]


def test_the_schema_library_is_loaded_by_the_first_trigger_of_a_dag_with_params() -> None:
    program = """
import sys
from datetime import UTC, datetime
from chalicelib.engine.runs.create import RunRequest, create_run
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.engines import engine_in_memory

day = datetime(2026, 3, 30, tzinfo=UTC)
engine = engine_in_memory(lambda: day)

def is_loaded_after_trigger(dag_id, params):
    ScriptedDag([Shape("a")], dag_id=dag_id, params=params).save(engine.store)
    create_run(engine, RunRequest(dag_id=dag_id, execution_date=day, triggered_by="test", conf={"n": 1}))
    return "jsonschema" in sys.modules

assert not is_loaded_after_trigger("plain", {})
assert is_loaded_after_trigger("with_params", {"n": {"schema": {"type": "integer"}, "refusal": None}})
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=True)
