"""Hearers: the joins that hear of what a task instance, or all instances of a task, have come to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.tasks.arrivals import (
    End,
    Path,
    collected_path,
    end_of_all,
    end_of_instance,
    has_to_report,
    path_at,
    path_to,
    report_path,
)
from chalicelib.domain.tasks.notes import Notes
from chalicelib.domain.tasks.task_instances import TaskInstance

Levels = Mapping[str, tuple[int, ...]]
"""The lengths of the mapped groups around tasks, outermost first, by task id; of tasks that are expanded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hearer:
    """A join that hears of an end."""

    join: Join
    path: Path
    end: End


def hearers_of(graph: Graph, item: TaskInstance, levels: Levels) -> Iterator[Hearer]:
    """The joins that hear of the end of a task instance.

    ``levels`` are needed of the successors for which ``deeper_successors`` asks.
    """
    end, task = end_of_instance(graph, item), graph.tasks[item.task_id]
    if item.map_index == NOT_MAPPED:
        yield from hearers_of_task(graph, end)
    else:
        for depth in graph.depths_heard(task):
            join = graph.collector(task, item.map_index, item.levels, depth)
            yield Hearer(join=join, path=collected_path(join, item.map_index), end=end)
        yield from _instances_after(graph, task, end, item.map_index, len(task.groups), levels)
    if has_to_report(graph, item):
        yield Hearer(join=graph.end_of_run, path=report_path(graph, item), end=end)


def hearers_of_task(graph: Graph, end: End) -> Iterator[Hearer]:
    """The joins that hear of the end of a task that has no instances by map index."""
    for join in graph.joins_after(end.task_id):
        yield Hearer(join=join, path=path_at(graph, join, end.task_id), end=end)


def hearers_of_all(graph: Graph, met: Join, notes: Notes, levels: Levels) -> Iterator[Hearer]:
    """The joins that hear of what the instances have come to that have met at ``met``, by the notes there."""
    end, task = end_of_all(met, notes), graph.tasks[met.task_id]
    if met.ancestor is not None:
        yield from _instances_after(graph, task, end, met.ancestor, met.depth, levels)
        return
    for join in graph.joins_after(met.task_id):
        if join.task_id == END_OF_RUN or graph.hears_all(graph.tasks[join.task_id], task):
            yield Hearer(join=join, path=path_at(graph, join, met.task_id), end=end)


def hearers_of_expansion(graph: Graph, task: Task) -> Iterator[Join]:
    """The joins that wait until a task is expanded, not for its instances."""
    for join in graph.joins_after(task.task_id):
        if join.task_id != END_OF_RUN and not graph.hears_all(graph.tasks[join.task_id], task):
            yield join


def deeper_successors(graph: Graph, task: Task, depth: int) -> tuple[Task, ...]:
    """The successors that have several instances for each index at that depth: how many has to be known."""
    return tuple(
        successor
        for successor in graph.hearing_by_index(task)
        if graph.common_depth(task, successor) == depth and len(successor.groups) > depth
    )


def _instances_after(
    graph: Graph, task: Task, end: End, index: int, depth: int, levels: Levels
) -> Iterator[Hearer]:
    """The joins of the single instances that hear of one index of the ``depth`` groups that they share."""
    for successor in graph.hearing_by_index(task):
        if graph.common_depth(task, successor) != depth:
            continue
        for map_index in _indexes(successor, index, depth, levels):
            join = graph.join_before_instance(successor, map_index)
            yield Hearer(join=join, path=path_to(join, join.number(task.task_id)), end=end)


def _indexes(successor: Task, index: int, depth: int, levels: Levels) -> range:
    if len(successor.groups) == depth:
        return range(index, index + 1)
    inner = levels.get(successor.task_id, ())[depth:]
    width = prod(inner) if inner else 0
    return range(index * width, (index + 1) * width)
