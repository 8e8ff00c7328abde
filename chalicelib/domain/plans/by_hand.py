"""Plans to alter the tasks of a run by hand: which are cleared, which are marked.

Pure: chosen from the graph and from what the run's items are. A plan names each task instance as it was
when it was chosen (by its number of clears), so that carrying it out twice, or late, alters nothing else.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.graph.join import Join
from chalicelib.domain.states import FAILURE_STATES, TaskInstanceState
from chalicelib.domain.tasks.arrivals import place_at
from chalicelib.domain.tasks.notes import Notes
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import is_void


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which tasks of a run are to be altered.

    ``only_failed`` and ``only_running`` together leave both kinds in, as in Airflow.
    """

    task_ids: tuple[str, ...] | None = None
    """None: all."""
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
    """Task ids, with their clears, that run again."""
    marked: Mapping[str, int] = field(default_factory=dict)
    """Task ids, with their clears, that end."""
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
        """Read the JSON form."""
        document = json.loads(text)
        return cls(
            cleared=document["cleared"],
            marked=document["marked"],
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


Current = Callable[[str], TaskInstance]
"""The task instance of a task, as far as a plan has been carried out."""


def alteration_of(plan: Plan, item: TaskInstance) -> Mark | Clear | Leave:
    """What a plan does to a task instance as it is now."""
    if plan.marked.get(item.task_id) == item.clears:
        return Mark(state=plan.state)
    if plan.cleared.get(item.task_id) == item.clears:
        return Clear()
    if item.task_id in plan.altered:
        return Leave(reason="it was altered since the plan was made")
    return Leave(reason="the plan does not name it")


def marks_ahead(graph: Graph, plan: Plan, current: Current) -> bool:
    """Whether a marked task may have others at work before it, and what follows it beside them."""
    upstreams = (current(name) for task_id in plan.marked for name in graph.tasks[task_id].upstream)
    return any(not _is_over(item) for item in upstreams)


def clears_behind(graph: Graph, plan: Plan, current: Current) -> bool:
    """Whether a cleared task has others after it that have begun and are not cleared with it.

    To be asked once its ends are void: from then on what has not begun waits for it.
    """
    downstream = {name for task_id in plan.cleared for name in graph.tasks[task_id].downstream}
    return any(_may_have_begun(graph, current(name)) for name in downstream - plan.cleared.keys())


def end_awaits(graph: Graph, plan: Plan, task_id: str, current: Current) -> bool:
    """Whether the end of the run is sure to come after the next end of a task that is cleared.

    (Its successors were read with the notes that are void already, so what is decided of them heeds these.)
    """
    if graph.reports(task_id):
        return True
    successors = (graph.tasks[name] for name in graph.tasks[task_id].downstream)
    awaiting = (current(task.task_id) for task in successors if task.trigger_rule.waits_for_all)
    return any(item.state is None or isinstance(alteration_of(plan, item), Clear) for item in awaiting)


def has_ended(graph: Graph, join: Join, upstream: TaskInstance, notes: Notes) -> bool:
    """Whether an upstream of a join has ended and is not being cleared.

    ``notes`` are those on the item of the join where the upstream leaves its own.
    """
    number = place_at(graph, join, upstream.task_id).number
    return _is_over(upstream) and not is_void(notes, number, upstream.clears)


def chosen(graph: Graph, items: RunItems, choice: Choice) -> list[TaskInstance]:
    """The task instances of a choice, in topological order; raises ``TaskNotFound``."""
    states = _states(choice)
    found = items.instances(_in_order(graph, _names(graph, choice)))
    return [item for item in found if not states or item.state in states]


def clearing(items: Iterable[TaskInstance]) -> Plan:
    """The plan to clear task instances."""
    return Plan(cleared={item.task_id: item.clears for item in items})


def marking(
    graph: Graph, items: RunItems, choice: Choice, state: TaskInstanceState
) -> tuple[list[TaskInstance], Plan]:
    """What is marked of a choice (what has the state already is not), and the plan to do it.

    As in Airflow, failed tasks downstream of the named ones are cleared along with it, so that they go on
    from there; even where they were to be marked failed themselves.
    """
    found = [item for item in chosen(graph, items, choice) if item.state is not state]
    named = frozenset(choice.task_ids if choice.task_ids is not None else graph.tasks)
    becomes = dict.fromkeys((item.task_id for item in found), state)
    following = frozenset().union(*(graph.descendants(name) for name in named)) - named
    after = items.instances(_in_order(graph, following))
    resumed = [item for item in after if becomes.get(item.task_id, item.state) in FAILURE_STATES]
    cleared = {item.task_id: item.clears for item in resumed}
    marked = {item.task_id: item.clears for item in found if item.task_id not in cleared}
    return found, Plan(cleared=cleared, marked=marked, state=state)


def _is_over(item: TaskInstance) -> bool:
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


def _in_order(graph: Graph, names: Collection[str]) -> list[str]:
    return [name for name in graph.tasks if name in names]
