"""Scenarios: random DAGs, a world to run them in, and what must be true in the end."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from chalicelib.domain.dag_runs import DagRun
from chalicelib.domain.task_instances import task_key
from chalicelib.domain.trigger_rules import TriggerRule
from chalicelib.engine.pools import save_pool
from chalicelib.engine.trigger import TriggerRequest, trigger
from tests.property.dags import ScriptedDag, Shape
from tests.property.simulator import World

EXECUTION_DATE = datetime(2025, 1, 1, tzinfo=UTC)
RULES = [str(rule) for rule in TriggerRule]
BEHAVIOURS = ["ok", "ok", "ok", "fail", "skip", "flaky", "branch", "short"]


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
            )
        )
    return made


def world_of(dag: ScriptedDag, seed: int) -> World:
    world = World(dag.script, random.Random(seed))
    save_pool(world.engine, name="default_pool", slots=128, description="Default pool")
    save_pool(world.engine, name="small", slots=3, description=None)
    save_pool(world.engine, name="unlimited", slots=-1, description=None)
    dag.save(world.store)
    dag.now = lambda: world.clock.now
    return world


def start(world: World, dag: ScriptedDag) -> DagRun:
    return trigger(
        world.engine,
        TriggerRequest(dag_id=dag.dag_id, execution_date=EXECUTION_DATE, triggered_by="test"),
    )


def final_states(world: World, dag: ScriptedDag, run: DagRun) -> dict[str, str | None]:
    items = dict(world.store.task_instances.list(run.run_uid))
    return {name: items[task_key(name)].state for name in dag.graph.tasks}


def assert_ended_as_expected(world: World, dag: ScriptedDag, run: DagRun) -> None:
    assert final_states(world, dag, run) == dag.expected_states()
    ended = world.store.dag_runs.get(dag.dag_id, EXECUTION_DATE)
    assert ended is not None
    assert ended.state is dag.expected_run_state()
    assert not list(world.store.dag_runs.unfinished(dag.dag_id))


def assert_nothing_is_held(world: World) -> None:
    for _ in range(25):  # long enough for the audit to look at every holding
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert [shard.holders for shard in world.store.pools.all_shards() if shard.holders] == []
