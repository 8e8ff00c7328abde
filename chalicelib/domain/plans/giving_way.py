"""The place of a running run that waits for an earlier one: kept, or given up to it.

Airflow lets a run that was cleared wait for ever behind a later one that holds the last place under
``max_active_runs`` and waits for it (``depends_on_past``). Here the later one gives way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.trigger_rules import Judgement, Verdict
from chalicelib.domain.plans.checks import named, previous_run
from chalicelib.domain.plans.past import asked_of_past, states_by_instance
from chalicelib.domain.plans.steps import asks_for_past, judged
from chalicelib.domain.states import FINAL_STATES
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveWay:
    """The run gives its place to the earlier one, and waits for the next."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepPlace:
    """The run goes on with its place."""

    reason: str


def place_step(graph: Graph, items: RunItems, earlier: Graph, previous: RunItems) -> GiveWay | KeepPlace:
    """What a running run does with its place while the run before it is queued.

    ``earlier`` is the graph of that run, ``previous`` its items. It gives way once nothing of it can go on
    before that run has.
    """
    at_work = [item.name for item in items.begun() if item.state not in FINAL_STATES]
    if at_work:
        return KeepPlace(reason=f"at work is {named(at_work)}")
    waiting: list[str] = []
    for task, item, judgement in _decided(graph, items):
        states = states_by_instance(previous, asked_of_past(task, earlier))
        if not asks_for_past(task, judgement) or previous_run(states).passed:
            return KeepPlace(reason=f"{item.name} is about to go on")
        waiting.append(item.name)
    if not waiting:
        return KeepPlace(reason="none of its tasks waits for the run before it")
    return GiveWay(reason=f"all that is left of it waits for the run before it, first {named(waiting)}")


def _decided(graph: Graph, items: RunItems) -> Iterator[tuple[Task, TaskInstance, Judgement]]:
    """The task instances that have not begun although their trigger rules are decided."""
    for task in graph.tasks.values():
        whole = items.instance(task.task_id)
        for item in items.instances_of(task):
            judgement = judged(graph, task, item, whole)
            if item.state is None and judgement.verdict is not Verdict.WAIT:
                yield task, item, judgement
