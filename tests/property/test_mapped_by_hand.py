"""Instances of mapped tasks that are cleared or marked by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import Expansion, Literal, MappedGroup, OutputOf
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.plans.by_hand import Choice, chosen, clearing, marking
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest
from chalicelib.domain.states import FAILURE_STATES, DagRunState, TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marking import MarkRequest, mark_tasks
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.world import World
from tests.property.alterations import send_plan, some_choice
from tests.property.examples import examples
from tests.property.test_mapped import assert_instances_are_sound
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.mapped_shapes import mapped_shapes, mapped_with_setups
from tests.scripted.scenarios import (
    EXECUTION_DATE,
    assert_nothing_is_held,
    start,
    with_tries_to_spare,
    world_of,
)
from tests.scripted.world import ScriptedWorld

SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED
UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED

OVER_MAKE = Expansion(own=OutputOf(task_id="make"))


def over_output(*by_index: str, returns: int = 3) -> ScriptedDag:
    return ScriptedDag(
        [
            Shape("make", returns=returns),
            Shape("each", ("make",), expansion=OVER_MAKE, by_index=by_index),
            Shape("after", ("each",)),
        ]
    )


def over_literal() -> ScriptedDag:
    return ScriptedDag([Shape("each", expansion=Expansion(own=Literal(count=3))), Shape("after", ("each",))])


def in_group() -> ScriptedDag:
    group = MappedGroup(group_id="g", length=OutputOf(task_id="make"))
    expansion = Expansion(groups=(group,))
    return ScriptedDag(
        [
            Shape("make", returns=3),
            Shape("g.a", ("make",), expansion=expansion),
            Shape("g.b", ("g.a",), expansion=expansion),
            Shape("after", ("g.b",)),
        ]
    )


def ended(dag: ScriptedDag, seed: int = 1) -> tuple[ScriptedWorld, DagRun]:
    """A run of a DAG that is over; its tries are forgotten."""
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    world.instances.clear()
    return world, run


def clear(
    world: World, *task_ids: str, indexes: tuple[int, ...] | None = None, downstream: bool = False
) -> None:
    choice = Choice(task_ids=task_ids, map_indexes=indexes, downstream=downstream)
    clear_tasks(world.engine, ClearRequest(dag_id="scripted", execution_date=EXECUTION_DATE, choice=choice))


def mark(
    world: World, state: TaskInstanceState, *task_ids: str, indexes: tuple[int, ...] | None = None
) -> None:
    choice = Choice(task_ids=task_ids, map_indexes=indexes)
    mark_tasks(
        world.engine,
        MarkRequest(dag_id="scripted", execution_date=EXECUTION_DATE, choice=choice, state=state),
    )


def states(world: World, dag: ScriptedDag, run: DagRun) -> dict[str, TaskInstanceState | None]:
    items = world.engine.items(run.run_uid)
    return {item.name: item.state for item in items.all_instances(dag.graph.tasks.values())}


def run_state(world: World) -> DagRunState:
    run = world.store.dag_runs.get("scripted", EXECUTION_DATE)
    assert isinstance(run, DagRun)
    return run.state


def settle(world: ScriptedWorld) -> list[tuple[str, int, int]]:
    """The tries that are begun until the run is over."""
    world.settle("scripted")
    assert_nothing_is_held(world)
    return sorted(world.instances)


@pytest.mark.parametrize("dag", [over_output(), over_literal()], ids=["output", "literal"])
def test_one_index_runs_again_by_itself(dag: ScriptedDag) -> None:
    world, run = ended(dag)
    clear(world, "each", indexes=(1,))
    assert run_state(world) is DagRunState.QUEUED
    assert states(world, dag, run)["each[1]"] is None
    assert settle(world) == [("each", 1, 2)]
    assert set(states(world, dag, run).values()) == {SUCCESS}
    assert run_state(world) is DagRunState.SUCCESS


@pytest.mark.parametrize("dag", [over_output(), over_literal()], ids=["output", "literal"])
def test_an_index_runs_again_with_what_follows(dag: ScriptedDag) -> None:
    world, run = ended(dag)
    clear(world, "each", indexes=(1,), downstream=True)
    assert settle(world) == [("after", -1, 2), ("each", 1, 2)]
    assert set(states(world, dag, run).values()) == {SUCCESS}


@pytest.mark.parametrize("dag", [over_output(), over_literal()], ids=["output", "literal"])
def test_a_mapped_task_runs_again_whole(dag: ScriptedDag) -> None:
    world, run = ended(dag)
    clear(world, "each")
    assert settle(world) == [("each", index, 2) for index in range(3)]
    assert set(states(world, dag, run).values()) == {SUCCESS}


def test_an_index_that_failed_may_go_well_now() -> None:
    dag = over_output("ok", "fail")
    world, run = ended(dag)
    assert states(world, dag, run)["after"] is UPSTREAM_FAILED
    world.script = over_output().script
    clear(world, "each", indexes=(1,), downstream=True)
    assert settle(world) == [("after", -1, 1), ("each", 1, 2)]
    assert run_state(world) is DagRunState.SUCCESS


def makes(dag: ScriptedDag, *lengths: int) -> Callable[[TryRequest], TryOutcome]:
    def script(request: TryRequest) -> TryOutcome:
        outcome = dag.script(request)
        if request.task_id != "make":
            return outcome
        return replace(outcome, output_length=lengths[request.try_number - 1])

    return script


def changed_length(*lengths: int) -> tuple[ScriptedWorld, ScriptedDag, DagRun]:
    """All cleared after a run; the upstream returns as many items as is said, each time."""
    dag = over_output()
    world = world_of(dag, 1)
    world.script = makes(dag, *lengths)
    run = start(world, dag)
    world.settle(dag.dag_id)
    world.instances.clear()
    clear(world, "make", downstream=True)
    return world, dag, run


def test_there_may_be_more_instances_after_a_clear() -> None:
    world, dag, run = changed_length(2, 4)
    assert list(states(world, dag, run)) == ["make", "each[0]", "each[1]", "after"]
    assert settle(world) == [
        ("after", -1, 2),
        ("each", 0, 2),
        ("each", 1, 2),
        ("each", 2, 1),
        ("each", 3, 1),
        ("make", -1, 2),
    ]
    assert states(world, dag, run) == dict.fromkeys(
        ["make", "each[0]", "each[1]", "each[2]", "each[3]", "after"], SUCCESS
    )
    assert run_state(world) is DagRunState.SUCCESS


def test_what_is_beyond_is_removed_if_there_are_fewer() -> None:
    world, _, run = changed_length(3, 1)
    assert settle(world) == [("after", -1, 2), ("each", 0, 2), ("make", -1, 2)]
    kept = world.engine.items(run.run_uid)
    assert [kept.instance("each", index).state for index in range(3)] == [
        SUCCESS,
        TaskInstanceState.REMOVED,
        TaskInstanceState.REMOVED,
    ]
    assert run_state(world) is DagRunState.SUCCESS


def test_an_index_alone_finds_that_there_are_more_now() -> None:
    dag = over_output()
    world = world_of(dag, 1)
    world.script = makes(dag, 2, 3)
    start(world, dag)
    world.settle(dag.dag_id)
    clear(world, "make")
    world.settle(dag.dag_id)
    world.instances.clear()
    clear(world, "each", indexes=(0,))
    assert settle(world) == [("each", 0, 2), ("each", 2, 1)]
    assert run_state(world) is DagRunState.SUCCESS


@pytest.mark.parametrize("length", [0, 65])
def test_cleared_instances_are_not_tried_where_their_places_would_change(length: int) -> None:
    """In Airflow there would be none, or as many as there are values."""
    world, _, run = changed_length(3, length)
    assert settle(world) == [("make", -1, 2)]
    item = world.engine.items(run.run_uid).instance("each", 2)
    assert (item.state, item.reason) == (
        UPSTREAM_FAILED,
        f"it has 3 instances, and what it is mapped over has a length of {length} since it was cleared",
    )
    assert run_state(world) is DagRunState.FAILED


@pytest.mark.parametrize(("was", "now"), [(70, 130), (130, 70)])
def test_instances_that_meet_in_buckets_may_be_more_or_fewer_too(was: int, now: int) -> None:
    world, dag, run = changed_length(was, now)
    settle(world)
    assert sum(state is SUCCESS for state in states(world, dag, run).values()) == now + 2
    assert run_state(world) is DagRunState.SUCCESS


def test_an_instance_of_a_group_runs_again_with_what_follows_it() -> None:
    dag = in_group()
    world, run = ended(dag)
    clear(world, "g.a", indexes=(1,))
    assert settle(world) == [("g.a", 1, 2)]
    world.instances.clear()
    clear(world, "g.a", indexes=(2,), downstream=True)
    assert settle(world) == [
        ("after", -1, 2),
        ("g.a", 2, 2),
        ("g.b", 0, 2),
        ("g.b", 1, 2),
        ("g.b", 2, 2),
    ]
    assert set(states(world, dag, run).values()) == {SUCCESS}


def test_a_failed_index_that_is_marked_success_lets_the_rest_go_on() -> None:
    dag = over_output("ok", "fail")
    world, run = ended(dag)
    mark(world, SUCCESS, "each", indexes=(1,))
    assert settle(world) == [("after", -1, 1)]
    assert set(states(world, dag, run).values()) == {SUCCESS}
    assert run_state(world) is DagRunState.SUCCESS


def test_an_index_that_is_marked_failed_fails_no_more_than_itself() -> None:
    dag = over_output()
    world, run = ended(dag)
    mark(world, FAILED, "each", indexes=(0,))
    assert settle(world) == []
    assert states(world, dag, run) == {
        "make": SUCCESS,
        "each[0]": FAILED,
        "each[1]": SUCCESS,
        "each[2]": SUCCESS,
        "after": SUCCESS,
    }


def test_a_mapped_task_that_is_marked_before_it_is_expanded_has_no_indexes() -> None:
    dag = over_output()
    world = world_of(dag, 1)
    run = start(world, dag)

    def mark_it(request: TryRequest) -> None:
        if request.task_id == "make":
            mark(world, SUCCESS, "each")

    world.stall = mark_it
    assert settle(world) == [("after", -1, 1), ("make", -1, 1)]
    assert states(world, dag, run) == {"make": SUCCESS, "each": SUCCESS, "after": SUCCESS}


def test_a_running_index_that_is_marked_is_taken_from_its_worker() -> None:
    dag = over_output()
    world = world_of(dag, 1)
    run = start(world, dag)

    def mark_it(request: TryRequest) -> None:
        if (request.task_id, request.map_index) == ("each", 1):
            mark(world, FAILED, "each", indexes=(1,))

    world.stall = mark_it
    settle(world)
    assert states(world, dag, run)["each[1]"] is FAILED
    assert states(world, dag, run)["after"] is UPSTREAM_FAILED
    assert run_state(world) is DagRunState.FAILED


# -- while the run goes on ---------------------------------------------------------------------------


def test_an_index_that_nothing_has_touched_may_be_cleared_or_marked() -> None:
    dag = in_group()
    world = world_of(dag, 1)
    run = start(world, dag)

    def alter(request: TryRequest) -> None:
        if (request.task_id, request.map_index) == ("g.a", 1):
            clear(world, "g.b", indexes=(1,))
            mark(world, SKIPPED, "g.b", indexes=(2,))

    world.stall = alter
    assert settle(world) == [
        ("g.a", 0, 1),
        ("g.a", 1, 1),
        ("g.a", 2, 1),
        ("g.b", 0, 1),
        ("g.b", 1, 1),
        ("make", -1, 1),
    ]
    assert states(world, dag, run) == {
        "make": SUCCESS,
        "g.a[0]": SUCCESS,
        "g.a[1]": SUCCESS,
        "g.a[2]": SUCCESS,
        "g.b[0]": SUCCESS,
        "g.b[1]": SUCCESS,
        "g.b[2]": SKIPPED,
        "after": SKIPPED,
    }
    assert run_state(world) is DagRunState.SUCCESS


def test_a_task_that_is_cleared_before_it_is_expanded_is_expanded_all_the_same() -> None:
    dag = over_output()
    world = world_of(dag, 1)
    run = start(world, dag)

    def alter(request: TryRequest) -> None:
        if request.task_id == "make":
            clear(world, "each")

    world.stall = alter
    settle(world)
    assert set(states(world, dag, run).values()) == {SUCCESS}


GROUP = MappedGroup(group_id="g", length=OutputOf(task_id="make"))
INNER = MappedGroup(group_id="g.h", length=Literal(count=2))
MANY = [
    [Shape("make", returns=3), Shape("each", ("make",), expansion=OVER_MAKE), Shape("after", ("each",))],
    [Shape("each", expansion=Expansion(own=Literal(count=3))), Shape("after", ("each",))],
    [
        Shape("make", returns=3),
        Shape("each", ("make",), expansion=OVER_MAKE),
        Shape("again", ("each",), expansion=Expansion(own=OutputOf(task_id="each"))),
        Shape("one", ("each",), rule="one_success"),
    ],
    [
        Shape("make", returns=2),
        Shape("g.a", ("make",), expansion=Expansion(groups=(GROUP,))),
        Shape("g.h.b", ("g.a",), expansion=Expansion(groups=(GROUP, INNER))),
        Shape("g.c", ("g.h.b",), expansion=Expansion(groups=(GROUP,))),
        Shape("after", ("g.c",), rule="none_failed"),
    ],
    [
        Shape("first"),
        Shape("each", ("first",), expansion=Expansion(own=Literal(count=66))),
        Shape("after", ("each",)),
    ],
]
"""Shapes that end well; the last has so many instances that they meet in buckets."""


@given(st.sampled_from(MANY), st.sampled_from([0.0, 0.02, 0.1]), st.booleans(), st.integers())
@examples(60)
def test_runs_end_well_however_their_instances_are_cleared_and_marked(
    made: list[Shape], faults: float, pausing: bool, seed: int
) -> None:
    dag = ScriptedDag([replace(shape, retries=100, pool="small") for shape in made])
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, pausing=pausing)
    world = crowd.world
    run = start(world, dag)
    for _ in range(world.choose.randint(1, 4)):
        for _ in range(world.choose.randrange(150)):
            crowd.step()
        alter_some(crowd, dag, run)
    crowd.settle()
    assert set(states(world, dag, run).values()) == {SUCCESS}
    assert run_state(world) is DagRunState.SUCCESS
    assert_nothing_is_held(world)


def alter_some(crowd: Crowd, dag: ScriptedDag, run: DagRun) -> None:
    """Put the message of a clear, or of a mark as success, into the queue.

    What others are mapped over is not marked, for then it leaves no output; nor is what stands in a group:
    of one that ends unexpanded the instances after it would not hear.
    """
    chooser, items = crowd.world.choose, crowd.world.engine.items(run.run_uid)
    choice = some_choice(chooser, dag)
    if chooser.random() < 0.6:
        choice = replace(choice, map_indexes=tuple(chooser.sample(range(4), 2)))
    if items.is_empty:
        return
    tasks = dag.graph.tasks.values()
    sources = {name for task in tasks if task.expansion for name in task.expansion.sources}
    marks_source = choice.upstream or not sources.isdisjoint(choice.task_ids or ())
    if marks_source or any(task.groups for task in tasks) or chooser.random() < 0.5:
        plan = clearing(dag.graph, items, chosen(dag.graph, items, choice))
    else:
        _, plan = marking(dag.graph, items, choice, SUCCESS)
    send_plan(crowd.world, run, plan)


# -- one index ---------------------------------------------------------------------------------------

ANY_MAPPED = st.one_of(mapped_shapes(), mapped_with_setups())
"""Mapped by themselves and in groups, some of them inside one another."""


def an_index(world: World, dag: ScriptedDag, run: DagRun) -> TaskInstance | None:
    """One instance of a mapped task that the world chooses; None where there is none."""
    instances = world.engine.items(run.run_uid).all_instances(dag.graph.tasks.values())
    indexes = [item for item in instances if item.map_index != NOT_MAPPED]
    return world.choose.choice(indexes) if indexes else None


@given(ANY_MAPPED, st.integers())
@examples(30)
def test_an_index_that_is_cleared_after_its_run_runs_alone(made: list[Shape], seed: int) -> None:
    dag = ScriptedDag(made)
    world, run = ended(dag, seed)
    item = an_index(world, dag, run)
    assume(item is not None)
    assert item is not None
    before = states(world, dag, run)
    clear(world, item.task_id, indexes=(item.map_index,))
    tries = settle(world)
    after = states(world, dag, run)
    assert {(task_id, map_index) for task_id, map_index, _ in tries} <= {(item.task_id, item.map_index)}
    assert after == {**before, item.name: after[item.name]}
    assert run_state(world).is_final
    assert_instances_are_sound(world, run)


@given(ANY_MAPPED, st.sampled_from([SUCCESS, FAILED, SKIPPED]), st.integers())
@examples(30)
def test_an_index_that_is_marked_after_its_run_stays_so_and_only_what_had_failed_after_it_runs(
    made: list[Shape], state: TaskInstanceState, seed: int
) -> None:
    dag = ScriptedDag(made)
    world, run = ended(dag, seed)
    item = an_index(world, dag, run)
    assume(item is not None)
    assert item is not None
    before = states(world, dag, run)
    mark(world, state, item.task_id, indexes=(item.map_index,))
    settle(world)
    after = states(world, dag, run)
    behind = dag.graph.descendants(item.task_id)
    had_failed = {name for name, was in before.items() if was in FAILURE_STATES}
    assert after[item.name] is state
    for name in (before.keys() & after.keys()) - {item.name}:
        assert after[name] is before[name] or (name in had_failed and name.split("[")[0] in behind)
    assert run_state(world).is_final


@given(ANY_MAPPED, st.sampled_from([0.0, 0.05]), st.integers())
@examples(40)
def test_runs_end_whichever_indexes_are_cleared_and_marked_beside_handlers_at_work(
    made: list[Shape], faults: float, seed: int
) -> None:
    dag = ScriptedDag([replace(with_tries_to_spare(shape), pool="small") for shape in made])
    world = world_of(dag, seed)
    crowd = Crowd(world, dag.graph, faults=faults)
    run = start(world, dag)
    for _ in range(world.choose.randint(1, 3)):
        for _ in range(world.choose.randrange(150)):
            crowd.step()
        alter_an_index(world, dag, run)
    crowd.settle()
    assert None not in states(world, dag, run).values()
    assert run_state(world).is_final
    assert len(world.instances) == len(set(world.instances))
    assert_instances_are_sound(world, run, is_told=False)
    assert_nothing_is_held(world)


def alter_an_index(world: World, dag: ScriptedDag, run: DagRun) -> None:
    """Put the message of a clear or a mark of one index into the queue; some with what comes after it."""
    item, choose = an_index(world, dag, run), world.choose
    items = world.engine.items(run.run_uid)
    if item is None or items.is_empty:
        return
    downstream = choose.random() < 0.4
    choice = Choice(task_ids=(item.task_id,), map_indexes=(item.map_index,), downstream=downstream)
    if choose.random() < 0.5:
        plan = clearing(dag.graph, items, chosen(dag.graph, items, choice))
    else:
        _, plan = marking(dag.graph, items, choice, choose.choice([SUCCESS, FAILED, SKIPPED]))
    send_plan(world, run, plan)
