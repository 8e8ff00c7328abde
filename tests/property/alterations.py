"""Clearing and marking: how tests ask for them, and what they choose."""

import random
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.messages import AlterTasks, Outgoing
from chalicelib.domain.plans.by_hand import Choice, Plan
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import EXECUTION_DATE, shapes, start, with_setups, world_of
from tests.scripted.world import ScriptedWorld

ANY_SHAPES = st.one_of(shapes(), with_setups())
"""Sensors among them."""


LIMITS = st.sampled_from([1, 3, 10_000])
"""``max_active_tasks``."""


def clear(world: World, dag: ScriptedDag, *task_ids: str, dry_run: bool = False, **options: Any) -> list[str]:
    """The ids of the tasks that are cleared; none named: all."""
    choice = Choice(task_ids=task_ids or None, **options)
    request = ClearRequest(dag_id=dag.dag_id, execution_date=EXECUTION_DATE, choice=choice, dry_run=dry_run)
    return [item.task_id for item in clear_tasks(world.engine, request)]


def ended(shapes: list[Shape], seed: int = 1) -> tuple[ScriptedWorld, ScriptedDag, DagRun]:
    dag = ScriptedDag(shapes)
    world = world_of(dag, seed)
    run = start(world, dag)
    world.settle(dag.dag_id)
    return world, dag, run


def some_choice(chooser: random.Random, dag: ScriptedDag) -> Choice:
    names = list(dag.graph.tasks)
    # Without what lies between, a task further down does not wait for who decides about it (as in Airflow).
    if reaches_far(dag):
        return Choice(task_ids=some_names(chooser, names), downstream=True)
    return Choice(
        task_ids=some_names(chooser, names),
        upstream=chooser.random() < 0.3,
        downstream=chooser.random() < 0.4,
        only_failed=chooser.random() < 0.1,
        only_running=chooser.random() < 0.1,
    )


def reaches_far(dag: ScriptedDag) -> bool:
    """Whether a task may decide about others that do not follow it directly."""
    return any(shape.behaviour == "short" or shape.role == "setup" for shape in dag.shapes)


def some_names(chooser: random.Random, names: list[str]) -> tuple[str, ...]:
    return tuple(chooser.sample(names, chooser.randint(1, min(3, len(names)))))


def send_plan(world: World, run: DagRun, plan: Plan) -> None:
    text = world.store.payloads.keep(f"plan-{world.choose.random()}", plan.as_text())
    world.queue.send([Outgoing(message=AlterTasks(run=run.ref, plan=text))])
