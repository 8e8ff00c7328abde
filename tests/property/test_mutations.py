"""Defects put into the store's view of mapped tasks, each of which a simulated run has to notice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import NoDagToDelete
from chalicelib.domain.graph.expansion import Expansion, OutputOf
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.tasks.voiding import VOID, coded, decoded
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.simulation.faults import PromiseBroken
from chalicelib.simulation.world import World
from tests.property.alterations import clear
from tests.property.test_mapped import assert_instances_are_sound
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import (
    deliver_in_any_order,
    item_of,
    start,
    world_of,
)

MAPPED = Expansion(own=OutputOf(task_id="list"))
SHAPES = [
    Shape("list", returns=3),
    Shape("many", ("list",), expansion=MAPPED, by_index=("ok", "ok", "fail for good")),
    Shape("last", ("many",), rule="all_done"),
]
ENDS = "#ends"


class Mutant:
    """A store, or a repository of one, of which some parts are others."""

    def __init__(self, tasks: Any, **methods: Any) -> None:
        self._tasks = tasks
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)


def expand_twice(world: World) -> None:
    """Nobody sees that a task is expanded already, and the write that queues an index knows no condition."""
    tasks = world.moves._tasks

    def arrive(run_uid: str, key: str, added: Any) -> Any:
        write = tasks.arrive(run_uid, key, added)
        return replace(write, item=replace(write.item, map_length=None, map_levels=()))

    def transition(run_uid: str, key: str, expected: Any, change: Any, *args: Any) -> Any:
        before = tasks.get(run_uid, key)
        states = frozenset({before.state if before else None})
        return tasks.transition(
            run_uid, key, replace(expected, states=states, is_unexpanded=False), change, *args
        )

    world.moves._tasks = Mutant(tasks, arrive=arrive, transition=transition)


def lose_expansions(world: World) -> None:
    """The length of a mapped task is never kept, although the store says so."""
    tasks = world.moves._tasks

    def transition(run_uid: str, key: str, expected: Any, change: Any, *args: Any) -> Any:
        if key.endswith("#-1"):
            change = {name: value for name, value in change.items() if name != "map_length"}
        return tasks.transition(run_uid, key, expected, change, *args)

    world.moves._tasks = Mutant(tasks, transition=transition)


def count_twice(world: World) -> None:
    """An index counts for the one after it, too, where the instances of a task meet."""
    tasks = world.moves._tasks

    def arrive(run_uid: str, key: str, added: Any) -> Any:
        write = tasks.arrive(run_uid, key, added)
        if not key.endswith(ENDS):
            return write
        shifted = {name: _next(code) for name, code in added.items()}
        return tasks.arrive(run_uid, key, shifted)

    world.moves._tasks = Mutant(tasks, arrive=arrive)


def _next(code: int) -> int:
    clears, number = decoded(code)
    return coded((number + 1) % 3, clears)


def keep_what_is_void(world: World) -> None:
    """What a cleared index has told before counts on."""
    tasks = world.moves._tasks

    def arrive(run_uid: str, key: str, added: Any) -> Any:
        return tasks.arrive(run_uid, key, {**added, VOID: coded(999, 0)} if VOID in added else added)

    world.moves._tasks = Mutant(tasks, arrive=arrive)


def expand_after_deletion(world: World) -> None:
    """Handlers do not see that a DAG is deleted, nor that its runs are gone."""
    dags, runs = world.store.dags, world.store.dag_runs
    known_dag = dags.get("scripted")
    assert known_dag is not None
    known = {run.execution_date: run for run in runs.list("scripted")}
    seen = Mutant(dags, get=lambda _: replace(known_dag, is_deleted=False, generation=1))
    there = Mutant(runs, get=lambda dag_id, date: runs.get(dag_id, date) or known.get(date))
    store: Any = Mutant(world.engine.store, dags=seen, dag_runs=there)
    world.engine = replace(world.engine, store=store)


# -- what a simulation does and looks at --------------------------------------------------------------


def simulate_run(mutate: Callable[[World], None], seed: int) -> None:
    dag = ScriptedDag(SHAPES)
    world = world_of(dag, seed)
    mutate(world)
    run = start(world, dag)
    seen: list[int] = []

    def look(request: TryRequest) -> None:
        if request.task_id == "last":
            seen.append(ended_indexes(world, dag, run))

    world.stall = look
    deliver_in_any_order(world)
    for message in list(world.queue.sent):
        world.handle(message)
    world.settle(dag.dag_id)
    assert seen == [3]
    assert_instances_are_sound(world, run)


def simulate_clear(mutate: Callable[[World], None], seed: int) -> None:
    dag = ScriptedDag(SHAPES)
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    mutate(world)
    clear(world, dag, "many", "last")

    def look(request: TryRequest) -> None:
        if request.task_id == "last":
            assert ended_indexes(world, dag, run) == 3

    world.stall = look
    deliver_in_any_order(world)
    world.settle(dag.dag_id)
    assert item_of(world, run, "last").try_number == 2
    assert len(world.instances) == len(set(world.instances)) == 9


def ended_indexes(world: World, dag: ScriptedDag, run: DagRun) -> int:
    many = world.engine.items(run.run_uid).instances_of(dag.graph.tasks["many"])
    return sum(item.state is not None and item.state.is_final for item in many)


def simulate_deletion(mutate: Callable[[World], None], seed: int) -> None:
    dag = ScriptedDag(SHAPES)
    world = world_of(dag, seed)
    run = start(world, dag)
    while not any('"list"' in entry.message for entry in world.queue.visible()):
        world.deliver(world.queue.visible()[0])
    late = next(entry for entry in world.queue.visible() if '"list"' in entry.message)
    world.store.dags.mark_deleted(dag.dag_id)
    with pytest.raises(NoDagToDelete):
        delete_dag(world.engine, dag.dag_id)
    mutate(world)
    world.deliver(late)
    assert world.engine.items(run.run_uid).instance("many").map_length is None


SIMULATIONS: dict[Callable[[World], None], Callable[[Callable[[World], None], int], None]] = {
    expand_twice: simulate_run,
    lose_expansions: simulate_run,
    count_twice: simulate_run,
    keep_what_is_void: simulate_clear,
    expand_after_deletion: simulate_deletion,
}


@pytest.mark.parametrize("mutate", SIMULATIONS, ids=lambda mutate: mutate.__name__)
def test_a_simulation_notices_the_defect(mutate: Callable[[World], None]) -> None:
    assert any(notices(SIMULATIONS[mutate], mutate, seed) for seed in range(20))


def notices(simulate: Callable[..., None], mutate: Callable[[World], None], seed: int) -> bool:
    try:
        simulate(mutate, seed)
    except (AssertionError, PromiseBroken):
        return True
    return False


@pytest.mark.parametrize("simulate", set(SIMULATIONS.values()), ids=lambda simulate: simulate.__name__)
def test_a_simulation_without_a_defect_notices_nothing(simulate: Callable[..., None]) -> None:
    for seed in range(20):
        simulate(lambda _world: None, seed)
