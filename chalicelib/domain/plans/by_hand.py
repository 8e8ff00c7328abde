"""Plans to alter the tasks of a run by hand: which are cleared, which are marked.

Pure: chosen from the graph and from what the run's items are. A plan names each task instance (by the key
of its item) as it was when it was chosen (by its number of clears), so that carrying it out twice, or late,
alters nothing else.

A cleared index of a mapped task is cleared along with the unexpanded instance of the task: that decides
anew, and the length of what the task is mapped over may be another one by then.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.states import FAILURE_STATES, TaskInstanceState
from chalicelib.domain.tasks.hearers import Levels
from chalicelib.domain.tasks.keys import parse_task_key, task_key
from chalicelib.domain.tasks.run_items import RunItems, map_indexes
from chalicelib.domain.tasks.task_instances import TaskInstance


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which task instances of a run are to be altered.

    ``only_failed`` and ``only_running`` together leave both kinds in, as in Airflow.
    """

    task_ids: tuple[str, ...] | None = None
    """None: all."""
    map_indexes: tuple[int, ...] | None = None
    """Of the tasks named by ``task_ids`` only these instances, as in Airflow; None: all."""
    upstream: bool = False
    """With what lies upstream of these."""
    downstream: bool = False
    """With what lies downstream of these."""
    only_failed: bool = False
    """Of these, only task instances that failed."""
    only_running: bool = False
    """Of these, only task instances that run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be done to which task instances; each is named with the number of clears that it had."""

    cleared: Mapping[str, int] = field(default_factory=dict)
    """Keys of the items, with their clears, that run again."""
    marked: Mapping[str, int] = field(default_factory=dict)
    """Keys of the items, with their clears, that end."""
    state: TaskInstanceState = TaskInstanceState.SUCCESS
    """What the marked ones become."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.cleared and not self.marked

    @property
    def altered(self) -> Mapping[str, int]:
        """All that are altered."""
        return {**self.marked, **self.cleared}

    def as_text(self) -> str:
        """Its JSON form."""
        return json.dumps({"cleared": self.cleared, "marked": self.marked, "state": self.state})

    @classmethod
    def from_text(cls, text: str) -> "Plan":
        """Read the JSON form; one that was kept before tasks could be mapped names them by their ids."""
        document = json.loads(text)
        return cls(
            cleared=_by_key(document["cleared"]),
            marked=_by_key(document["marked"]),
            state=TaskInstanceState(document["state"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """The task instance becomes the state of the plan."""

    state: TaskInstanceState


@dataclass(frozen=True, kw_only=True, slots=True)
class Clear:
    """The task instance becomes as if nothing had happened to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leave:
    """The task instance stays as it is."""

    reason: str


def alteration_of(plan: Plan, item: TaskInstance) -> Mark | Clear | Leave:
    """What a plan does to a task instance as it is now."""
    if plan.marked.get(item.key) == item.clears:
        if item.map_index == NOT_MAPPED and item.map_length is not None:
            return Leave(reason="it was expanded since the plan was made")
        return Mark(state=plan.state)
    if plan.cleared.get(item.key) == item.clears:
        return Clear()
    if item.key in plan.marked or item.key in plan.cleared:
        return Leave(reason="it was altered since the plan was made")
    return Leave(reason="the plan does not name it")


def in_order(graph: Graph, keys: Iterable[str]) -> list[str]:
    """The keys of task instances in topological order, by map index; without tasks that the graph lacks."""
    known = [key for key in keys if parse_task_key(key)[0] in graph.tasks]
    return sorted(known, key=lambda key: _place(graph, key))


def marks_ahead(graph: Graph, plan: Plan, current: RunItems) -> bool:
    """Whether a marked task may have others at work before it, and what follows it beside them.

    ``current``: the items of the run, as far as the plan has been carried out.
    """
    upstream = {name for task_id in _tasks_of(plan.marked) for name in graph.tasks[task_id].upstream}
    return any(not is_over(item) for item in _all_instances(graph, current, upstream))


def clears_behind(graph: Graph, plan: Plan, current: RunItems) -> bool:
    """Whether a cleared task has others after it that have begun and are not cleared with it.

    To be asked once its ends are void: from then on what has not begun waits for it.
    """
    downstream = {name for task_id in _tasks_of(plan.cleared) for name in graph.tasks[task_id].downstream}
    after = _all_instances(graph, current, downstream)
    return any(_may_have_begun(graph, item) for item in after if item.key not in plan.cleared)


def to_be_decided(graph: Graph, plan: Plan, current: RunItems) -> Mapping[str, frozenset[int]]:
    """The map indexes of the task instances that are not decided yet, or are being cleared, by task."""
    found: dict[str, set[int]] = {}
    for item in current.all_instances(graph.tasks.values()):
        if item.state is None or isinstance(alteration_of(plan, item), Clear):
            found.setdefault(item.task_id, set()).add(item.map_index)
    return {task_id: frozenset(indexes) for task_id, indexes in found.items()}


