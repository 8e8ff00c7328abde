"""The place of a running run that waits for an earlier one: kept, or given up to it.

Airflow lets a run that was cleared wait for ever behind a later one that holds the last place under
``max_active_runs`` and waits for it (``depends_on_past``). Here the later one gives way.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.trigger_rules import Arrived, Verdict, judge
from chalicelib.domain.plans.checks import named, previous_run
from chalicelib.domain.plans.steps import asks_for_past
from chalicelib.domain.states import FINAL_STATES
from chalicelib.domain.tasks.arrivals import arrived
from chalicelib.domain.tasks.run_items import RunItems


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveWay:
    """The run gives its place to the earlier one, and waits for the next."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepPlace:
    """The run goes on with its place."""

    reason: str


def asked_of_past(task: Task, known: Collection[str]) -> tuple[str, ...]:
    """The tasks of the previous run that a task waits for, of those that run knows; none without
    ``depends_on_past``.
    """
    if not task.depends_on_past:
        return ()
    downstream = task.downstream if task.wait_for_downstream else ()
    return tuple(name for name in (task.task_id, *downstream) if name in known)


def place_step(
    graph: Graph, items: RunItems, previous: RunItems, known: Collection[str]
) -> GiveWay | KeepPlace:
    """What a running run does with its place while the run before it is queued.

    ``known`` are the tasks of that run, ``previous`` its items. It gives way once nothing of it can go on
    before that run has.
    """
    at_work = [item.task_id for item in items.begun() if item.state not in FINAL_STATES]
    if at_work:
        return KeepPlace(reason=f"at work is {named(at_work)}")
    waiting: list[str] = []
    for task, heard in _decided(graph, items):
        states = {name: previous.instance(name).state for name in asked_of_past(task, known)}
        if not asks_for_past(task, heard) or previous_run(states).passed:
            return KeepPlace(reason=f"{task.task_id} is about to go on")
        waiting.append(task.task_id)
    if not waiting:
        return KeepPlace(reason="none of its tasks waits for the run before it")
    return GiveWay(reason=f"all that is left of it waits for the run before it, first {named(waiting)}")


def _decided(graph: Graph, items: RunItems) -> Iterator[tuple[Task, Arrived]]:
    """The tasks that have not begun although their trigger rules are decided, with what they heard."""
    for task in graph.tasks.values():
        item = items.instance(task.task_id)
        heard = arrived(graph.join_before(task.task_id), item.notes)
        if item.state is None and judge(task.trigger_rule, heard).verdict is not Verdict.WAIT:
            yield task, heard
