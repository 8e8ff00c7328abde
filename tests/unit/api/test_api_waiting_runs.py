"""How often runs that wait are looked after, how many by one tick, and which after a stop."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.messages import RescueRun
from chalicelib.domain.runs.dag_runs import DagRunChange
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.upkeep import sweep
from chalicelib.engine.upkeep.tick import tick
from tests.scripted.clock import MovedClock
from tests.scripted.engines import take_sent
from tests.scripted.in_process_api import InProcessApi

DATE = "2024-05-06T07:08:09"
MINUTE = timedelta(minutes=1)


def _looks(engine: Engine, clock: MovedClock, minutes: int) -> int:
    """Tick each minute, with all messages handled; how many rescues that were."""
    count = 0
    for _ in range(minutes):
        clock.sleep(60)
        tick(engine)
        messages = [outgoing.message for outgoing in take_sent(engine)]
        rescues = [message for message in messages if isinstance(message, RescueRun)]
        for message in rescues:
            sweep.look_after(engine, message)
        count += len(rescues)
    return count


def test_a_run_that_a_paused_dag_keeps_waiting_is_looked_after_ever_less(
    api: InProcessApi, engine: Engine, clock: MovedClock
) -> None:
    api.post("/dags/etl/dag_runs", {"execution_date": DATE})
    assert _looks(engine, clock, 60) <= 7
    assert _looks(engine, clock, 24 * 60) <= 25


def test_one_tick_does_not_send_for_more_runs_than_can_be_looked_after(
    api: InProcessApi, engine: Engine, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.engine.upkeep.tick.MOST_PER_TICK", 3)
    for second in range(7):
        api.post("/dags/etl/dag_runs", {"execution_date": f"2024-01-01T00:00:{second:02}"})
    take_sent(engine)
    assert [_looks(engine, clock, 1) for _ in range(2)] == [3, 3]


def test_after_a_stop_the_runs_that_a_paused_dag_keeps_waiting_are_left_alone(
    api: InProcessApi, engine: Engine
) -> None:
    for second in range(3):
        api.post("/dags/etl/dag_runs", {"execution_date": f"2024-01-01T00:00:{second:02}"})
    started = engine.store.dag_runs.get("etl", datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert started is not None
    change = DagRunChange(state=DagRunState.RUNNING, start_date=engine.now())
    engine.store.dag_runs.transition(started.ref, frozenset({DagRunState.QUEUED}), change)
    assert _resumed(engine) == [started.execution_date]
    api.get("/dags/etl/paused/false")
    assert len(_resumed(engine)) == 3


def _resumed(engine: Engine) -> list[datetime]:
    take_sent(engine)
    sweep.resume(engine)
    messages = [outgoing.message for outgoing in take_sent(engine)]
    return [message.execution_date for message in messages if isinstance(message, RescueRun)]
