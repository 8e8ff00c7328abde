"""Runs that a timetable of the user's own plans: each once, whatever happens to questions and answers."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import InferInterval, PlanNextRun, ScheduleDag, StartRun
from chalicelib.domain.runs.dag_runs import DagRunType
from chalicelib.domain.schedule.custom import (
    ASK_AGAIN,
    QuestionKind,
    TimetableAnswer,
    TimetableQuestion,
)
from chalicelib.domain.schedule.timetables import CUSTOM, DataInterval, Schedule
from chalicelib.domain.states import DagRunState
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.schedule.backfill import BackfillRequest, backfill
from chalicelib.engine.schedule.clock import coming_run, schedule_dag
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.engine.worker.timetables import ask_timetable
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import World
from tests.property.test_schedules import (
    DAG,
    HOUR,
    SLOW,
    START,
    dates,
    deliver_one,
    deploy,
    hours,
    is_visible,
    let_pass,
    tick_and_drain,
    world_with,
)
from tests.scripted.dags import ScriptedDag
from tests.scripted.every_hour import EveryHour, run_of
from tests.scripted.scenarios import dag_of, step_with_faults, wait_until_back


def custom(**fields: Any) -> Schedule:
    usual: dict[str, Any] = {"expression": CUSTOM, "is_custom": True, "start_date": START}
    return Schedule(**(usual | fields))


def world_by(timetable: EveryHour, seed: int = 1, dag: ScriptedDag = DAG, **fields: Any) -> World:
    world = world_with(custom(**fields), seed, dag)
    world.ask_timetable = timetable
    return world


def deploy_again(world: World, limit: int) -> None:
    """A sync, which may die, too."""
    with suppress(Killed):
        deploy(world, custom(max_active_runs=limit), SLOW)


def test_a_run_is_made_when_its_timetable_says_so_and_under_its_id() -> None:
    timetable = EveryHour(START)
    world = world_by(timetable)
    world.drain()
    dag = dag_of(world, DAG)
    assert (dag.next_run, coming_run(world.engine, dag)) == (run_of(START), run_of(START))
    let_pass(world, HOUR + timedelta(minutes=9))
    assert dates(world) == []
    let_pass(world, timedelta(minutes=1))
    (run,) = world.store.dag_runs.list(DAG.dag_id)
    assert (run.run_id, run.run_type) == ("own__01T00:00", DagRunType.SCHEDULED)
    assert (run.data_interval_start, run.data_interval_end) == (START, START + HOUR)
    assert dag_of(world, DAG).last_interval == DataInterval(start=START, end=START + HOUR)
    assert [question.last for question in timetable.asked] == [
        None,
        DataInterval(start=START, end=START + HOUR),
    ]
    let_pass(world, 2 * HOUR, timedelta(minutes=10))
    assert dates(world) == hours(0, 1, 2)
    assert len(timetable.asked) == 4, "once for each run"


def test_what_has_passed_is_caught_up_with_as_far_as_may_be_active() -> None:
    world = world_by(EveryHour(START - 5 * HOUR), dag=SLOW, max_active_runs=2)
    let_pass(world, timedelta(minutes=20))
    assert dates(world) == hours(-5, -4, -3, -2, -1)


@pytest.mark.parametrize("error", ["ValueError: no", ""])
def test_a_timetable_that_fails_or_has_no_run_is_asked_again(error: str) -> None:
    timetable = EveryHour(START - 2 * HOUR)
    timetable.error, timetable.is_over = error, not error
    world = world_by(timetable)
    world.drain()
    dag = dag_of(world, DAG)
    assert (dag.next_run, dag.planning_error) == (None, error or None)
    let_pass(world, ASK_AGAIN * 3)
    assert (len(timetable.asked), dates(world)) == (4, [])
    timetable.error, timetable.is_over = "", False
    let_pass(world, ASK_AGAIN)
    assert dates(world)[:1] == hours(-2)
    assert dag_of(world, DAG).planning_error is None


def test_a_paused_dag_does_not_ask() -> None:
    timetable = EveryHour(START - 2 * HOUR)
    timetable.is_over = True
    world = world_by(timetable)
    world.drain()
    set_paused(world.engine, DAG.dag_id, paused=True, changed_by="ada")
    let_pass(world, HOUR)
    assert len(timetable.asked) == 1
    timetable.is_over = False
    set_paused(world.engine, DAG.dag_id, paused=False, changed_by="ada")
    world.drain()
    assert dates(world)[:1] == hours(-2)


def test_a_run_whose_id_is_taken_is_not_made_and_said() -> None:
    world = world_by(EveryHour(START - 2 * HOUR), dag=SLOW)
    create_run(
        world.engine,
        RunRequest(
            dag_id=DAG.dag_id,
            execution_date=START - 9 * HOUR,
            run_id="own__31T22:00",
            triggered_by="ada",
        ),
    )
    let_pass(world, timedelta(minutes=20))
    assert dates(world) == []
    assert "own__31T22:00 is not made" in (dag_of(world, DAG).planning_error or "")


def test_a_run_that_is_there_by_hand_is_passed_over_as_in_airflow() -> None:
    world = world_by(EveryHour(START - 2 * HOUR), dag=SLOW)
    create_run(
        world.engine,
        RunRequest(dag_id=DAG.dag_id, execution_date=START - 2 * HOUR, run_id="mine", triggered_by="ada"),
    )
    let_pass(world, timedelta(minutes=20))
    assert dates(world) == hours(-1)


def test_without_catchup_a_dag_that_is_full_asks_now_and_then() -> None:
    timetable = EveryHour(START - 2 * HOUR)
    world = world_by(timetable, dag=SLOW, catchup=False, max_active_runs=1)
    create_run(world.engine, RunRequest(dag_id=DAG.dag_id, execution_date=START, triggered_by="ada"))
    world.queue.waiting[:] = [each for each in world.queue.waiting if "start_run" not in each.message]
    for _ in range(60):
        world.advance(timedelta(minutes=1))
        world.tick()
        for _ in range(20):
            if is_visible(world, PlanNextRun):
                deliver_one(world, PlanNextRun)
            if is_visible(world, ScheduleDag):
                deliver_one(world, ScheduleDag)
    assert dates(world) == []
    assert 10 < len(timetable.asked) <= 31
    world.drain()
    let_pass(world, timedelta(minutes=15))
    assert dates(world)[:1] == hours(-2)


def test_questions_that_come_too_late_are_answered_all_the_same() -> None:
    world = world_by(EveryHour(START - 2 * HOUR), dag=SLOW)
    for _ in range(3):
        world.advance(timedelta(minutes=3))
        world.tick()
        while is_visible(world, ScheduleDag):
            deliver_one(world, ScheduleDag)
    deliver_one(world, PlanNextRun)
    assert dag_of(world, DAG).next_run == run_of(START - 2 * HOUR)


def test_a_date_that_another_run_has_taken_is_passed_over() -> None:
    """As in Airflow: whoever made that run, no other is made at its date, and the schedule goes on."""
    world = world_by(EveryHour(START - 3 * HOUR), dag=SLOW)
    for date, run_type in ((START - 3 * HOUR, DagRunType.BACKFILL), (START - 2 * HOUR, DagRunType.MANUAL)):
        request = RunRequest(dag_id=DAG.dag_id, execution_date=date, run_type=run_type, triggered_by="ada")
        create_run(world.engine, request)
    let_pass(world, timedelta(minutes=20))
    assert dates(world) == hours(-1)
    assert dag_of(world, DAG).planning_error is None


def test_a_timetable_that_names_one_run_for_ever_keeps_nobody_busy() -> None:
    world = world_by(EveryHour(START))
    stuck = run_of(START - 2 * HOUR)
    asked: list[TimetableQuestion] = []

    def ask(question: TimetableQuestion) -> TimetableAnswer:
        asked.append(question)
        return TimetableAnswer(runs=(stuck,))

    world.ask_timetable = ask
    let_pass(world, HOUR)
    assert dates(world) == hours(-2)
    assert len(asked) <= 35


def test_another_schedule_ends_the_asking() -> None:
    timetable = EveryHour(START)
    timetable.is_over = True
    world = world_by(timetable)
    world.drain()
    deploy(world, Schedule(), version="v2")
    dag = dag_of(world, DAG)
    assert (dag.next_run, dag.ask_at) == (None, None)
    deploy(world, Schedule(expression="@hourly", start_date=START), version="v3")
    let_pass(world, HOUR)
    assert dates(world) == hours(0)
    assert len(timetable.asked) == 1


def test_a_question_that_comes_twice_or_late_changes_nothing() -> None:
    timetable = EveryHour(START)
    world = world_by(timetable)
    deliver_one(world, PlanNextRun, keep=True)
    planned = dag_of(world, DAG)
    deliver_one(world, PlanNextRun)
    assert dag_of(world, DAG) == planned
    assert len(timetable.asked) == 1


def test_a_deleted_dag_comes_back_with_a_plan() -> None:
    world = world_by(EveryHour(START), dag=SLOW)
    tick_and_drain(world)
    delete_dag(world.engine, DAG.dag_id)
    world.drain()
    let_pass(world, timedelta(minutes=1))
    wait_until_back(world, DAG)
    world.drain()
    assert dag_of(world, DAG).next_run == run_of(START)


# -- runs by hand ------------------------------------------------------------------------------------


def by_hand(world: World) -> None:
    create_run(world.engine, RunRequest(dag_id=DAG.dag_id, execution_date=START, triggered_by="ada"))


def test_a_run_by_hand_gets_its_data_interval_before_it_starts() -> None:
    world = world_by(EveryHour(START), dag=SLOW)
    by_hand(world)
    deliver_one(world, StartRun)
    (run,) = world.store.dag_runs.list(DAG.dag_id)
    assert (run.is_interval_owed, run.state) == (True, DagRunState.QUEUED)
    deliver_one(world, InferInterval, keep=True)
    world.drain()
    (run,) = world.store.dag_runs.list(DAG.dag_id)
    assert (run.data_interval_start, run.data_interval_end) == (START - HOUR, START)
    assert (run.is_interval_owed, run.state) == (False, DagRunState.SUCCESS)


def test_a_run_by_hand_without_a_data_interval_fails_and_says_why() -> None:
    timetable = EveryHour(START)
    timetable.error = "NotImplementedError"
    world = world_by(timetable, dag=SLOW)
    by_hand(world)
    world.drain()
    (run,) = world.store.dag_runs.list(DAG.dag_id)
    assert run.state is DagRunState.FAILED
    assert run.reason == "its timetable gives it no data interval: NotImplementedError"


def test_a_question_that_came_twice_fails_no_run_that_has_its_data_interval() -> None:
    """The sweep asks again while a slow answer is on its way; the second answer may fail."""
    world = world_by(EveryHour(START), dag=SLOW)
    by_hand(world)
    deliver_one(world, StartRun)
    (asked,) = [sent for sent in world.queue.sent if isinstance(sent, InferInterval)]

    def answers_late(question: TimetableQuestion) -> TimetableAnswer:
        ask_timetable(world.engine, asked, EveryHour(START))
        return TimetableAnswer(error="its process was stopped")

    ask_timetable(world.engine, asked, answers_late)
    world.ask_timetable = EveryHour(START)
    world.drain()
    (run,) = world.store.dag_runs.list(DAG.dag_id)
    assert (run.data_interval_start, run.state) == (START - HOUR, DagRunState.SUCCESS)


def test_a_backfill_whose_timetable_fails_goes_on_when_it_answers_again() -> None:
    timetable = EveryHour(START + 5 * HOUR)
    world = world_by(timetable)
    wish = BackfillRequest(
        dag_id=DAG.dag_id,
        start_date=START - 3 * HOUR,
        end_date=START - HOUR,
        triggered_by="ada",
        dates=tuple(hours(-3, -2, -1)),
    )
    backfill(world.engine, wish)
    timetable.error = "its process was stopped"
    let_pass(world, ASK_AGAIN * 2)
    assert len([each for each in timetable.asked if each.kind is QuestionKind.RANGE]) <= 4
    timetable.error = ""
    let_pass(world, ASK_AGAIN * 2)
    assert dates(world, DagRunType.BACKFILL) == hours(-3, -2, -1)


def test_a_backfill_goes_by_the_timetable() -> None:
    world = world_by(EveryHour(START + 5 * HOUR))
    wish = BackfillRequest(
        dag_id=DAG.dag_id,
        start_date=START - 60 * HOUR,
        end_date=START - HOUR,
        triggered_by="ada",
        dates=tuple(hours(*range(-60, 0))),
    )
    assert backfill(world.engine, wish) == START - 60 * HOUR
    world.drain()
    made = dates(world, DagRunType.BACKFILL)
    assert made == hours(*range(-60, 0))
    assert all(run.run_id.startswith("own__") for run in world.store.dag_runs.list(DAG.dag_id))


# -- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(8))
def test_a_handler_that_dies_at_any_call_loses_and_doubles_nothing(
    error: type[BaseException], takes_effect: bool, call: int
) -> None:
    world = world_by(EveryHour(START - 3 * HOUR))
    world.drain()
    world.advance(timedelta(minutes=1))
    world.faults.arm(call, error, takes_effect=takes_effect)
    with suppress(Killed, StoreUnavailable):
        schedule_dag(world.engine, ScheduleDag(dag_id=DAG.dag_id))
    world.faults.disarm()
    let_pass(world, timedelta(minutes=15))
    assert dates(world) == hours(-3, -2, -1)
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))


@given(st.integers(), st.sampled_from([1, 3, 16]), st.lists(st.sampled_from([0, 1, 7, 61, 130]), max_size=10))
def test_each_run_is_made_once_whatever_happens(seed: int, limit: int, minutes: list[int]) -> None:
    """As for other schedules; besides, answers fail, and the DAG is deployed again."""
    timetable = EveryHour(START - 2 * HOUR)
    world = world_by(timetable, seed, SLOW, max_active_runs=limit)
    for time in minutes:
        world.advance(timedelta(minutes=time))
        timetable.error = "no" if world.choose.random() < 0.2 else ""
        if world.choose.random() < 0.5:
            world.faults.arm(world.choose.randrange(6), Killed, takes_effect=world.choose.random() < 0.5)
        for _ in range(world.choose.randrange(3)):
            world.tick()
        if world.choose.random() < 0.2:
            deploy_again(world, limit)
        for _ in range(world.choose.randrange(12)):
            step_with_faults(world)
        assert len([*world.store.dag_runs.unfinished(DAG.dag_id)]) <= limit
    timetable.error = ""
    world.faults.disarm()
    let_pass(world, timedelta(minutes=60))
    let_pass(world, 4 * HOUR, timedelta(minutes=10))
    due = int((world.clock.now - START - timedelta(minutes=10)) / HOUR)
    assert dates(world) == hours(*range(-2, due))
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))


@given(st.integers(), st.sampled_from([1, 2, 16]))
def test_handlers_at_the_same_time_make_each_run_once(seed: int, limit: int) -> None:
    world = world_by(EveryHour(START - 4 * HOUR), seed, SLOW, max_active_runs=limit)
    by_hand(world)
    crowd = Crowd(world, SLOW.graph, faults=world.choose.choice([0.0, 0.05]))
    world.tick()
    world.tick()
    for _ in range(150):
        crowd.step()
    crowd.finish()
    let_pass(world, 2 * HOUR, timedelta(minutes=1))
    made = [date for date in dates(world) if date != START]
    assert made[:4] == hours(-4, -3, -2, -1)
    assert all(run.state.is_final for run in world.store.dag_runs.list(DAG.dag_id))
