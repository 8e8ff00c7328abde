"""Orders to be skipped that are given to mapped task groups whose length the DAG file tells."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import Expansion, Length, Literal, MappedGroup, OutputOf
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.queue import InFlight
from chalicelib.simulation.world import World
from tests.property.alterations import clear, ended
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.expectations import (
    assert_ended_as_airflow_may,
    assert_ended_as_usual,
    outcome_of_run,
    outcomes,
)
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    deliver_in_any_order,
    deliver_until_the_fault_has_come,
    run_state,
    run_to_the_end,
    start,
    with_tries_to_spare,
    world_of,
)

SUCCESS, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED
GROUP = MappedGroup(group_id="g", length=Literal(count=3))
INNER = MappedGroup(group_id="g.h", length=Literal(count=2))
OUTSIDE, INSIDE = Expansion(groups=(GROUP,)), Expansion(groups=(GROUP, INNER))


def gated(gate: Shape, *, rule: str) -> list[Shape]:
    """A gate before a group with another one inside, and a task that does not wait for the gate."""
    return [
        replace(gate, retries=9),
        Shape("soon", retries=9),
        Shape("g.a", ("gate", "soon"), rule=rule, expansion=OUTSIDE, retries=9),
        Shape("g.b", ("g.a",), rule="all_done", expansion=OUTSIDE, retries=9),
        Shape("g.h.c", ("g.b",), rule="one_done", expansion=INSIDE, retries=9),
        Shape("g.d", ("g.h.c",), rule="none_failed", expansion=OUTSIDE, retries=9),
        Shape("after", ("g.d",), rule="all_done", retries=9),
    ]


SHUT = Shape("gate", behaviour="short")
SHUT_GENTLY = Shape("gate", behaviour="short", gently=True)
ELSEWHERE = Shape("gate", behaviour="branch", follow=())


def states_of(world: World, run: DagRun, *names: str) -> set[str | None]:
    return {state for name, _, state in outcome_of_run(world, run)[1] if name in names}


def begin(gate: Shape, rule: str, *, is_late: bool) -> tuple[World, ScriptedDag, DagRun]:
    """A run of such a DAG; all of it that does not wait for the gate is over if the gate is late."""
    dag = ScriptedDag(gated(gate, rule=rule))
    world = world_of(dag, 1)
    run = start(world, dag)
    while is_late and (others := [each for each in world.queue.visible() if '"gate"' not in each.message]):
        world.deliver(others[0])
    return world, dag, run


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("rule", ["all_success", "one_success", "all_done"])
def test_a_short_circuit_ends_every_index_of_a_literal_group(rule: str, is_late: bool) -> None:
    world, dag, run = begin(SHUT, rule, is_late=is_late)
    world.settle(dag.dag_id)
    assert states_of(world, run, "g.a", "g.b", "g.h.c", "g.d", "after") == {SKIPPED}
    assert len(outcome_of_run(world, run)[1]) == 2 + 3 + 3 + 6 + 3 + 1
    assert run_state(world, dag) is DagRunState.SUCCESS


def test_a_gentle_short_circuit_ends_every_index_of_what_comes_next_alone() -> None:
    world, dag, run = begin(SHUT_GENTLY, "all_success", is_late=False)
    world.settle(dag.dag_id)
    assert states_of(world, run, "g.a") == {SKIPPED}
    assert states_of(world, run, "g.b", "after") == {SUCCESS}
    assert_ended_as_usual(world, dag, run)


def test_a_branch_means_its_own_index_and_skips_none_of_a_literal_group() -> None:
    world, dag, run = begin(ELSEWHERE, "all_success", is_late=False)
    world.settle(dag.dag_id)
    assert states_of(world, run, "g.a", "g.b", "g.h.c", "g.d", "after") == {SUCCESS}
    assert_ended_as_usual(world, dag, run)


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("call", range(0, 60, 2))
def test_an_order_to_a_group_whose_handler_dies_at_any_call_reaches_every_index(
    call: int, takes_effect: bool
) -> None:
    world, dag, run = begin(SHUT, "one_success", is_late=True)
    world.faults.arm(call, Killed, takes_effect=takes_effect)
    deliver_until_the_fault_has_come(world)
    world.settle(dag.dag_id)
    assert states_of(world, run, "g.a", "g.b", "g.h.c", "g.d", "after") == {SKIPPED}
    assert run_state(world, dag) is DagRunState.SUCCESS
    assert_nothing_is_held(world)


# -- orders of single indexes -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_no_instance_ends_of_a_task_that_was_skipped_by_an_order_before_its_expansion(seed: int) -> None:
    outer = MappedGroup(group_id="g", length=OutputOf(task_id="list"))
    inner = MappedGroup(group_id="g.h", length=Literal(count=1))
    dag = ScriptedDag(
        [
            Shape("list", returns=1),
            SHUT,
            Shape("g.a", ("list", "gate"), expansion=Expansion(groups=(outer,))),
            Shape("g.h.b", ("list",), expansion=Expansion(groups=(outer, inner))),
            Shape("g.h.c", ("g.a", "g.h.b"), expansion=Expansion(groups=(outer, inner))),
        ]
    )
    world = world_of(dag, seed)
    run = start(world, dag)
    deliver_in_any_order(world)
    begun = {item.key for item in world.engine.items(run.run_uid).begun()}
    assert not begun.issuperset({"g.h.c#-1", "g.h.c#0"})
    assert outcome_of_run(world, run) in (outcomes(dag) or ())


def beside(last: Shape, *, other: str = "ok") -> list[Shape]:
    """A short circuit and another task before a third one, in a plain group inside a mapped one."""
    inside = Expansion(groups=(GROUP,), is_direct=False)
    return [
        Shape("g.gate", behaviour="short", expansion=inside),
        Shape("g.other", behaviour=other, expansion=inside),
        replace(last, task_id="g.last", upstream=("g.gate", "g.other"), expansion=inside),
    ]


RETRIED = Shape("", behaviour="flaky", rule="one_success", retries=1, retry_delay=600)


def run_late_gates(dag: ScriptedDag) -> tuple[World, DagRun]:
    """A run in which the short circuits come when nothing else is left to do."""
    world = world_of(dag, 1)
    run = start(world, dag)
    while others := [each for each in world.queue.visible() if '"g.gate"' not in each.message]:
        world.deliver(others[0])
    world.settle(dag.dag_id)
    return world, run


def test_the_order_of_an_index_leaves_what_has_ended_as_it_is() -> None:
    dag = ScriptedDag(beside(Shape(""), other="fail for good"))
    world, run = run_late_gates(dag)
    assert states_of(world, run, "g.last") == {TaskInstanceState.UPSTREAM_FAILED}
    assert run_state(world, dag) is DagRunState.FAILED
    assert_nothing_is_held(world)


def test_the_order_of_an_index_skips_what_waits_for_its_retry() -> None:
    dag = ScriptedDag(beside(RETRIED))
    world, run = run_late_gates(dag)
    assert states_of(world, run, "g.last") == {SKIPPED}
    assert run_state(world, dag) is DagRunState.SUCCESS
    assert_nothing_is_held(world)


def test_the_order_of_an_index_leaves_what_runs_but_not_its_retry() -> None:
    dag = ScriptedDag(beside(RETRIED))
    world = world_of(dag, 1)
    run = start(world, dag)

    def gates() -> list[InFlight]:
        return [each for each in world.queue.visible() if '"g.gate"' in each.message]

    def let_them_pass(request: TryRequest) -> None:
        while request.task_id == "g.last" and (entries := gates()):
            world.deliver(entries[0])

    world.stall = let_them_pass
    while others := [each for each in world.queue.visible() if '"g.gate"' not in each.message]:
        world.deliver(others[0])
    world.settle(dag.dag_id)
    assert states_of(world, run, "g.last") == {SKIPPED}
    assert world.tries.count(("g.last", 1)) == 3
    assert world.tries.count(("g.last", 2)) == 0


def in_one_group(orderer: Shape, length: Length, *, rule: str) -> list[Shape]:
    """Directly in a mapped group: what orders its own index to be skipped, and a task of such a rule."""
    group = Expansion(groups=(MappedGroup(group_id="g", length=length),))
    return [
        Shape("list", returns=2),
        replace(orderer, task_id="g.order", upstream=("list",), expansion=group),
        Shape("g.fast", ("g.order",), rule=rule, expansion=group),
        Shape("g.last", ("g.fast",), rule="all_done", expansion=group),
    ]


ORDERERS = [
    Shape("", behaviour="short"),
    Shape("", behaviour="short", gently=True, by_index=("ok", "short")),
    Shape("", behaviour="branch", choices=((), ("g.fast",))),
    Shape("", behaviour="branch", by_index=("branch", "fail")),
]
EARLY_RULES = ["one_success", "one_done", "one_failed"]
LENGTHS: list[Length] = [Literal(count=1), Literal(count=2), OutputOf(task_id="list")]


@given(
    st.sampled_from(ORDERERS),
    st.sampled_from(EARLY_RULES),
    st.sampled_from(LENGTHS),
    st.sampled_from([0.0, 0.05]),
    st.integers(),
)
@examples(25)
def test_orders_of_indexes_reach_the_tasks_whose_rule_looks_at_all_of_them(
    orderer: Shape, rule: str, length: Length, faults: float, seed: int
) -> None:
    made = in_one_group(orderer, length, rule=rule)
    dag = ScriptedDag([replace(with_tries_to_spare(shape), pool="small") for shape in made])
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, repeats=0.05, delays=0.05)
    run = start(crowd.world, dag)
    run_to_the_end(crowd)
    assert_ended_as_airflow_may(crowd.world, dag, run)
    assert_nothing_is_held(crowd.world)


def test_an_order_of_an_index_is_void_when_that_is_cleared() -> None:
    made = in_one_group(ORDERERS[0], Literal(count=1), rule="one_success")
    world, dag, run = ended(made)
    assert states_of(world, run, "g.fast") == {SKIPPED}
    passing = ScriptedDag([replace(shape, behaviour="ok") for shape in made])
    world.script = passing.script
    clear(world, dag, "g.order", map_indexes=(0,), downstream=True)
    world.settle(dag.dag_id)
    assert states_of(world, run, "g.order", "g.fast", "g.last") == {SUCCESS}


# -- at the same time --------------------------------------------------------------------------------

PAIR = Expansion(groups=(MappedGroup(group_id="g", length=Literal(count=2)),))


@given(
    st.sampled_from([SHUT, SHUT_GENTLY, ELSEWHERE]),
    st.sampled_from(["all_success", "one_success", "one_done", "all_done", "none_failed"]),
    st.sampled_from([0.0, 0.02, 0.1]),
    st.integers(),
)
def test_orders_to_groups_beside_handlers_at_work(gate: Shape, rule: str, faults: float, seed: int) -> None:
    made = [
        gate,
        Shape("soon"),
        Shape("g.a", ("gate", "soon"), rule=rule, expansion=PAIR),
        Shape("g.b", ("g.a",), rule="all_done", expansion=PAIR),
        Shape("after", ("g.b",), rule="all_done"),
    ]
    dag = ScriptedDag([replace(with_tries_to_spare(shape), pool="small") for shape in made])
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, repeats=0.05, delays=0.05)
    run = start(crowd.world, dag)
    run_to_the_end(crowd)
    assert_ended_as_airflow_may(crowd.world, dag, run)
    assert_nothing_is_held(crowd.world)
