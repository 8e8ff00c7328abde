"""Runs that the clock starts: each once, whatever happens to ticks, messages and handlers."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import BackfillDag, Message, ScheduleDag
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.timetables import DataInterval, Schedule
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.schedule import backfill
from chalicelib.engine.schedule.backfill import BackfillRequest
from chalicelib.engine.schedule.clock import PORTION, renew, schedule_dag
from chalicelib.engine.upkeep import sweep
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.queues.messages import decode
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import dag_of, step_with_faults, wait_until_back, world_of

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAG = ScriptedDag([Shape("a", is_empty=True)])
SLOW = ScriptedDag([Shape("a")])


def hourly(**fields: Any) -> Schedule:
    usual: dict[str, Any] = {"expression": "@hourly", "start_date": START}
    return Schedule(**(usual | fields))


def world_with(schedule: Schedule, seed: int = 1, dag: ScriptedDag = DAG) -> World:
    """A world in which the DAG is deployed with a schedule, unpaused."""
    world = world_of(dag, seed)
    deploy(world, schedule, dag)
    return world


def deploy(world: World, schedule: Schedule, dag: ScriptedDag = DAG, version: str = "v1") -> None:
    """What a sync does for a DAG file with that schedule."""
    found = dag_of(world, dag)
    known = world.store.dags.version(dag.dag_id, found.version)
    assert known is not None
    world.store.dags.save_version(replace(known, version=version))
    saved = world.store.dags.save(replace(found, schedule=schedule, version=version))
    renew(world.engine, saved)


def dates(world: World, run_type: DagRunType = DagRunType.SCHEDULED) -> list[datetime]:
    return [run.execution_date for run in world.store.dag_runs.list(DAG.dag_id) if run.run_type is run_type]


def hours(*numbers: int) -> list[datetime]:
    return [START + number * HOUR for number in numbers]


def tick_and_drain(world: World) -> None:
    world.tick()
    world.drain()


def let_pass(world: World, time: timedelta, step: timedelta = timedelta(minutes=1)) -> None:
    for _ in range(time // step):
        world.advance(step)
        tick_and_drain(world)


def is_visible(world: World, kind: type[Message]) -> bool:
    return any(isinstance(decode(entry.message), kind) for entry in world.queue.visible())


def deliver_one(world: World, kind: type[Message], *, keep: bool = False) -> None:
    """Deliver the first visible message of a kind."""
    entry = next(entry for entry in world.queue.visible() if isinstance(decode(entry.message), kind))
    world.deliver(entry, keep=keep)


# -- when runs are made ------------------------------------------------------------------------------


def test_a_run_is_made_when_its_interval_is_over() -> None:
    world = world_with(hourly())
    let_pass(world, timedelta(minutes=59))
    assert dates(world) == []
    let_pass(world, timedelta(minutes=1))
    (run,) = world.store.dag_runs.list(DAG.dag_id)
    assert (run.run_id, run.run_type) == ("scheduled__2026-01-01T00:00:00+00:00", DagRunType.SCHEDULED)
    assert (run.data_interval_start, run.data_interval_end) == (START, START + HOUR)
    assert (run.external_trigger, run.triggered_by) == (False, "schedule")
    assert run.state.is_final
    assert dag_of(world, DAG).last_interval == DataInterval(start=START, end=START + HOUR)


@pytest.mark.parametrize("catchup", [True, False])
def test_a_tick_that_comes_twice_or_an_hour_late_makes_each_run_once(catchup: bool) -> None:
    world = world_with(hourly(catchup=catchup))
    world.advance(HOUR)
    world.tick()
    world.tick()
    world.drain()
    assert dates(world) == hours(0)
    world.advance(2 * HOUR)
    tick_and_drain(world)
    tick_and_drain(world)
    assert dates(world) == hours(0, 1, 2)


def test_all_that_has_passed_is_caught_up_with_in_portions() -> None:
    count = 2 * PORTION + 3
    world = world_with(hourly(start_date=START - count * HOUR, max_active_runs=1000))
    world.tick()
    deliver_one(world, ScheduleDag)
    assert len(dates(world)) == PORTION
    world.drain()
    assert dates(world) == hours(*range(-count, 0))


def test_without_catchup_only_the_latest_interval_counts() -> None:
    world = world_with(hourly(start_date=START - 100 * HOUR, catchup=False))
    tick_and_drain(world)
    assert dates(world) == hours(-1)
    let_pass(world, HOUR)
    assert dates(world) == hours(-1, 0)


def test_no_run_is_made_after_the_end_date() -> None:
    world = world_with(hourly(end_date=START + HOUR))
    let_pass(world, 5 * HOUR)
    assert dates(world) == hours(0, 1)
    assert dag_of(world, DAG).next_run is None
    sent = len(world.queue.sent)
    let_pass(world, HOUR)
    assert len(world.queue.sent) == sent


def test_once_is_once_and_a_sync_does_not_change_that() -> None:
    once = Schedule(expression="@once", start_date=START)
    world = world_with(once)
    let_pass(world, HOUR)
    deploy(world, once)
    let_pass(world, HOUR)
    assert dates(world) == [START]


def test_continuous_runs_follow_each_other_one_at_a_time() -> None:
    world = world_with(Schedule(expression="@continuous", start_date=START, max_active_runs=1), dag=SLOW)
    let_pass(world, timedelta(minutes=5))
    runs = [*world.store.dag_runs.list(DAG.dag_id)]
    assert len(runs) >= 3
    for run, following in pairwise(runs):
        assert following.data_interval_start == run.data_interval_end
        assert run.end_date is not None
        assert following.queued_at >= run.end_date


# -- limits and pauses -------------------------------------------------------------------------------


def test_no_more_runs_are_made_than_may_be_active_and_the_end_of_one_makes_the_next() -> None:
    world = world_with(hourly(start_date=START - 10 * HOUR, max_active_runs=2), dag=SLOW)
    world.tick()
    deliver_one(world, ScheduleDag)  # the runs are made; nothing of theirs has run
    assert dates(world) == hours(-10, -9)
    world.drain()
    assert dates(world) == hours(*range(-10, 0)), "no tick was needed"


def test_without_catchup_what_passes_while_a_run_takes_too_long_is_left_out() -> None:
    world = world_with(hourly(catchup=False, max_active_runs=1), dag=SLOW)
    manual = RunRequest(dag_id=DAG.dag_id, execution_date=START, triggered_by="ada")
    create_run(world.engine, manual)
    for _ in range(5 * 60 + 1):
        world.advance(timedelta(minutes=1))
        world.tick()
        while is_visible(world, ScheduleDag):
            deliver_one(world, ScheduleDag)
    assert dates(world) == []
    world.drain()
    tick_and_drain(world)
    assert dates(world) == hours(4)


def test_a_paused_dag_makes_no_runs_and_costs_nothing() -> None:
    world = world_with(hourly())
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    sent = len(world.queue.sent)
    let_pass(world, 3 * HOUR)
    assert dates(world) == []
    assert len(world.queue.sent) == sent
    set_paused(world.engine, DAG.dag_id, paused=False, changed_by="ada")
    world.drain()
    assert dates(world) == hours(0, 1, 2)


def test_a_dag_without_catchup_that_was_paused_goes_on_with_the_latest_interval() -> None:
    world = world_with(hourly(catchup=False))
    let_pass(world, HOUR)
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    let_pass(world, 10 * HOUR)
    set_paused(world.engine, DAG.dag_id, paused=False, changed_by="ada")
    world.drain()
    assert dates(world) == hours(0, 10)


def test_a_message_that_comes_after_a_pause_makes_nothing() -> None:
    world = world_with(hourly())
    world.advance(HOUR)
    world.tick()
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    world.drain()
    assert dates(world) == []


# -- other runs, other schedules, other lives --------------------------------------------------------


def test_a_run_that_somebody_else_made_for_the_date_counts() -> None:
    world = world_with(hourly())
    create_run(world.engine, RunRequest(dag_id=DAG.dag_id, execution_date=START, triggered_by="ada"))
    let_pass(world, 2 * HOUR)
    assert dates(world) == hours(1)
    assert dates(world, DagRunType.MANUAL) == hours(0)


def test_a_new_schedule_goes_on_where_the_old_one_has_come() -> None:
    world = world_with(hourly())
    let_pass(world, 2 * HOUR)
    deploy(world, hourly(expression="@daily"), version="v2")
    let_pass(world, 23 * HOUR)
    assert dates(world) == hours(0, 1), "the day's run would be that of the first hour"
    deploy(world, hourly(expression="30 * * * *"), version="v3")
    tick_and_drain(world)
    assert len(dates(world)) == len({*dates(world)}) > 20


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_sync_between_a_run_and_the_step_after_it_neither_loses_nor_doubles_it(version: str) -> None:
    world = world_with(hourly())
    world.advance(HOUR)
    world.tick()
    calls_before_moving_on = 5  # the DAG, its unfinished runs; the run, its message, the DAG's latest run
    world.faults.arm(calls_before_moving_on, Killed, takes_effect=False)
    deliver_one(world, ScheduleDag)
    assert dates(world) == hours(0)
    deploy(world, hourly(expression="15 * * * *") if version == "v2" else hourly(), version=version)
    let_pass(world, 2 * HOUR)
    intervals = [
        (run.data_interval_start, run.data_interval_end) for run in world.store.dag_runs.list(DAG.dag_id)
    ]
    assert len(intervals) >= 2
    assert len({*intervals}) == len(intervals)
    if version == "v1":
        assert dates(world) == hours(0, 1, 2)


def test_a_dag_that_no_file_defines_makes_no_runs_until_one_does() -> None:
    world = world_with(hourly())
    let_pass(world, HOUR)
    world.store.dags.set_active(DAG.dag_id, False)
    let_pass(world, 2 * HOUR)
    assert dates(world) == hours(0)
    deploy_again(world)
    tick_and_drain(world)
    assert dates(world) == hours(0, 1, 2)


def deploy_again(world: World) -> None:
    world.store.dags.save(replace(dag_of(world, DAG), is_active=True))
    renew(world.engine, dag_of(world, DAG))


def test_a_deleted_dag_begins_like_a_new_one() -> None:
    world = world_with(hourly())
    let_pass(world, 3 * HOUR)
    delete_dag(world.engine, DAG.dag_id)
    let_pass(world, timedelta(minutes=1))
    wait_until_back(world, DAG)
    assert dag_of(world, DAG).last_interval is None
    let_pass(world, HOUR)
    assert dates(world) == [], "it came back paused"
    set_paused(world.engine, DAG.dag_id, paused=False, changed_by="ada")
    world.drain()
    assert dates(world) == hours(0, 1, 2, 3)


def test_a_message_of_a_deleted_dag_makes_nothing() -> None:
    world = world_with(hourly())
    world.store.dags.mark_deleted(DAG.dag_id)
    world.advance(HOUR)
    world.handle(ScheduleDag(dag_id=DAG.dag_id))
    world.handle(ScheduleDag(dag_id="nothing"))
    assert dates(world) == []


# -- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(25))
def test_a_handler_that_dies_at_any_call_loses_and_doubles_nothing(
    error: type[BaseException], takes_effect: bool, call: int
) -> None:
    world = world_with(hourly(start_date=START - 3 * HOUR))
    world.faults.arm(call, error, takes_effect=takes_effect)
    with suppress(Killed, StoreUnavailable):
        schedule_dag(world.engine, ScheduleDag(dag_id=DAG.dag_id))
    world.faults.disarm()
    let_pass(world, timedelta(minutes=2))
    assert dates(world) == hours(-3, -2, -1)
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))


@given(st.integers(), st.sampled_from([1, 3, 16]), st.lists(st.sampled_from([0, 1, 7, 61, 130]), max_size=12))
def test_each_run_is_made_once_whatever_happens(seed: int, limit: int, minutes: list[int]) -> None:
    """Ticks doubled, late and lost; messages doubled, late and out of order; handlers that die."""
    world = world_with(hourly(start_date=START - 2 * HOUR, max_active_runs=limit), seed, SLOW)
    for time in minutes:
        world.advance(timedelta(minutes=time))
        if world.choose.random() < 0.5:
            world.faults.arm(world.choose.randrange(6), Killed, takes_effect=world.choose.random() < 0.5)
        for _ in range(world.choose.randrange(3)):
            world.tick()
        for _ in range(world.choose.randrange(12)):
            step_with_faults(world)
        assert len([*world.store.dag_runs.unfinished(DAG.dag_id)]) <= limit
    world.faults.disarm()
    let_pass(world, timedelta(minutes=40))
    let_pass(world, 30 * HOUR, HOUR)
    due = int((world.clock.now - START) / HOUR)
    assert dates(world) == hours(*range(-2, due))
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))


@given(st.integers(), st.sampled_from([1, 2, 16]))
def test_handlers_at_the_same_time_make_each_run_once(seed: int, limit: int) -> None:
    world = world_with(hourly(start_date=START - 4 * HOUR, max_active_runs=limit), seed, SLOW)
    crowd = Crowd(world, SLOW.graph, faults=world.choose.choice([0.0, 0.05]))
    world.tick()
    world.tick()
    for _ in range(150):
        crowd.step()
        assert len([*world.store.dag_runs.unfinished(DAG.dag_id)]) <= limit
    crowd.finish()
    let_pass(world, HOUR)
    made = dates(world)
    assert made[:4] == hours(-4, -3, -2, -1)
    assert made == [made[0] + number * HOUR for number in range(len(made))]
    assert made[-1] + 2 * HOUR > world.clock.now - timedelta(minutes=1)


# -- backfills ---------------------------------------------------------------------------------------


def wish(**fields: Any) -> BackfillRequest:
    usual: dict[str, Any] = {
        "dag_id": DAG.dag_id,
        "start_date": START - 5 * HOUR,
        "end_date": START - HOUR,
        "triggered_by": "ada",
    }
    return BackfillRequest(**(usual | fields))


def test_a_backfill_makes_the_runs_of_a_range_whatever_the_dates_of_the_dag() -> None:
    world = world_with(hourly(catchup=False))
    assert backfill.backfill(world.engine, wish(conf={"why": "new column"})) == START - 5 * HOUR
    world.drain()
    assert dates(world, DagRunType.BACKFILL) == hours(-5, -4, -3, -2, -1)
    run = world.store.dag_runs.get(DAG.dag_id, START - HOUR)
    assert run is not None
    assert (run.run_id, run.triggered_by) == ("backfill__2025-12-31T23:00:00+00:00", "ada")
    assert (run.data_interval_start, run.data_interval_end) == (START - HOUR, START)
    assert run.conf.text == '{"why": "new column"}'
    assert run.state.is_final


def test_a_backfill_leaves_runs_that_are_there_as_they_are() -> None:
    world = world_with(hourly(start_date=START - 3 * HOUR))
    tick_and_drain(world)
    before = {run.execution_date: run for run in world.store.dag_runs.list(DAG.dag_id)}
    for _ in range(2):
        backfill.backfill(world.engine, wish())
        world.drain()
    assert dates(world, DagRunType.BACKFILL) == hours(-5, -4)
    assert {date: world.store.dag_runs.get(DAG.dag_id, date) for date in before} == before


def test_a_backfill_does_not_ask_for_the_pause() -> None:
    world = world_with(hourly(), dag=ScriptedDag([Shape("a", behaviour="flaky", retries=1, pool="small")]))
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    backfill.backfill(world.engine, wish())
    world.settle(DAG.dag_id)
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))
    assert dates(world) == []


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_backfill_whose_messages_are_lost_goes_on_while_the_dag_is_paused(is_stopped: bool) -> None:
    world = world_with(hourly(), dag=SLOW)
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    backfill.backfill(world.engine, wish())
    deliver_one(world, BackfillDag)
    world.queue.waiting.clear()
    if is_stopped:
        sweep.resume(world.engine)
        world.drain()
    else:
        let_pass(world, timedelta(minutes=5))
    assert [run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id)] == [True] * 5


def test_a_long_backfill_goes_in_portions_and_each_is_safe_to_repeat() -> None:
    world = world_with(hourly())
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    count = 2 * backfill.PORTION + 1
    backfill.backfill(world.engine, wish(start_date=START - count * HOUR))
    messages = 0
    while is_visible(world, BackfillDag):
        deliver_one(world, BackfillDag, keep=messages % 2 == 0)
        messages += 1
        assert messages < 20
    assert dates(world, DagRunType.BACKFILL) == hours(*range(-count, 0))
    rest = [message for message in world.queue.sent if isinstance(message, BackfillDag)]
    assert {message.last for message in rest} > {None}


@pytest.mark.parametrize("call", range(30))
def test_a_backfill_that_dies_at_any_call_goes_on(call: int) -> None:
    world = world_with(hourly())
    backfill.backfill(world.engine, wish())
    world.faults.arm(call, Killed, takes_effect=call % 2 == 0)
    deliver_one(world, BackfillDag)
    let_pass(world, timedelta(minutes=2))
    assert dates(world, DagRunType.BACKFILL) == hours(-5, -4, -3, -2, -1)
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))


def test_a_backfill_of_a_deleted_dag_makes_nothing() -> None:
    world = world_with(hourly())
    backfill.backfill(world.engine, wish())
    world.store.dags.mark_deleted(DAG.dag_id)
    world.drain()
    assert [*world.store.dag_runs.list(DAG.dag_id)] == []


def test_the_previous_successful_run_is_the_last_one_before() -> None:
    from chalicelib.engine.lookup import previous_success

    world = world_with(hourly(), dag=SLOW)
    let_pass(world, 2 * HOUR)
    first, second = world.store.dag_runs.list(DAG.dag_id)
    assert previous_success(world.engine, second.ref) == first
    assert previous_success(world.engine, first.ref) is None
    assert_unseen(world, second)


def assert_unseen(world: World, run: DagRun) -> None:
    """A run of an earlier life is not found."""
    from chalicelib.engine.lookup import previous_success

    assert previous_success(world.engine, replace(run.ref, generation=2)) is None


def test_a_dag_without_a_schedule_plans_nothing() -> None:
    world = world_with(Schedule())
    found: Dag = dag_of(world, DAG)
    assert (found.next_run, found.schedule.is_automatic) == (None, False)
    sent = len(world.queue.sent)
    set_paused(world.engine, DAG.dag_id, paused=False, changed_by="ada")
    assert len(world.queue.sent) == sent + 1
