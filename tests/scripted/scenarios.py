"""Scenarios: random DAGs, a world to run them in, and what must be true in the end."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.trigger_rules import TriggerRule
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.faults import Killed
from chalicelib.simulation.queue import InFlight
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.world import ScriptedWorld

EXECUTION_DATE = datetime(2025, 1, 1, tzinfo=UTC)
TEARDOWN = "all_done_setup_success"
RULES = [str(rule) for rule in TriggerRule if rule is not TriggerRule.ALL_DONE_MIN_ONE_SUCCESS]
BEHAVIOURS = ["ok", "ok", "ok", "fail", "skip", "flaky", "branch", "short"]
_MOST_STEPS = 250


@st.composite
def shapes(draw: st.DrawFn) -> list[Shape]:
    count = draw(st.integers(1, 9))
    names = [f"t{number}" for number in range(count)]
    made = []
    for number, name in enumerate(names):
        upstream = draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=4)) if number else []
        behaviour = draw(st.sampled_from(BEHAVIOURS))
        made.append(
            Shape(
                task_id=name,
                upstream=tuple(sorted(upstream)),
                rule=draw(st.sampled_from(RULES)) if upstream else "all_success",
                behaviour=behaviour,
                follow=tuple(draw(st.lists(st.sampled_from(names), unique=True, max_size=3))),
                retries=draw(st.integers(0, 2)) if behaviour != "flaky" else 1,
                pool=draw(st.sampled_from(["default_pool", "small", "unlimited"])),
                pool_slots=draw(st.integers(1, 3)),
                is_empty=behaviour == "ok" and draw(st.booleans()),
                retry_delay=draw(st.sampled_from([0.0, 1.5, 3600.0])),
                mode=draw(st.sampled_from([None, None, None, "poke", "reschedule"])),
                pokes=draw(st.integers(1, 3)),
                poke_interval=draw(st.sampled_from([0.0, 5.0, 1200.0])),
                defers=draw(st.sampled_from([0, 0, 0, 1, 2])),
                fires_after=draw(st.sampled_from([0.0, 5.0, 1200.0])),
            )
        )
    return made


@st.composite
def with_setups(draw: st.DrawFn) -> list[Shape]:
    made: list[Shape] = []
    for shape in draw(shapes()):
        role = draw(st.sampled_from(["work", "work", "setup", "teardown"]))
        made.append(in_role(shape, role, [other for other in made if other.role == "setup"], draw))
    return made


def in_role(shape: Shape, role: str, setups: list[Shape], draw: st.DrawFn) -> Shape:
    names = {setup.task_id for setup in setups}
    if role == "teardown":
        own = draw(st.lists(st.sampled_from(sorted(names)), unique=True, max_size=2)) if names else []
        upstream = tuple(sorted({*shape.upstream, *own}))
        fails_run = draw(st.booleans())
        return replace(shape, role=role, rule=TEARDOWN, upstream=upstream, fails_run=fails_run)
    follows_setup = not names.isdisjoint(shape.upstream)  # Airflow: such a task needs all_success
    rule = "all_success" if follows_setup else shape.rule
    return replace(shape, role=role, rule=rule)


def world_of(dag: ScriptedDag, seed: int) -> ScriptedWorld:
    world = ScriptedWorld(dag.script, random.Random(seed))
    save_pool(world.engine, name="default_pool", slots=128, description="Default pool")
    save_pool(world.engine, name="small", slots=3, description=None)
    save_pool(world.engine, name="unlimited", slots=-1, description=None)
    dag.save(world.store)
    dag.now = lambda: world.clock.now
    return world


def start(world: World, dag: ScriptedDag) -> DagRun:
    return create_run(
        world.engine,
        RunRequest(dag_id=dag.dag_id, execution_date=EXECUTION_DATE, triggered_by="test"),
    )


def final_states(world: World, dag: ScriptedDag, run: DagRun) -> dict[str, str | None]:
    items = world.engine.items(run.run_uid)
    return {item.task_id: item.state for item in items.instances(graph_of_run(world.engine, run).tasks)}


def assert_nothing_is_held(world: World) -> None:
    for _ in range(25):  # long enough for the audit to look at every holding
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert [shard.holders for shard in world.store.pools.all_shards() if shard.holders] == []


def deliver_in_any_order(world: World) -> None:
    """Deliver what is visible, in the order that the world chooses, until nothing is; pools keep I3."""
    while visible := world.queue.visible():
        world.deliver(world.choose.choice(visible))
        world.check_pools()


def deliver_until_the_fault_has_come(world: World) -> None:
    """Deliver in order, letting time pass where all is delayed: an armed fault stays until its call comes."""
    for _ in range(100):
        if visible := world.queue.visible():
            world.deliver(visible[0], keep_faults=True)
        elif world.queue.waiting:
            world.advance(timedelta(seconds=30))
        else:
            break


def with_tries_to_spare(shape: Shape) -> Shape:
    """A worker that dies takes a try with it; the outcome must not depend on how many were lost."""
    behaviour, *by_index = (
        "fail for good" if word == "fail" else word for word in (shape.behaviour, *shape.by_index)
    )
    return replace(shape, retries=100, behaviour=behaviour, by_index=tuple(by_index))


def step_with_faults(world: World) -> None:
    choose = world.choose
    if choose.random() < 0.5:
        error = choose.choice([Killed, StoreUnavailable])
        world.faults.arm(choose.randrange(12), error, takes_effect=choose.random() < 0.5)
    visible = world.queue.visible()
    if not visible or choose.random() < 0.1:
        world.advance(timedelta(seconds=choose.choice([1, 20, 60, 1200])))
        world.tick()
        return
    world.deliver(choose.choice(visible), keep=choose.random() < 0.2)


def disturb(world: World, steps: int) -> None:
    """Deliver messages in any order, some twice, with crashes between any two calls."""
    for _ in range(steps):
        if world.choose.random() < 0.4:
            world.faults.arm(world.choose.randrange(12), Killed, takes_effect=world.choose.random() < 0.5)
        visible = world.queue.visible()
        if visible:
            world.deliver(world.choose.choice(visible), keep=world.choose.random() < 0.2)
        else:
            world.advance(timedelta(minutes=1))
            world.tick()
        world.check_pools()


def run_of(world: World, dag: ScriptedDag) -> DagRun:
    run = world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE)
    assert run is not None
    return run


def run_state(world: World, dag: ScriptedDag) -> DagRunState:
    return run_of(world, dag).state


def item_of(world: World, run: DagRun, task_id: str) -> TaskInstance:
    item = world.store.task_instances.get(run.run_uid, task_key(task_id))
    assert item is not None
    return item


def item_state(world: World, run: DagRun, task_id: str) -> TaskInstanceState | None:
    item = world.store.task_instances.get(run.run_uid, task_key(task_id))
    return item.state if item else None


def message(world: World, part: str) -> InFlight:
    return next(entry for entry in reversed(world.queue.waiting) if part in entry.message)


def dag_of(world: World, dag: ScriptedDag) -> Dag:
    found = world.store.dags.get(dag.dag_id)
    assert found is not None
    return found


def wait_until_back(world: World, dag: ScriptedDag) -> None:
    """Let messages and minutes pass until the deleted DAG is there again."""
    for _ in range(60):
        world.drain()
        if not dag_of(world, dag).is_deleted:
            return
        world.advance(timedelta(minutes=1))
        world.tick()
    raise AssertionError("the deleted DAG never comes back")


def date_of(number: int) -> datetime:
    return EXECUTION_DATE + timedelta(days=number)


def start_runs(world: World, dag: ScriptedDag, count: int) -> list[DagRun]:
    wishes = (
        RunRequest(dag_id=dag.dag_id, execution_date=date_of(number), triggered_by="test")
        for number in range(count)
    )
    return [create_run(world.engine, wish) for wish in wishes]


def run_to_the_end(crowd: Crowd) -> None:
    for _ in range(_MOST_STEPS):
        if not crowd.handlers and not crowd.world.queue.waiting:
            break
        crowd.step()
    crowd.settle()
