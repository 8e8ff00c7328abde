"""Which ids the log lines of an invocation carry."""

from datetime import UTC, datetime
from threading import Thread

from chalicelib.domain.messages import RescueRun, RunTask, StartRun, WakePool
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRunType, RunFacts, RunRef
from chalicelib.telemetry.bound import bind, bound, bound_fields, ids_of, request_id

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REF = RunRef(dag_id="etl", execution_date=NOON, run_uid="uid", generation=1, version="v1")
FACTS = RunFacts(
    ref=REF,
    run_id="manual__1",
    run_type=DagRunType.MANUAL,
    external_trigger=True,
    start_date=NOON,
    data_interval_start=NOON,
    data_interval_end=NOON,
    conf=Payload(text="{}"),
)
OF_THE_RUN = {"dag_id": "etl", "execution_date": NOON}


def test_a_message_of_a_try_carries_its_run_its_task_and_its_try() -> None:
    message = RunTask(run=FACTS, task_id="load", try_number=2, max_tries=3)
    assert ids_of(message) == {
        **OF_THE_RUN,
        "run_uid": "uid",
        "run_id": "manual__1",
        "task_id": "load",
        "map_index": -1,
        "try_number": 2,
    }


def test_a_message_carries_no_more_than_it_knows() -> None:
    assert ids_of(StartRun(run=REF)) == {**OF_THE_RUN, "run_uid": "uid"}
    assert ids_of(RescueRun(dag_id="etl", execution_date=NOON)) == OF_THE_RUN
    assert ids_of(WakePool(pool="gpu")) == {}


def test_what_is_bound_ends_with_its_block_whatever_was_added_meanwhile() -> None:
    with bound(request_id="r", dag_id=None):
        with bound(message_id="m"):
            bind(dag_id="etl")
            assert bound_fields() == {"request_id": "r", "message_id": "m", "dag_id": "etl"}
        assert bound_fields() == {"request_id": "r"}
    assert bound_fields() == {}


def test_the_threads_of_a_task_log_under_its_ids() -> None:
    seen: list[object] = []
    with bound(task_id="load"):
        thread = Thread(target=lambda: seen.append(bound_fields()["task_id"]))
        thread.start()
        thread.join()
    assert seen == ["load"]


def test_an_invocation_without_a_context_has_no_id() -> None:
    assert request_id(None) is None
