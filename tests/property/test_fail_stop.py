"""``fail_stop``: what a failed task leaves of its run, under faults and in every order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import Expansion, Length, Literal, MappedGroup, OutputOf
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marking import MarkRequest, mark_tasks
from chalicelib.engine.tasks import fail_stop, owed_callbacks
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.queue import InFlight
from chalicelib.simulation.world import World
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import (
    TEARDOWN,
    assert_nothing_is_held,
    final_states,
    item_of,
    run_state,
    run_to_the_end,
    start,
    with_tries_to_spare,
    world_of,
)

FAILED = TaskInstanceState.FAILED


def sleeper(task_id: str, upstream: tuple[str, ...] = ()) -> Shape:
    """Runs for an hour in mode ``poke``."""
    return Shape(task_id, upstream, mode="poke", pokes=1, poke_interval=3600)


def stopping(*shapes: Shape) -> tuple[World, ScriptedDag, DagRun]:
    """A run of a DAG with ``fail_stop``, whose messages were handled as far as they go."""
    dag = ScriptedDag(list(shapes), fail_stop=True)
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    return world, dag, run


def test_a_failed_task_stops_what_runs_and_skips_what_has_not_begun() -> None:
    world, dag, run = stopping(
        sleeper("slow"), Shape("bad", behaviour="fail"), Shape("b", ("bad",)), Shape("s", ("slow",))
    )
    assert final_states(world, dag, run) == {
        "slow": "failed",
        "bad": "failed",
        "b": "skipped",
        "s": "skipped",
    }
    assert item_of(world, run, "slow").reason == "bad failed, and its DAG is to stop then (fail_stop)"
    assert run_state(world, dag) is DagRunState.SUCCESS  # for its leaves are skipped
    assert_nothing_is_held(world)


def test_a_task_with_tries_left_stops_nothing() -> None:
    world, dag, run = stopping(
        Shape("bad", behaviour="flaky", retries=1, retry_delay=60), Shape("b", ("bad",)), Shape("c")
    )
    world.settle(dag.dag_id)
    assert set(final_states(world, dag, run).values()) == {"success"}


@pytest.mark.parametrize("mode", ["reschedule", "poke"])
def test_what_waits_between_two_tries_or_pokes_is_stopped(mode: str) -> None:
    world, dag, run = stopping(
        replace(sleeper("sensor"), mode=mode),
        Shape("retried", behaviour="flaky", retries=1, retry_delay=3600),
        Shape("first", mode="reschedule", pokes=1, poke_interval=60),
        Shape("bad", ("first",), behaviour="fail"),
    )
    world.advance(timedelta(minutes=1))
    world.drain()
    assert final_states(world, dag, run) == {
        "sensor": "failed" if mode == "poke" else "skipped",
        "retried": "skipped",
        "first": "success",
        "bad": "failed",
    }
    world.advance(timedelta(hours=1))
    world.drain()
    assert run_state(world, dag) is DagRunState.FAILED  # ``bad`` is a leaf
    assert_nothing_is_held(world)


def test_teardowns_run_and_setups_that_have_not_begun_are_skipped() -> None:
    world, dag, run = stopping(
        Shape("setup", role="setup"),
        Shape("late", ("setup",), role="setup"),
        Shape("bad", ("setup",), behaviour="fail"),
        Shape("work", ("late",)),
        Shape("teardown", ("setup", "bad"), role="teardown", rule=TEARDOWN),
        Shape("idle", ("late", "work"), role="teardown", rule=TEARDOWN),
    )
    found = final_states(world, dag, run)
    assert found.pop("late") in ("success", "skipped")
    assert found.pop("idle") in ("success", "skipped")
    assert found == {"setup": "success", "bad": "failed", "work": "skipped", "teardown": "success"}


def test_a_task_that_was_marked_failed_stops_nothing() -> None:
    world, dag, run = stopping(sleeper("slow"), sleeper("bad"), Shape("s", ("slow",)))
    mark_tasks(
        world.engine,
        MarkRequest(
            dag_id=dag.dag_id,
            execution_date=run.execution_date,
            choice=Choice(task_ids=("bad",)),
            state=FAILED,
        ),
    )
    world.settle(dag.dag_id)
    assert final_states(world, dag, run) == {"slow": "success", "bad": "failed", "s": "success"}


def test_what_was_stopped_may_be_cleared_and_is_not_stopped_again() -> None:
    world, dag, run = stopping(sleeper("slow"), Shape("bad", behaviour="fail"), Shape("s", ("slow",)))
    clear_tasks(
        world.engine,
        ClearRequest(
            dag_id=dag.dag_id,
            execution_date=run.execution_date,
            choice=Choice(task_ids=("slow",), downstream=True),
        ),
    )
    for message in list(world.queue.sent):
        world.handle(message)  # each comes a second time, that of the failed try, too
    world.settle(dag.dag_id)
    assert final_states(world, dag, run) == {"slow": "success", "bad": "failed", "s": "success"}


@pytest.mark.parametrize("length", [Literal(count=3), OutputOf(task_id="list")])
def test_instances_are_stopped_but_those_of_the_failed_task_go_on(length: Length) -> None:
    over = Expansion(own=length)
    world, dag, run = stopping(
        Shape("list", returns=3),
        sleeper("slow", ("list",)),
        replace(sleeper("other", ("list",)), expansion=over),
        replace(sleeper("bad", ("list",)), expansion=over, by_index=("fail",)),
        Shape("after", ("bad",), expansion=over),
        Shape("last", ("after",)),
    )
    world.advance(timedelta(hours=1))
    while states_of(world, dag, run, "bad")[0] != "failed":
        world.deliver(message_for(world, "bad"))
    world.drain()
    found = {name: states_of(world, dag, run, name) for name in dag.graph.tasks}
    assert found["list"] == ["success"]
    assert found["bad"] == ["failed", "success", "success"]
    assert set(found["slow"] + found["other"]) == {"failed"}
    assert set(found["after"] + found["last"]) == {"skipped"}
    assert run_state(world, dag) is DagRunState.FAILED  # ``slow`` and ``other`` are leaves
    assert_nothing_is_held(world)


def test_a_run_does_not_end_before_the_other_instances_of_its_failed_task() -> None:
    over = Expansion(groups=(MappedGroup(group_id="g", length=Literal(count=2)),))
    world, dag, run = stopping(
        Shape("bad", mode="reschedule", pokes=1, poke_interval=60, by_index=("fail", "ok"), expansion=over),
        Shape("after", ("bad",), expansion=over),
    )
    world.advance(timedelta(minutes=1))
    while states_of(world, dag, run, "bad")[0] != "failed":
        world.deliver(message_for(world, "bad"))
    assert states_of(world, dag, run, "after") == ["skipped", "skipped"]
    assert run_state(world, dag) is DagRunState.RUNNING
    world.drain()
    assert states_of(world, dag, run, "bad") == ["failed", "success"]
    assert run_state(world, dag) is DagRunState.SUCCESS


def states_of(world: World, dag: ScriptedDag, run: DagRun, task_id: str) -> list[str | None]:
    items = world.engine.items(run.run_uid).instances_of(dag.graph.tasks[task_id])
    return [item.state for item in items]


def message_for(world: World, task_id: str) -> InFlight:
    """The first visible message of a task, the one of its first instance if there is one."""
    visible = [entry for entry in world.queue.visible() if f'"{task_id}"' in entry.message]
    return min(visible, key=lambda entry: '"map_index": 0' not in entry.message)


def test_a_long_run_is_stopped_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fail_stop, "PORTION", 7)
    many = [Shape(f"t{n}", ("bad",) if n % 2 else (f"t{n - 1}",) if n else ()) for n in range(40)]
    world, dag, run = stopping(sleeper("t"), Shape("bad", behaviour="fail"), *many)
    found = final_states(world, dag, run)
    assert found.pop("bad") == "failed"
    assert found.pop("t") == "failed"
    assert found.pop("t0") in ("success", "skipped", "failed")
    assert set(found.values()) == {"skipped"}
    assert not list(world.store.dag_runs.unfinished(dag.dag_id))


@st.composite
def stopping_shapes(draw: st.DrawFn) -> list[Shape]:
    """DAGs that Airflow takes with ``fail_stop``: ``all_success``, setups and teardowns."""
    made: list[Shape] = []
    for number in range(draw(st.integers(2, 8))):
        names = [shape.task_id for shape in made if shape.role != "teardown"]
        upstream = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        role = draw(st.sampled_from(["work", "work", "work", "setup", "teardown"]))
        setups = [shape.task_id for shape in made if shape.role == "setup"]
        if role == "teardown" and setups:
            upstream = [*upstream, draw(st.sampled_from(setups))]
        shape = Shape(
            f"t{number}",
            tuple(sorted(set(upstream))),
            rule=TEARDOWN if role == "teardown" else "all_success",
            role=role,
            behaviour=draw(st.sampled_from(["ok", "ok", "ok", "fail", "skip", "flaky"])),
            is_empty=role == "work" and draw(st.booleans()) and draw(st.booleans()),
            retry_delay=draw(st.sampled_from([0.0, 600.0])),
            mode=draw(st.sampled_from([None, None, "poke", "reschedule"])),
            pokes=1,
            poke_interval=draw(st.sampled_from([5.0, 1200.0])),
        )
        made.append(with_tries_to_spare(shape))
    return made


@given(
    stopping_shapes(),
    st.sampled_from([0.0, 0.02, 0.1]),
    st.sampled_from([2, 100]),
    st.integers(),
)
@examples(150)
def test_a_run_that_stops_ends_and_nothing_begins_after_the_failure(
    made: list[Shape], faults: float, portion: int, seed: int
) -> None:
    dag = ScriptedDag(made, fail_stop=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fail_stop, "PORTION", portion)
        crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults)
        world = crowd.world
        run = start(world, dag)
        world.stall = lambda request: check_that_it_may_run(world, dag, request)  # type: ignore[attr-defined]
        run_to_the_end(crowd)
    assert_stopped(world, dag, run)
    assert_nothing_is_held(world)


def check_that_it_may_run(world: World, dag: ScriptedDag, request: TryRequest) -> None:
    """Once a failed task has told of its end, user code runs only of teardowns, or under a lost lease."""
    engine = world.engine
    items = [item for _, item in world.store.task_instances.list(request.run_uid)]
    told = [
        item
        for item in items
        if item.task_id in dag.graph.tasks
        and item.state is FAILED
        and item.lease_token is not None
        and owed_callbacks.has_told(replace(engine, store=world.store), dag.graph, item)
    ]
    own = next(item for item in items if item.task_id == request.task_id)
    is_stopped = own.state is not TaskInstanceState.RUNNING or own.try_number != request.try_number
    assert not told or is_stopped or dag.graph.tasks[request.task_id].is_teardown


def assert_stopped(world: World, dag: ScriptedDag, run: DagRun) -> None:
    assert run_state(world, dag).is_final
    items = {name: item_of(world, run, name) for name in dag.graph.tasks}
    stopped_by = [item for item in items.values() if item.state is FAILED and item.lease_token is not None]
    for name, item in items.items():
        task = dag.graph.tasks[name]
        assert item.state is not None
        assert item.state.is_final
        if stopped_by and not task.is_teardown:
            assert item.state is not TaskInstanceState.UPSTREAM_FAILED
        if task.is_teardown:
            setups = [items[up] for up in task.upstream if dag.graph.tasks[up].is_setup]
            if any(setup.state is TaskInstanceState.SUCCESS for setup in setups):
                assert item.lease_token is not None, f"teardown {name} did not run"
