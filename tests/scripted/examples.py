"""Dags, runs and the like for tests, with what a test does not care about filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.datasets.queues import ArrivalStep, DatasetQueue, arrive, queue_for
from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.dataset_events import DatasetEvent
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition, dataset_reference
from chalicelib.domain.slots.pools import Pool, Waiter
from chalicelib.domain.states import DagRunState

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def a_dag(dag_id: str = "sales", **fields: Any) -> Dag:
    usual: dict[str, Any] = {
        "generation": 1,
        "is_paused": False,
        "version": "v1",
        "fileloc": f"{dag_id}.py",
    }
    return Dag(dag_id=dag_id, **(usual | fields))


def a_run(uid: str = "01RUN", date: datetime = NOON, **fields: Any) -> DagRun:
    usual: dict[str, Any] = {
        "dag_id": "sales",
        "generation": 1,
        "version": "v1",
        "id": 4_503_599_627_370_497,
        "run_id": f"manual__{date.isoformat()}",
        "run_type": DagRunType.MANUAL,
        "state": DagRunState.QUEUED,
        "external_trigger": True,
        "triggered_by": "ada",
        "conf": Payload(text="{}"),
        "data_interval_start": date - HOUR,
        "data_interval_end": date,
        "queued_at": date + SECOND,
        "updated_at": date + SECOND,
    }
    return DagRun(run_uid=uid, execution_date=date, **(usual | fields))


def a_pool(name: str = "gpu", slots: int = 16, **fields: Any) -> Pool:
    usual: dict[str, Any] = {"description": "cards", "id": 7}
    return Pool(name=name, slots=slots, **(usual | fields))


def a_dataset(uri: str = "s3://shop/prices", **fields: Any) -> Dataset:
    usual: dict[str, Any] = {"id": 7, "created_at": NOON, "updated_at": NOON}
    return Dataset(reference=dataset_reference(uri), **(usual | fields))


def a_dataset_event(origin: str = "01RUN#t#-1#1", **fields: Any) -> DatasetEvent:
    usual: dict[str, Any] = {"uri": "s3://shop/prices", "timestamp": NOON, "number": 0}
    return DatasetEvent(origin=origin, **(usual | fields))


def an_arrival(origin: str, queue: DatasetQueue | None = None, *, runs: bool, **fields: Any) -> ArrivalStep:
    """What an event makes of the queue of "sales": a run, or not yet."""
    event = a_dataset_event(origin, **fields)
    text = '"s3://shop/prices"' if runs else '{"all": ["s3://shop/prices", "s3://shop/stock"]}'
    return arrive(
        queue_for(queue, "sales", 1, "next1"),
        DatasetCondition(text),
        [event],
        frozenset({dataset_reference(event.uri)}),
        is_paused=False,
        new_run_uid=f"after {origin}",
    )


def run_of_arrival(step: ArrivalStep, **fields: Any) -> DagRun:
    """The run that an arrival makes."""
    assert step.run is not None
    date = step.run.execution_date
    usual: dict[str, Any] = {
        "run_id": f"dataset_triggered__{date.isoformat()}",
        "run_type": DagRunType.DATASET_TRIGGERED,
        "external_trigger": False,
    }
    return a_run(step.run.run_uid, date, **(usual | fields))


def a_kept_answer(key: str = "key", answer: str = "{}", **fields: Any) -> KeptAnswer:
    usual: dict[str, Any] = {"body_digest": "digest", "kept_at": NOON}
    return KeptAnswer(scoped_key=key, answer=answer, **(usual | fields))


def a_waiter(task_id: str = "train", **fields: Any) -> Waiter:
    usual: dict[str, Any] = {
        "pool": "gpu",
        "priority_weight": 1,
        "since": NOON,
        "slots": 1,
        "dag_id": "sales",
        "execution_date": NOON,
        "run_uid": "01RUN",
        "map_index": -1,
        "try_number": 1,
    }
    return Waiter(task_id=task_id, **(usual | fields))
