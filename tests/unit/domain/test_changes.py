"""How a try ends, and what comes next."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.moments import seconds_until
from chalicelib.domain.runs.dag_runs import DagRunType, RunRef, generated_run_id, new_id
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import LEGAL_MOVES, TaskInstanceState
from chalicelib.domain.tasks.changes import end_of_try, interrupted
from chalicelib.domain.tasks.task_instances import TaskInstance
from tests.scripted.dags import ScriptedDag, Shape

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = RunRef(dag_id="scripted", execution_date=NOW, run_uid="uid", generation=1, version="v1")
TASK = ScriptedDag([Shape("t", retries=2, retry_delay=90)]).graph.task("t")


def running(try_number: int, max_tries: int | None = 2) -> TaskInstance:
    return TaskInstance(
        run_uid="uid",
        task_id="t",
        state=TaskInstanceState.RUNNING,
        try_number=try_number,
        max_tries=max_tries,
        lease_token="token",
        start_date=NOW - timedelta(seconds=2.5),
    )


@pytest.mark.parametrize(
    ("result", "try_number", "state"),
    [
        (TryResult.SUCCESS, 1, TaskInstanceState.SUCCESS),
        (TryResult.SKIPPED, 1, TaskInstanceState.SKIPPED),
        (TryResult.FAILED, 1, TaskInstanceState.UP_FOR_RETRY),
        (TryResult.FAILED, 2, TaskInstanceState.UP_FOR_RETRY),
        (TryResult.FAILED, 3, TaskInstanceState.FAILED),
        (TryResult.FAILED_FOR_GOOD, 1, TaskInstanceState.FAILED),
        (TryResult.REMOVED, 1, TaskInstanceState.REMOVED),
    ],
)
def test_the_end_of_a_try(result: TryResult, try_number: int, state: TaskInstanceState) -> None:
    change = end_of_try(RUN, TASK, running(try_number), TryOutcome(result=result, reason="why"), NOW)
    assert change["state"] is state
    assert change["state"] in LEGAL_MOVES[TaskInstanceState.RUNNING]
    assert change["duration"] == 2.5
    assert change["reason"] == "why"


def test_the_next_try_comes_after_the_retry_delay() -> None:
    change = end_of_try(RUN, TASK, running(1), TryOutcome(result=TryResult.FAILED), NOW)
    assert change["retry_at"] == NOW + timedelta(seconds=90)


def test_a_stopped_server_takes_no_try_away() -> None:
    change = interrupted(RUN, running(3), TASK, NOW)
    assert change["state"] is TaskInstanceState.UP_FOR_RETRY
    assert change["max_tries"] == 3
    assert change["retry_at"] == NOW


@pytest.mark.parametrize(("ahead", "seconds"), [(-5, 0), (0, 0), (0.001, 1), (1, 1), (1.2, 2)])
def test_delays_are_whole_seconds_rounded_up(ahead: float, seconds: int) -> None:
    assert seconds_until(NOW + timedelta(seconds=ahead), NOW) == seconds


def test_ids_of_runs_grow_and_fit_a_json_number() -> None:
    class Zeros:
        def getrandbits(self, _: int) -> int:
            return 0

    ids = [new_id(NOW + timedelta(milliseconds=n), Zeros()) for n in range(3)]  # type: ignore[arg-type]  # all it asks of chance
    assert ids == sorted(set(ids))
    assert new_id(datetime(2109, 1, 1, tzinfo=UTC), Zeros()) < 2**53  # type: ignore[arg-type]  # all it asks of chance


def test_a_made_up_run_id_keeps_the_offset_as_sent() -> None:
    date = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert generated_run_id(DagRunType.MANUAL, date) == "manual__2024-05-06T07:08:09+00:00"
