"""DAG files whose runs the clock makes, through the loader and the worker, in a world whose time is told."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.states import DagRunState
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.dags.sync import sync_dags
from chalicelib.simulation.world import Clock, World
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.documents_apart import dags_apart
from chalicelib.user_code.runner import run_callbacks, run_try, run_window

FOLDER = Path(__file__).parent / "fault_dags"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED, RUNNING, SUCCESS, FAILED = (
    DagRunState.QUEUED,
    DagRunState.RUNNING,
    DagRunState.SUCCESS,
    DagRunState.FAILED,
)


@pytest.fixture
def world() -> Iterator[World]:
    """The DAG files as they were just deployed, ten days after their first date."""
    store = MemoryStore()
    made = World(
        run_try=run_try(FOLDER, store.variables),
        run_callbacks=run_callbacks(FOLDER, store.variables),
        run_window=run_window(FOLDER, store.variables),
        choose=random.Random(1),
        clock=Clock(FIRST + timedelta(days=10)),
        store=store,
    )
    dags = dags_apart(FOLDER, variables=store.variables, connections=store.connections)
    sync_dags(made.engine, dags, paused_at_creation=False)
    with made.seen_by_tasks():
        yield made


def pass_minutes(world: World, count: int) -> None:
    for _ in range(count):
        world.drain()
        world.advance(timedelta(minutes=1))
        world.tick()
    world.drain()


def run_states(world: World, dag_id: str) -> dict[int, DagRunState]:
    """The states of a DAG's runs, by the day of the month."""
    runs = world.store.dag_runs.list(dag_id)
    return {run.execution_date.day: run.state for run in runs}


def test_a_cleared_run_passes_the_one_that_waits_for_it_in_its_place(world: World) -> None:
    """Only one may be active, and the later one holds that place: in Airflow both wait for ever."""
    pass_minutes(world, 3)
    assert run_states(world, "one_after_one") == {1: FAILED, 2: RUNNING}
    choice = Choice(task_ids=("a",), downstream=True)
    clear_tasks(world.engine, ClearRequest(dag_id="one_after_one", execution_date=FIRST, choice=choice))
    assert run_states(world, "one_after_one") == {1: QUEUED, 2: RUNNING}
    pass_minutes(world, 3)
    assert run_states(world, "one_after_one") == dict.fromkeys((1, 2, 3, 4), SUCCESS)
    world.check_pools()
