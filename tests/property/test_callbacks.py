"""Callbacks are called at least once per end that somebody wants to be told of, and for no other end."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.callbacks import CallbackKind, due_of_task
from chalicelib.domain.graph.expansion import Expansion, Length, Literal, MappedGroup, OutputOf
from chalicelib.domain.messages import Outgoing, RunCallback, RunTask
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState
from chalicelib.domain.tasks.notes import SKIP_ORDER
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.world import LEASE, World
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import assert_ended_as_airflow_may, assert_ended_as_usual
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    deliver_until_the_fault_has_come,
    run_to_the_end,
    shapes,
    start,
    step_with_faults,
    with_tries_to_spare,
    world_of,
)
from tests.scripted.world import ScriptedWorld

KINDS = ("on_failure_callback", "on_retry_callback", "on_skipped_callback", "on_success_callback")
OF_STATE = {
    "failed": "on_failure_callback",
    "up_for_retry": "on_retry_callback",
    "skipped": "on_skipped_callback",
    "success": "on_success_callback",
}
OF_DAG = {DagRunState.FAILED: "on_failure_callback", DagRunState.SUCCESS: "on_success_callback"}

OF_FAILED_TRIES = frozenset({"on_failure_callback", "on_retry_callback"})

kinds = st.lists(st.sampled_from(KINDS), unique=True).map(tuple)


@st.composite
def dags(draw: st.DrawFn) -> ScriptedDag:
    made = []
    for shape in draw(shapes()):
        wanted = draw(kinds)
        is_empty = shape.is_empty and "on_success_callback" not in wanted  # such a task goes to a worker
        made.append(replace(with_tries_to_spare(shape), callbacks=wanted, is_empty=is_empty))
    return ScriptedDag(made, callbacks=tuple(sorted({*draw(kinds)} & {*OF_DAG.values()})))


def owed(world: World, dag: ScriptedDag) -> set[tuple[str, int, str]]:
    """The calls that the ends which were written are owed."""
    wanted = {shape.task_id: due_of_task(map(CallbackKind, shape.callbacks)) for shape in dag.shapes}
    calls = {
        (task_id, number, OF_STATE[state])
        for task_id, number, state in world.moves.ends
        if OF_STATE.get(state) in wanted[task_id]
    }
    run = world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE)
    assert run is not None
    of_dag = OF_DAG[run.state]
    return calls | {("", 0, of_dag)} if of_dag in dag.callbacks else calls


def assert_called_back(world: ScriptedWorld, dag: ScriptedDag, run: DagRun) -> None:
    """Each end called back; but a try that fails after an order to be skipped is skipped, and calls none."""
    wanted, called = owed(world, dag), set(world.calls)
    ordered = {item.task_id for item in world.engine.items(run.run_uid).begun() if item.notes.get(SKIP_ORDER)}
    spared = {call for call in wanted if call[0] in ordered and call[2] in OF_FAILED_TRIES}
    assert wanted - spared <= called <= wanted


@given(dags(), st.integers())
def test_each_end_calls_back_exactly_once_where_nothing_goes_wrong(dag: ScriptedDag, seed: int) -> None:
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, run)
    assert_called_back(world, dag, run)
    assert len(world.calls) == len(set(world.calls))


@given(dags(), st.integers())
def test_no_call_is_lost_to_crashes_duplicates_and_delays(dag: ScriptedDag, seed: int) -> None:
    world = world_of(dag, seed)
    run = start(world, dag)
    for _ in range(120):
        step_with_faults(world)
    world.settle(dag.dag_id)
    assert_ended_as_airflow_may(world, dag, run)
    assert_called_back(world, dag, run)


@given(dags(), st.sampled_from([0.0, 0.02, 0.1]), st.booleans(), st.integers())
@examples(60)
def test_no_call_is_lost_where_handlers_meet(
    dag: ScriptedDag, faults: float, pausing: bool, seed: int
) -> None:
    world = world_of(dag, seed)
    crowd = Crowd(world, dag.graph, faults=faults, pausing=pausing)
    run = start(world, dag)
    run_to_the_end(crowd)
    assert_ended_as_airflow_may(world, dag, run)
    assert_called_back(world, dag, run)


@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(40))
def test_a_crash_at_any_call_loses_no_callback(
    error: type[BaseException], takes_effect: bool, call: int
) -> None:
    dag = ScriptedDag(
        [
            Shape("flaky", behaviour="flaky", retries=9, retry_delay=60.0, callbacks=KINDS),
            Shape("skipping", ("flaky",), behaviour="skip", retries=9, callbacks=KINDS),
            Shape("bad", ("flaky",), behaviour="fail for good", callbacks=KINDS),
        ],
        callbacks=("on_failure_callback",),
    )
    world = world_of(dag, 1)
    run = start(world, dag)
    world.faults.arm(call, error, takes_effect=takes_effect)
    deliver_until_the_fault_has_come(world)
    world.settle(dag.dag_id)
    assert_ended_as_usual(world, dag, run)
    assert set(world.calls) == owed(world, dag)


def in_groups(*lengths: Length) -> Expansion:
    groups = (MappedGroup(group_id=f"g{n}", length=length) for n, length in enumerate(lengths))
    return Expansion(groups=tuple(groups))


OVER_LIST = OutputOf(task_id="list")
EACH_OTHERWISE = ("fail for good", "skip", "ok", "flaky")
MAPPED = {
    "plain": [Shape("m", ("list",), expansion=Expansion(own=OVER_LIST))],
    "literal": [Shape("m", expansion=Expansion(own=Literal(count=4)))],
    "group": [
        Shape("m", ("list",), expansion=in_groups(OVER_LIST)),
        Shape("n", ("m", "list"), expansion=in_groups(OVER_LIST)),
    ],
    "inner group": [
        Shape("m", ("list",), expansion=in_groups(OVER_LIST)),
        Shape("n", ("m", "list"), expansion=in_groups(OVER_LIST, Literal(count=2))),
    ],
}


@pytest.mark.parametrize("kind", MAPPED)
@pytest.mark.parametrize("error", [Killed, StoreUnavailable])
@pytest.mark.parametrize("call", [None, *range(0, 60, 3)])
def test_each_instance_of_a_mapped_task_calls_back(
    kind: str, error: type[BaseException], call: int | None
) -> None:
    mapped, *after = MAPPED[kind]
    calling = replace(mapped, by_index=EACH_OTHERWISE, retries=9, callbacks=KINDS)
    shapes = [Shape("list", returns=4, retries=9), calling, *(replace(each, retries=9) for each in after)]
    dag = ScriptedDag(shapes, callbacks=("on_failure_callback", "on_success_callback"))
    world = world_of(dag, 1)
    run = start(world, dag)
    if call is not None:
        world.faults.arm(call, error, takes_effect=call % 2 == 0)
        deliver_until_the_fault_has_come(world)
    world.settle(dag.dag_id)
    of_tasks = [request.instances[-1].request for request in world.called if not request.of_dag]
    called = {(each.task_id, each.map_index) for each in of_tasks}
    assert called == {("m", index) for index in range(4)}
    kinds = {
        index: {
            str(request.kind)
            for request in world.called
            if not request.of_dag and request.instances[-1].request.map_index == index
        }
        for index in range(4)
    }
    assert "on_failure_callback" in kinds[0]
    assert "on_skipped_callback" in kinds[1]
    assert "on_success_callback" in kinds[2]
    assert {"on_retry_callback", "on_success_callback"} <= kinds[3]
    (of_dag, *_) = [request for request in world.called if request.of_dag]
    listed = [(each.request.task_id, each.request.map_index) for each in of_dag.instances]
    items = world.engine.items(run.run_uid)
    assert listed == [
        (item.task_id, item.map_index) for item in items.all_instances(dag.graph.tasks.values())
    ]
    assert {("m", index) for index in range(4)} <= set(listed)


def test_a_retry_whose_worker_died_before_it_called_back_is_made_good_by_the_sweep() -> None:
    dag = ScriptedDag([Shape("flaky", behaviour="flaky", retries=1, callbacks=KINDS)])
    world = world_of(dag, 1)
    start(world, dag)
    send = world.queue.send

    def die_after_this_try(_: TryRequest) -> None:
        world.queue.send = _dying  # type: ignore[method-assign]  # a death at this place

    world.stall = die_after_this_try
    while world.queue.send == send:
        world.deliver(world.queue.visible()[0])
    world.queue.send = send  # type: ignore[method-assign]  # and the next worker lives
    world.stall = lambda _: None
    world.queue.waiting.clear()  # the message of the try never comes again
    assert world.moves.ends == {("flaky", 1, "up_for_retry")}
    world.settle(dag.dag_id)
    assert world.calls == [
        ("flaky", 1, "on_retry_callback"),
        ("flaky", 2, "on_success_callback"),
    ]


def _dying(messages: Iterable[Outgoing]) -> NoReturn:
    raise Killed("before anything was sent")


def test_a_lost_worker_calls_back_too() -> None:
    dag = ScriptedDag([Shape("lost", callbacks=KINDS)], callbacks=("on_failure_callback",))
    world = world_of(dag, 1)
    start(world, dag)

    def die(_: TryRequest) -> None:
        raise Killed("out of memory")

    world.stall = die
    world.drain()
    world.queue.waiting.clear()
    world.advance(LEASE + timedelta(minutes=2))
    world.settle(dag.dag_id)
    assert world.calls == [("lost", 1, "on_failure_callback"), ("", 0, "on_failure_callback")]
    sent = [message for message in world.queue.sent if isinstance(message, RunCallback)]
    assert [message.reason for message in sent] == ["its worker is gone", "task_failure"]


def test_a_run_that_times_out_calls_its_dag_back_with_that_reason_and_its_tasks_not() -> None:
    dag = ScriptedDag(
        [Shape("done", callbacks=KINDS), Shape("waits", pool="nowhere", callbacks=KINDS)],
        callbacks=("on_failure_callback",),
        dagrun_timeout=timedelta(hours=1),
    )
    world = world_of(dag, 1)
    start(world, dag)
    world.drain()
    world.advance(timedelta(hours=2))
    world.settle(dag.dag_id)
    assert world.calls == [("done", 1, "on_success_callback"), ("", 0, "on_failure_callback")]
    sent = [message for message in world.queue.sent if isinstance(message, RunCallback)]
    assert [message.reason for message in sent] == ["", "timed_out"]


def test_what_ended_is_called_back_while_the_dag_is_paused() -> None:
    dag = ScriptedDag([Shape("a", callbacks=KINDS)], callbacks=("on_success_callback",))
    world = world_of(dag, 1)
    start(world, dag)
    world.stall = lambda _: set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    world.drain()
    assert world.calls == [("a", 1, "on_success_callback"), ("", 0, "on_success_callback")]


def test_duplicates_of_ended_tries_do_not_call_back_again() -> None:
    dag = ScriptedDag(
        [Shape("a", callbacks=KINDS), Shape("b", ("a",), callbacks=KINDS)], callbacks=("on_success_callback",)
    )
    world = world_of(dag, 1)
    start(world, dag)
    world.drain()
    calls = list(world.calls)
    world.advance(timedelta(seconds=1))
    for message in [message for message in world.queue.sent if isinstance(message, RunTask)]:
        world.handle(message)
    world.drain()
    assert world.calls == calls


def test_a_callback_whose_message_comes_again_is_called_again() -> None:
    dag = ScriptedDag([Shape("a", callbacks=KINDS)])
    world = world_of(dag, 1)
    start(world, dag)
    world.drain()
    for message in [message for message in world.queue.sent if isinstance(message, RunCallback)]:
        world.handle(message)
    assert world.calls == [("a", 1, "on_success_callback")] * 2


def test_the_successors_do_not_wait_for_a_callback_that_hangs() -> None:
    dag = ScriptedDag([Shape("a", callbacks=KINDS), Shape("b", ("a",))])
    world = world_of(dag, 1)
    run = start(world, dag)
    for _ in range(20):
        entries = [entry for entry in world.queue.visible() if "run_callback" not in entry.message]
        if entries:
            world.deliver(entries[0])
    assert_ended_as_usual(world, dag, run)
    assert world.calls == []
    world.drain()
    assert world.calls == [("a", 1, "on_success_callback")]
