"""Deferred tasks between their windows: nothing is lost, nothing goes on twice; time is virtual."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.messages import RunTask, RunTrigger
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.deferrals import TIMED_OUT, TRIGGER_FAILED, WindowOutcome, WindowRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.by_hand.marking import MarkRequest, mark_tasks
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.ports.worker import Invocation
from chalicelib.engine.reading.why import why_task
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.upkeep import sweep
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.engine.worker.windows import run_windows
from chalicelib.queues.messages import decode
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE, World
from tests.property.alterations import clear
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_usual
from tests.scripted.scenarios import assert_nothing_is_held, message, run_state, start, world_of
from tests.scripted.world import ScriptedWorld, outcome_of_window

WAITS = Shape("wait", defers=1, fires_after=900, looks_every=300, pool="own")


def deferred_world(shape: Shape = WAITS, **fields: object) -> tuple[ScriptedWorld, ScriptedDag, DagRun]:
    """A deferred task whose trigger has looked once, in a pool of one slot, and a task after it."""
    dag = ScriptedDag([shape, Shape("next", ("wait",))], **fields)  # type: ignore[arg-type]  # of one test each
    world = world_of(dag, 1)
    save_pool(world.engine, name="own", slots=1, description=None)
    run = start(world, dag)
    world.drain()
    return world, dag, run


def deferred_of(world: World, run: DagRun) -> TaskInstance:
    item = world.store.task_instances.get(run.run_uid, task_key("wait"))
    assert item is not None
    return item


def holders(world: World) -> set[str]:
    return {holder for shard in world.store.pools.shards("own") for holder in shard.holders}


def minutes(world: World, count: int, *, ticks: bool = True) -> None:
    for _ in range(count):
        world.advance(timedelta(minutes=1))
        if ticks:
            world.tick()
        world.drain()


def test_a_deferred_task_holds_nothing_and_keeps_what_it_goes_on_by() -> None:
    world, dag, run = deferred_world()
    item = deferred_of(world, run)
    assert (item.state, item.try_number, item.end_date) == (TaskInstanceState.DEFERRED, 1, None)
    assert item.deferral is not None
    assert item.is_between_windows
    assert item.deferral.classpath == "scripted.Trigger"
    assert item.deferral.due_at - item.deferral.created_at == timedelta(minutes=5)
    assert holders(world) == set()
    world.settle(dag.dag_id)
    ended = deferred_of(world, run)
    assert (ended.try_number, ended.start_date, ended.deferral) == (1, item.start_date, None)
    assert ended.duration == 900.0
    assert len(world.windows) == 4, "after 0, 5, 10 and 15 minutes"
    assert_ended_as_usual(world, dag, run)
    assert_nothing_is_held(world)


def test_windows_come_in_time_without_a_tick_however_long_the_sleep() -> None:
    for seconds in (60, 900, 901, 6 * 3600):
        world, dag, run = deferred_world(replace(WAITS, fires_after=seconds, looks_every=seconds))
        minutes(world, seconds // 60, ticks=False)
        world.advance(timedelta(seconds=2))
        world.drain()
        assert run_state(world, dag) is DagRunState.SUCCESS
        assert len(world.windows) == 2, "one that begins the sleep, one that finds it over"
        assert_ended_as_usual(world, dag, run)


def test_a_task_is_deferred_several_times_in_one_try() -> None:
    world, dag, run = deferred_world(replace(WAITS, defers=3, retries=1, behaviour="flaky"))
    world.settle(dag.dag_id)
    assert world.tries == [("wait", 1), ("wait", 2), ("next", 1)]
    assert len(world.resumed) == 6
    assert len(set(world.resumed)) == 6
    assert_ended_as_usual(world, dag, run)


def test_another_task_takes_the_slot_of_a_deferred_one_which_then_waits_for_it() -> None:
    other = Shape("other", pool="own", mode="poke", pokes=1, poke_interval=1800)
    dag = ScriptedDag([replace(WAITS, priority_weight=9), other])
    world = world_of(dag, 1)
    save_pool(world.engine, name="own", slots=1, description=None)
    run = start(world, dag)
    world.drain()
    assert world.tries == [("wait", 1), ("other", 1)]
    minutes(world, 20)
    assert deferred_of(world, run).state is TaskInstanceState.SCHEDULED
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2)])
@pytest.mark.parametrize("kind", ["broken", "times out"])
def test_a_deferral_that_fails_fails_its_try(kind: str, retries: int, tries: int) -> None:
    shape = replace(WAITS, retries=retries)
    shape = replace(shape, times_out_after=420) if kind == "times out" else replace(shape, fires="broken")
    world, dag, run = deferred_world(shape)
    world.settle(dag.dag_id)
    item = deferred_of(world, run)
    assert (item.state, item.try_number) == (TaskInstanceState.FAILED, tries)
    assert item.reason == (TIMED_OUT if kind == "times out" else TRIGGER_FAILED)
    assert item.duration == (420.0 if kind == "times out" else 900.0)
    assert run_state(world, dag) is DagRunState.FAILED


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_a_trigger_ends_its_task_for_good_without_a_worker(state: str) -> None:
    shape = replace(WAITS, fires=state, retries=3, callbacks=tuple(CallbackKind))
    world, dag, run = deferred_world(shape)
    world.settle(dag.dag_id)
    item = deferred_of(world, run)
    assert (item.state, item.try_number, item.duration) == (state, 1, 900.0)
    assert world.resumed == []
    expected = {"success": [CallbackKind.SUCCESS], "failed": [CallbackKind.FAILURE], "skipped": []}
    assert [kind for _, _, kind in world.calls] == expected[state]
    assert_nothing_is_held(world)


def test_a_lost_message_of_a_window_is_made_good_by_the_sweep() -> None:
    world, dag, run = deferred_world()
    for _ in range(4):
        world.queue.waiting.clear()
        minutes(world, 8)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert deferred_of(world, run).try_number == 1


def test_duplicates_run_no_window_twice_and_do_not_multiply() -> None:
    world, dag, run = deferred_world(replace(WAITS, fires_after=20 * 3600, looks_every=3600))
    for _ in range(20):
        world.advance(timedelta(minutes=60, seconds=1))
        for entry in list(world.queue.waiting):
            for _ in range(3):
                world.deliver(entry, keep=True)
        world.drain()
    world.settle(dag.dag_id)
    assert len(world.windows) == 21
    assert len([sent for sent in world.queue.sent if isinstance(sent, RunTrigger)]) < 20 * 16
    assert_ended_as_usual(world, dag, run)


def test_late_messages_of_earlier_windows_and_tries_change_nothing() -> None:
    world, dag, run = deferred_world()
    minutes(world, 6)
    before = deferred_of(world, run)
    assert before.deferral is not None
    world.advance(timedelta(seconds=60))
    for sent in list(world.queue.sent):
        if isinstance(sent, RunTask) or (
            isinstance(sent, RunTrigger) and sent.window < before.deferral.window
        ):
            world.handle(sent)
    assert deferred_of(world, run) == before
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


@pytest.mark.parametrize("calls", range(14))
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("fires", ["fired", "success"])
def test_a_window_survives_a_crash_at_any_call(
    fires: str, calls: int, takes_effect: bool, error: type[BaseException]
) -> None:
    world, dag, run = deferred_world(replace(WAITS, fires=fires, retries=3, fires_after=600))
    for _ in range(2):
        world.advance(timedelta(minutes=5))
        for entry in world.queue.visible():
            world.faults.arm(calls, error, takes_effect=takes_effect)
            world.deliver(entry)
    world.settle(dag.dag_id)
    assert deferred_of(world, run).state is TaskInstanceState.SUCCESS
    assert run_state(world, dag) is DagRunState.SUCCESS
    assert_nothing_is_held(world)


def test_a_window_whose_worker_dies_costs_no_try() -> None:
    world, dag, run = deferred_world(replace(WAITS, retries=0))
    entry = message(world, "run_trigger")
    world.advance(timedelta(minutes=5))
    world.faults.arm(2, Killed, takes_effect=False)  # after claim and DAG: before its end is written
    world.deliver(entry)
    world.queue.waiting.remove(entry)
    assert not deferred_of(world, run).is_between_windows
    minutes(world, LEASE // timedelta(minutes=1) + 3)
    world.settle(dag.dag_id)
    assert deferred_of(world, run).try_number == 1
    assert_ended_as_usual(world, dag, run)


def test_triggers_of_a_paused_dag_go_on_and_their_tasks_wait() -> None:
    world, dag, run = deferred_world()
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    world.queue.waiting.clear()
    minutes(world, 90)
    assert len(world.windows) == 4
    assert deferred_of(world, run).state is TaskInstanceState.SCHEDULED
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)


def test_a_stop_of_the_server_does_not_interrupt_a_deferred_task() -> None:
    world, dag, run = deferred_world()
    world.advance(timedelta(minutes=1))
    sweep.resume(world.engine)
    world.settle(dag.dag_id)
    assert deferred_of(world, run).try_number == 1
    assert_ended_as_usual(world, dag, run)


def test_a_deferred_task_ends_with_its_run_and_its_trigger_with_it() -> None:
    shape = replace(WAITS, fires_after=99 * 300)
    world, dag, run = deferred_world(shape, dagrun_timeout=timedelta(hours=1))
    minutes(world, 70)
    assert run_state(world, dag) is DagRunState.FAILED
    ended = deferred_of(world, run)
    assert (ended.state, ended.deferral) == (TaskInstanceState.SKIPPED, None)
    windows = len(world.windows)
    minutes(world, 30)
    assert len(world.windows) == windows
    assert not world.queue.waiting


def test_a_dag_with_a_deferred_task_can_be_deleted() -> None:
    world, dag, _ = deferred_world()
    delete_dag(world.engine, dag.dag_id)
    windows = len(world.windows)
    minutes(world, 60)
    assert holders(world) == set()
    assert len(world.windows) == windows


def test_a_failure_that_stops_its_run_skips_what_is_deferred() -> None:
    dag = ScriptedDag([WAITS, Shape("bad", behaviour="fail", mode="poke", pokes=1)], fail_stop=True)
    world = world_of(dag, 1)
    save_pool(world.engine, name="own", slots=1, description=None)
    run = start(world, dag)
    world.settle(dag.dag_id)
    assert deferred_of(world, run).state is TaskInstanceState.SKIPPED
    assert_nothing_is_held(world)


def test_why_tells_what_a_deferred_task_waits_for_and_until_when() -> None:
    world, dag, run = deferred_world(replace(WAITS, times_out_after=1000))
    (reason,) = [
        check.reason
        for check in why_task(world.engine, dag.dag_id, run.execution_date, "wait")
        if check.name == "Task Instance State"
    ]
    assert reason == (
        "it is deferred (waits for scripted.Trigger; which goes on at 2026-01-01T00:05:00+00:00; "
        "its time is over at 2026-01-01T00:16:40+00:00)"
    )


def test_what_a_window_writes_of_a_dag_that_was_deleted_meanwhile_is_removed() -> None:
    world, dag, run = deferred_world(replace(WAITS, fires="success", fires_after=300))
    entry = message(world, "run_trigger")
    world.queue.remove(entry)
    world.advance(timedelta(minutes=5))

    def is_deleted_and_pushes(request: WindowRequest) -> tuple[WindowOutcome, ...]:
        delete_dag(world.engine, dag.dag_id)
        world.drain()
        world.store.xcoms.push(run.run_uid, "wait", -1, "key", "1")
        return tuple(outcome_of_window(trigger, world.clock.now) for trigger in request.triggers)

    sent = decode(entry.message)
    assert isinstance(sent, RunTrigger)
    invocation = Invocation(
        token="late", ends_at=world.clock.now + LEASE, hostname="host", unixname="airflow", pid=1
    )
    assert run_windows(world.engine, [sent], lambda: invocation, is_deleted_and_pushes) == []
    minutes(world, 60)
    assert world.store.xcoms.pull(run.run_uid, "wait", -1, "key") is None
    assert world.store.task_instances.get(run.run_uid, task_key("wait")) is None


def test_a_deferred_task_that_is_cleared_begins_another_try_and_its_trigger_is_forgotten() -> None:
    world, dag, run = deferred_world()
    first = deferred_of(world, run).deferral
    assert clear(world, dag, "wait") == ["wait"]
    assert deferred_of(world, run).deferral is None
    world.drain()
    item = deferred_of(world, run)
    assert item.deferral is not None
    assert first is not None
    assert (item.state, item.try_number) == (TaskInstanceState.DEFERRED, 2)
    assert item.deferral.trigger_id != first.trigger_id
    world.settle(dag.dag_id)
    assert world.resumed == [(run.run_uid, item.deferral.trigger_id)]
    assert_ended_as_usual(world, dag, run)


@pytest.mark.parametrize("state", [TaskInstanceState.SUCCESS, TaskInstanceState.FAILED])
def test_a_deferred_task_may_be_marked(state: TaskInstanceState) -> None:
    world, dag, run = deferred_world()
    choice = Choice(task_ids=("wait",))
    date = run.execution_date
    mark_tasks(world.engine, MarkRequest(dag_id=dag.dag_id, execution_date=date, choice=choice, state=state))
    world.settle(dag.dag_id)
    item = deferred_of(world, run)
    assert (item.state, item.deferral, world.resumed) == (state, None, [])
    assert run_state(world, dag) == str(state)


def test_a_deferred_task_fails_when_its_run_is_cancelled_as_in_airflow() -> None:
    world, dag, run = deferred_world()
    cancel_run(world.engine, dag.dag_id, run.execution_date)
    world.settle(dag.dag_id)
    item = deferred_of(world, run)
    assert (item.state, item.deferral) == (TaskInstanceState.FAILED, None)
    assert world.resumed == []
    assert_nothing_is_held(world)