def end_awaits(
    graph: Graph, item: TaskInstance, undecided: Mapping[str, frozenset[int]], levels: Levels
) -> bool:
    """Whether the end of the run is sure to come after the next end of a task instance that is cleared.

    It does if what follows the instance is ``undecided`` (as ``to_be_decided`` says, of items that were
    read with the notes that are void already, so that what is decided of them heeds these). A task that has
    instances does not end itself.
    """
    task = graph.tasks[item.task_id]
    is_gate = item.map_index == NOT_MAPPED and NOT_MAPPED not in map_indexes(task, item)
    if graph.reports(item.task_id) or is_gate:
        return True
    after = (graph.tasks[name] for name in task.downstream)
    awaiting = (each for each in after if each.task_id in undecided and graph.awaits(each, task))
    return any(_is_heard(graph, item, each, undecided[each.task_id], levels) for each in awaiting)


def chosen(graph: Graph, items: RunItems, choice: Choice) -> list[TaskInstance]:
    """The task instances of a choice, in topological order; raises ``TaskNotFound``."""
    states = _states(choice)
    found = _all_instances(graph, items, _names(graph, choice))
    return [item for item in found if _has_index(item, choice) and (not states or item.state in states)]


def clearing(graph: Graph, items: RunItems, found: Iterable[TaskInstance]) -> Plan:
    """The plan to clear task instances."""
    return Plan(cleared=_cleared(graph, items, found))


def marking(
    graph: Graph, items: RunItems, choice: Choice, state: TaskInstanceState
) -> tuple[list[TaskInstance], Plan]:
    """What is marked of a choice (what has the state already is not), and the plan to do it.

    As in Airflow, failed tasks downstream of the named ones are cleared along with it, so that they go on
    from there; even where they were to be marked failed themselves. Of mapped ones, whichever indexes were
    named, that is every failed index.
    """
    found = [item for item in chosen(graph, items, choice) if item.state is not state]
    named = frozenset(choice.task_ids if choice.task_ids is not None else graph.tasks)
    becomes = dict.fromkeys((item.key for item in found), state)
    following = frozenset().union(*(graph.descendants(name) for name in named)) - named
    after = _all_instances(graph, items, following)
    resumed = [item for item in after if becomes.get(item.key, item.state) in FAILURE_STATES]
    cleared = _cleared(graph, items, resumed)
    marked = {item.key: item.clears for item in found if item.key not in cleared}
    return found, Plan(cleared=cleared, marked=marked, state=state)


def _cleared(graph: Graph, items: RunItems, found: Iterable[TaskInstance]) -> Mapping[str, int]:
    """The instances by key; along with indexes, the unexpanded instances of their tasks."""
    wanted = list(found)
    expanded = {item.task_id for item in wanted if item.map_index != NOT_MAPPED}
    unexpanded = (items.instance(name) for name in graph.tasks if name in expanded)
    return {item.key: item.clears for item in (*unexpanded, *wanted)}


def _by_key(clears: Mapping[str, int]) -> Mapping[str, int]:
    return {name if "#" in name else task_key(name): number for name, number in clears.items()}


def _is_heard(
    graph: Graph, item: TaskInstance, successor: Task, indexes: frozenset[int], levels: Levels
) -> bool:
    """Whether an instance is heard of by one of these map indexes (at least one) of a task after it."""
    depth = graph.common_depth(graph.tasks[item.task_id], successor)
    if not depth or item.map_index == NOT_MAPPED or NOT_MAPPED in indexes:
        return True
    width = prod(levels.get(successor.task_id, ())[depth:])
    first = item.map_index // prod(item.levels[depth:]) * width
    return any(index in indexes for index in range(first, first + width))


def _place(graph: Graph, key: str) -> tuple[int, int]:
    task_id, map_index = parse_task_key(key)
    return graph.number(task_id), map_index


def _tasks_of(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(parse_task_key(key)[0] for key in keys)


def _all_instances(graph: Graph, items: RunItems, names: Collection[str]) -> Iterator[TaskInstance]:
    """The task instances that exist of tasks, in topological order."""
    return items.all_instances(task for name, task in graph.tasks.items() if name in names)


def _has_index(item: TaskInstance, choice: Choice) -> bool:
    """Whether the choice of map indexes leaves an instance in; it is for what is named, not for the rest."""
    if choice.map_indexes is None or item.task_id not in (choice.task_ids or (item.task_id,)):
        return True
    return item.map_index in choice.map_indexes


def is_over(item: TaskInstance) -> bool:
    """Whether a task instance has ended."""
    return item.state is not None and item.state.is_final


def _may_have_begun(graph: Graph, item: TaskInstance) -> bool:
    """Whether a task may have begun; one with many upstreams may have, since it was read."""
    return graph.join_before(item.task_id).bucket_count > 0 or item.state is not None


def _states(choice: Choice) -> frozenset[TaskInstanceState]:
    failed = FAILURE_STATES if choice.only_failed else frozenset()
    running = {TaskInstanceState.RUNNING} if choice.only_running else frozenset()
    return failed | running


def _names(graph: Graph, choice: Choice) -> frozenset[str]:
    if choice.task_ids is None:
        return frozenset(graph.tasks)
    named = frozenset(graph.task(name).task_id for name in choice.task_ids)
    above = (graph.ancestors(name) for name in named) if choice.upstream else ()
    below = (graph.descendants(name) for name in named) if choice.downstream else ()
    return named.union(*above, *below)
