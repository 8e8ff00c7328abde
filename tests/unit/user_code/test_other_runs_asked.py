"""A try's questions about runs of other DAGs, as its worker answers them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.authoring.exceptions import DagNotFound, DagRunAlreadyExists, ParamValidationError
from chalicelib.domain import errors
from chalicelib.domain.runs.other_runs import (
    OtherDag,
    OtherRun,
    TaskStates,
    WantedRun,
    WatchedRun,
    WatchedTasks,
)
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.frames import Requests
from chalicelib.user_code.surroundings import AskedOtherRuns, Surroundings
from tests.scripted.one_run import XComsOfOneRun

DATE = datetime(2024, 5, 1, tzinfo=UTC)
RUN = OtherRun(dag_id="child", run_id="r", execution_date=DATE, state=DagRunState.QUEUED)
DAG = OtherDag(dag_id="child", is_paused=False, task_ids=frozenset("ab"), group_ids=frozenset())
SEEN = WatchedRun(run=RUN, tasks=(TaskStates(task_id="a", states=(TaskInstanceState.SUCCESS,), undecided=2),))


@dataclass
class Worker:
    """What the worker's side is asked for, and what it refuses."""

    refusal: Exception | None = None
    asked: list[Any] = field(default_factory=list)

    def trigger(self, wanted: WantedRun) -> OtherRun:
        self.asked.append(wanted)
        if self.refusal is not None:
            raise self.refusal
        return RUN

    def find(self, dag_id: str, run_id: str | None, execution_date: datetime | None) -> OtherRun | None:
        self.asked.append((dag_id, run_id, execution_date))
        return RUN if dag_id == "child" else None

    def clear(self, run: OtherRun, *, only_failed: bool = False) -> None:
        self.asked.append((run, only_failed))

    def watch(self, watched: WatchedTasks) -> tuple[WatchedRun, ...]:
        self.asked.append(watched)
        return (SEEN,)

    def dag(self, dag_id: str) -> OtherDag | None:
        return DAG if dag_id == "child" else None


class NoXComs(XComsOfOneRun):
    """No XComs: none are asked for."""

    push = pull = pull_all = None


@pytest.fixture
def worker() -> Worker:
    return Worker()


class Answered(Requests):
    """Requests that a worker's side answers at once, as texts."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def ask(self, header: dict[str, Any], body: str = "") -> tuple[dict[str, Any], str]:
        answer, text = self._around.answer(json.loads(json.dumps(header)), body)
        return json.loads(json.dumps(answer)), text


@pytest.fixture
def asked(worker: Worker) -> AskedOtherRuns:
    around = Surroundings(
        xcoms=NoXComs(),  # type: ignore[arg-type]  # none of its methods is called
        variables=MemoryStore().variables,
        other_runs=worker,
    )
    return AskedOtherRuns(Answered(around))


def test_what_is_asked_for_is_answered(asked: AskedOtherRuns, worker: Worker) -> None:
    wanted = WantedRun(dag_id="child", execution_date=DATE, run_id="r", conf={"deep": [{"x": None}]})
    watched = WatchedTasks(dag_id="child", execution_dates=(DATE,), task_ids=("a",), group_id="g")
    assert asked.trigger(wanted) == asked.find("child", "r", None) == asked.find("child", None, DATE) == RUN
    assert (asked.find("none", "r", None), asked.dag("none"), asked.dag("child")) == (None, None, DAG)
    assert asked.watch(watched) == (SEEN,)
    asked.clear(RUN, only_failed=True)
    by_name = [("child", "r", None), ("child", None, DATE), ("none", "r", None)]
    assert worker.asked == [wanted, *by_name, watched, (RUN, True)]


@pytest.mark.parametrize(
    ("refusal", "raised"),
    [
        (errors.DagNotFound("child"), DagNotFound),
        (errors.InvalidConf("Invalid input for param n"), ParamValidationError),
        (errors.DagRunAlreadyExists("child", str(DATE), "r"), DagRunAlreadyExists),
        (errors.StoreUnavailable("throttled"), errors.StoreUnavailable),
    ],
)
def test_a_refusal_is_the_exception_of_airflow(
    asked: AskedOtherRuns, worker: Worker, refusal: Exception, raised: type[Exception]
) -> None:
    worker.refusal = refusal
    with pytest.raises(raised) as error:
        asked.trigger(WantedRun(dag_id="child", execution_date=DATE, run_id="r"))
    assert str(error.value) == str(refusal)
    assert getattr(error.value, "dag_run", RUN) == RUN
