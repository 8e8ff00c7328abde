"""``depends_on_past`` of mapped tasks: a later run waits for all instances of the one before."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import Expansion, Length, Literal, MappedGroup, OutputOf
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.graphs import graph_of_run
from chalicelib.simulation.world import World
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    disturb,
    start_runs,
    world_of,
)

OVER_OUTPUT = OutputOf(task_id="list")


def mapped(task_id: str, length: Length, *upstream: str, group: bool = False, **fields: object) -> Shape:
    expansion = (
        Expansion(groups=(MappedGroup(group_id="g", length=length),)) if group else Expansion(own=length)
    )
    shape = Shape(task_id, upstream, depends_on_past=True, retries=100, expansion=expansion)
    return replace(shape, **fields)  # type: ignore[arg-type]


def source(count: int) -> Shape:
    return Shape("list", returns=count, retries=100)


def shapes_of(kind: str, count: int, *, waits: bool) -> list[Shape]:
    """A DAG whose task ``a`` is mapped and depends on past, with a task ``b`` after it."""
    over = Literal(count=count) if "literal" in kind else OVER_OUTPUT
    before = [] if "literal" in kind else [source(count)]
    sources = tuple(shape.task_id for shape in before)
    group = "group" in kind
    a = mapped("a", over, *sources, group=group, wait_for_downstream=waits)
    b = mapped("b", over, "a", *sources, group=group, depends_on_past=False)
    if "inner" in kind:
        first = mapped("first", over, *sources, group=True, depends_on_past=False)
        a = replace(a, upstream=("first", *sources))
        return [*before, first, a, b]
    return [*before, a, b if group else Shape("b", ("a",), retries=100)]


KINDS = ["literal", "output", "literal group", "output group", "inner literal group", "inner output group"]


def states(world: World, run: DagRun, task_id: str) -> list[str | None]:
    """The states of a task's instances, by map index."""
    engine = replace(world.engine, store=world.store)
    return [
        item.state
        for item in engine.items(run.run_uid).instances_of(graph_of_run(engine, run).tasks[task_id])
    ]


@given(
    st.sampled_from(KINDS), st.integers(1, 4), st.integers(2, 3), st.booleans(), st.booleans(), st.integers()
)
@examples(60)
@example("output", 70, 2, False, True, 1)
@example("inner literal group", 70, 2, True, False, 1)
def test_a_mapped_task_waits_for_all_instances_of_the_run_before(
    kind: str, count: int, runs: int, waits: bool, faults: bool, seed: int
) -> None:
    dag = ScriptedDag(shapes_of(kind, count, waits=waits))
    world = world_of(dag, seed)
    began: list[tuple[datetime, str, int]] = []

    def note(request: TryRequest) -> None:
        began.append((request.execution_date, request.task_id, request.map_index))
        if request.task_id == "a":
            check_the_run_before(world, made, request)

    made = start_runs(world, dag, runs)
    world.stall = note
    if faults:
        disturb(world, 80)
    world.settle(dag.dag_id)
    for run in made:
        assert set(states(world, run, "a")) == {"success"}
        assert len(states(world, run, "a")) == count
    if waits:
        for earlier, later in pairwise(made):
            last_b = max(n for n, one in enumerate(began) if one[:2] == (earlier.execution_date, "b"))
            first_a = next(n for n, one in enumerate(began) if one[:2] == (later.execution_date, "a"))
            assert last_b < first_a
    assert_nothing_is_held(world)


def check_the_run_before(world: World, runs: list[DagRun], request: TryRequest) -> None:
    number = next(n for n, run in enumerate(runs) if run.execution_date == request.execution_date)
    if number:
        found = states(world, runs[number - 1], "a")
        assert found
        assert set(found) == {"success"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_the_last_instance_sends_for_the_next_run(kind: str) -> None:
    """No minute passes: the note where the instances meet wakes it."""
    dag = ScriptedDag(
        [
            replace(shape, mode="reschedule", pokes=1, poke_interval=30) if shape.task_id == "a" else shape
            for shape in shapes_of(kind, 3, waits=False)
        ]
    )
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    world.drain()
    assert set(states(world, second, "a")) == {None}
    world.advance(timedelta(seconds=30))
    world.drain()
    assert set(states(world, first, "a")) == {"success"}
    assert set(states(world, second, "a")) == {"up_for_reschedule"}


def test_an_instance_that_failed_holds_the_next_run_back_until_it_is_cleared() -> None:
    shapes = [source(3), mapped("a", OVER_OUTPUT, "list", retries=0, by_index=("ok", "flaky"))]
    dag = ScriptedDag(shapes)
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    world.drain()
    assert states(world, first, "a") == ["success", "failed", "success"]
    assert states(world, second, "a") == [None]
    clear_tasks(
        world.engine,
        ClearRequest(dag_id=dag.dag_id, execution_date=first.execution_date, choice=Choice(only_failed=True)),
    )
    world.drain()
    for _ in range(2):  # the run was over when it was asked: its items were read, and no note left
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert set(states(world, first, "a")) == {"success"}
    assert states(world, second, "a") == ["success", "failed", "success"]


def test_a_cancelled_run_whose_instances_were_skipped_holds_nothing_back() -> None:
    retried = mapped("a", OVER_OUTPUT, "list", behaviour="flaky", retries=1, retry_delay=3600)
    dag = ScriptedDag([source(3), retried])
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    world.drain()
    assert states(world, second, "a") == [None]
    cancel_run(world.engine, dag.dag_id, first.execution_date)
    for _ in range(2):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert set(states(world, first, "a")) == {"skipped"}
    assert set(states(world, second, "a")) == {"up_for_retry"}


def test_a_task_may_wait_for_the_run_before_also_to_be_skipped() -> None:
    a = Shape("a", ("s",), depends_on_past=True, wait_for_past_depends_before_skipping=True)
    dag = ScriptedDag([Shape("s"), a, Shape("b", ("s",), depends_on_past=True)])
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)

    def fail_then_skip(request: TryRequest) -> TryOutcome:
        if request.execution_date == second.execution_date:
            return TryOutcome(result=TryResult.SKIPPED)
        is_first_of_a = request.task_id == "a" and request.try_number == 1
        return TryOutcome(result=TryResult.FAILED if is_first_of_a else TryResult.SUCCESS)

    world.script = fail_then_skip
    world.drain()
    assert states(world, first, "a") == ["failed"]
    assert states(world, second, "a") == [None]
    assert states(world, second, "b") == ["skipped"]
    clear_tasks(
        world.engine,
        ClearRequest(dag_id=dag.dag_id, execution_date=first.execution_date, choice=Choice(only_failed=True)),
    )
    world.settle(dag.dag_id)
    assert states(world, second, "a") == ["skipped"]
