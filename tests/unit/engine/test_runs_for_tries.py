"""Runs of other DAGs that are made for a try: once for each call, whatever becomes of the store's answers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.errors import DagNotFound, DagRunAlreadyExists, StoreUnavailable
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.deferrals import Deferral
from chalicelib.domain.runs.other_runs import WantedRun
from chalicelib.engine.engine import Engine
from chalicelib.engine.worker.other_runs import RunsForTry
from tests.scripted.engines import engine_in_memory
from tests.scripted.tries import NOON, request

DATE = datetime(2025, 1, 1, tzinfo=UTC)


def deferral(window: int) -> Deferral:
    """The deferral by which a try goes on."""
    return Deferral(
        trigger_id=1,
        window=window,
        classpath="airflow.triggers.temporal.DateTimeTrigger",
        kwargs="{}",
        method_name="go_on",
        method_kwargs="{}",
        created_at=NOON,
        began_at=NOON,
        due_at=NOON,
        event="null",
    )


def with_a_dag() -> Engine:
    engine = engine_in_memory(lambda: NOON)
    engine.store.dags.save(
        Dag(dag_id="child", generation=1, is_paused=False, version="v1", fileloc="child.py")
    )
    return engine


def lose_answer(engine: Engine) -> None:
    """Let the next run be made, and the one who asked for it not hear of it."""
    create = engine.store.dag_runs.create

    def make(*args: Any) -> bool:
        engine.store.dag_runs.create = create  # type: ignore[method-assign]  # as it was before
        create(*args)
        raise StoreUnavailable("lost")

    engine.store.dag_runs.create = make  # type: ignore[method-assign, assignment]  # a fault of this test


def test_a_lost_answer_makes_no_second_run_and_no_refusal() -> None:
    engine = with_a_dag()
    runs = RunsForTry(engine=engine, request=request())
    lose_answer(engine)
    made = runs.trigger(WantedRun(dag_id="child", execution_date=DATE))
    assert [run.run_id for run in engine.store.dag_runs.list("child")] == [made.run_id]


def test_a_second_call_of_the_same_try_makes_a_second_run_or_is_refused() -> None:
    runs = RunsForTry(engine=with_a_dag(), request=request())
    runs.trigger(WantedRun(dag_id="child", execution_date=DATE))
    with pytest.raises(DagRunAlreadyExists):
        runs.trigger(WantedRun(dag_id="child", execution_date=DATE))
    assert runs.trigger(WantedRun(dag_id="child", execution_date=NOON)).execution_date == NOON


def test_a_try_that_goes_on_after_a_deferral_makes_runs_of_its_own() -> None:
    """Its calls are counted anew: another conf is no other use of a call's key, nor the same one a repeat."""
    engine = with_a_dag()
    before = RunsForTry(engine=engine, request=request())
    before.trigger(WantedRun(dag_id="child", execution_date=DATE, conf={"step": 1}))
    after = RunsForTry(engine=engine, request=request(deferral=deferral(window=3)))
    made = after.trigger(WantedRun(dag_id="child", execution_date=NOON, conf={"step": 2}))
    assert made.execution_date == NOON
    again = RunsForTry(engine=engine, request=request(deferral=deferral(window=4)))
    with pytest.raises(DagRunAlreadyExists):
        again.trigger(WantedRun(dag_id="child", execution_date=NOON, conf={"step": 2}))


def test_a_dag_that_is_not_there_has_no_runs() -> None:
    runs = RunsForTry(engine=engine_in_memory(lambda: NOON), request=request())
    assert (runs.dag("child"), runs.find("child", "x", DATE)) == (None, None)
    with pytest.raises(DagNotFound):
        runs.trigger(WantedRun(dag_id="child", execution_date=DATE))
