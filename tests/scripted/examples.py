"""Dags, runs and the like for tests, with what a test does not care about filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dags import Dag
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
