"""Plans to alter the tasks of a run by hand: which are cleared, which are marked.

Pure: chosen from the graph and from what the run's items are. A plan names each task instance as it was
when it was chosen (by its number of clears), so that carrying it out twice, or late, alters nothing else.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.states import FAILURE_STATES, TaskInstanceState
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance


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
