"""The graph of one DAG version, as the engine sees it: tasks, joins and the end of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from chalicelib.domain.errors import TaskNotFound
from chalicelib.domain.trigger_rules import TriggerRule

BUCKET_SIZE = 64
"""Upstreams that meet in one item; above that they meet in buckets first, so that an item stays small."""

END_OF_RUN = ""
"""The task id of the virtual sink. No task has it: Airflow's ids are never empty."""

NOT_MAPPED = -1
"""Airflow's map index of a task instance that is not mapped."""


class MaySkip(StrEnum):
    """Which tasks a task may order to be skipped when it ends."""

    NONE = "none"
    DIRECT = "direct"
    """Its direct successors: a branch, a short circuit that respects trigger rules."""
    ALL = "all"
    """Everything downstream of it: a short circuit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What the engine knows of a task; durations are timedeltas, weights include Airflow's weight rule."""

    task_id: str
    operator: str
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    trigger_rule: TriggerRule
    retries: int
    retry_delay: timedelta
    pool: str
    pool_slots: int
    priority_weight: int
    queue: str
    is_empty: bool
    may_skip: MaySkip
    attributes: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """Where the ends of several tasks meet: before a task, or (``END_OF_RUN``) before the run's end.

    ``listens_to`` are tasks further up that may order a skip and whose end the upstreams do not imply,
    so that they have to be heard too. ``skippers`` are the numbers of all that may order one.
    """

    task_id: str
    upstream: tuple[str, ...]
    trigger_rule: TriggerRule
    listens_to: tuple[str, ...] = ()
    skippers: frozenset[int] = frozenset()

    def number(self, task_id: str) -> int:
        """The number under which a task leaves its marks here."""
        return (self.upstream + self.listens_to).index(task_id)

    @property
    def size(self) -> int:
        """How many tasks leave a mark here."""
        return len(self.upstream) + len(self.listens_to)

    @property
    def bucket_count(self) -> int:
        """How many buckets the upstreams meet in first; 0 when they meet at the join itself."""
        return 0 if self.size <= BUCKET_SIZE else -(-self.size // BUCKET_SIZE)

    def bucket_size(self, bucket: int) -> int:
        """How many upstreams meet in a bucket."""
        return min(BUCKET_SIZE, self.size - bucket * BUCKET_SIZE)


class Graph:
    """Tasks by id, in topological order, with what follows from their shape.

    ``dagrun_timeout`` is how long a run may take; None is no limit.
    """

    def __init__(
        self, dag_id: str, tasks: Mapping[str, Task], dagrun_timeout: timedelta | None = None
    ) -> None:
        self.dag_id = dag_id
        self.tasks = dict(tasks)
        self.dagrun_timeout = dagrun_timeout

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Graph":
        """Build the graph from a serialized DAG (``dag.serialization``)."""
        downstream: dict[str, list[str]] = {task["task_id"]: [] for task in document["tasks"]}
        for task in document["tasks"]:
            for upstream in task["upstream"]:
                downstream[upstream].append(task["task_id"])
        tasks = (_task(task, tuple(downstream[task["task_id"]])) for task in document["tasks"])
        by_id = {task.task_id: task for task in tasks}
        return cls(document["dag_id"], by_id, _duration(document.get("dagrun_timeout")))

    def task(self, task_id: str) -> Task:
        """The task of that id; raises ``TaskNotFound``."""
        try:
            return self.tasks[task_id]
        except KeyError:
            raise TaskNotFound(task_id, self.dag_id) from None

    def number(self, task_id: str) -> int:
        """The place of a task in the graph's order."""
        return self._numbers[task_id]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.tasks)}

    @cached_property
    def opened_at_start(self) -> tuple[Task, ...]:
        """Tasks that nothing has to precede: with the rule ``always``, or without upstreams.

        The former come first: once they are open, no arrival can open them a second time.
        """
        tasks = self.tasks.values()
        always = [task for task in tasks if task.upstream and task.trigger_rule is TriggerRule.ALWAYS]
        return (*always, *(task for task in tasks if not task.upstream))

    @cached_property
    def end_of_run(self) -> Join:
        """The virtual sink: complete exactly when no task can run any more.

        A task whose end some successor always waits for need not report: the successor's end implies
        it. What remains are the leaves, and the tasks that have only successors that may end early.
        """
        upstream = tuple(task.task_id for task in self.tasks.values() if not self._is_awaited(task))
        return Join(task_id=END_OF_RUN, upstream=upstream, trigger_rule=TriggerRule.ALL_DONE)

    def _is_awaited(self, task: Task) -> bool:
        return any(self.tasks[successor].trigger_rule.waits_for_all for successor in task.downstream)

    def reports(self, task_id: str) -> bool:
        """Whether the end of the run has to hear of this task's end, for no other end implies it."""
        return task_id in self._reporting

    def join_before(self, task_id: str) -> Join:
        """The join of a task's upstreams."""
        return self._joins[task_id]

    @cached_property
    def _joins(self) -> dict[str, Join]:
        joins: dict[str, Join] = {}
        implied: dict[str, frozenset[str]] = {}
        for task in self.tasks.values():
            join = joins[task.task_id] = self._join_before(task, implied)
            if self._has_distant_skippers:
                waited_for = _waited_for(join)
                implied[task.task_id] = waited_for.union(*(implied[name] for name in waited_for))
        return joins

    def _join_before(self, task: Task, implied: Mapping[str, frozenset[str]]) -> Join:
        listens_to = self._must_hear(task, implied)
        senders = (*task.upstream, *listens_to)
        skippers = (n for n, name in enumerate(senders) if self.tasks[name].may_skip is not MaySkip.NONE)
        return Join(
            task_id=task.task_id,
            upstream=task.upstream,
            trigger_rule=task.trigger_rule,
            listens_to=listens_to,
            skippers=frozenset(skippers),
        )

    def _must_hear(self, task: Task, implied: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
        """The distant skippers whose end a task does not learn from the ends of its upstreams.

        ``implied`` are, for each earlier task, those that are sure to have ended before it.
        """
        distant = self.distant_skippers(task.task_id)
        if not distant or task.trigger_rule is TriggerRule.ALWAYS:
            return ()
        if not task.trigger_rule.waits_for_all:
            return tuple(distant)
        known = frozenset().union(*(implied[name] for name in task.upstream))
        return tuple(name for name in distant if name not in known)

    def joins_after(self, task_id: str) -> tuple[Join, ...]:
        """The joins that hear of this task's end: its successors', those that listen, the run's end."""
        task = self.tasks[task_id]
        joins = [self.join_before(successor) for successor in task.downstream]
        if task.may_skip is MaySkip.ALL:
            joins += self._listeners(task)
        return (*joins, self.end_of_run) if task_id in self._reporting else tuple(joins)

    def _listeners(self, task: Task) -> list[Join]:
        distant = sorted(self.descendants(task.task_id) - set(task.downstream), key=self.number)
        joins = (self.join_before(name) for name in distant)
        return [join for join in joins if task.task_id in join.listens_to]

    def distant_skippers(self, task_id: str) -> list[str]:
        """The tasks above the direct upstreams that may order this one to be skipped, in graph order."""
        if not self._has_distant_skippers:
            return []
        distant = self.ancestors(task_id) - set(self.tasks[task_id].upstream)
        return sorted((name for name in distant if self.tasks[name].may_skip is MaySkip.ALL), key=self.number)

    @cached_property
    def _has_distant_skippers(self) -> bool:
        return any(task.may_skip is MaySkip.ALL for task in self.tasks.values())

    def ancestors(self, task_id: str) -> frozenset[str]:
        """All tasks upstream of a task, near and far."""
        return self._reach(task_id, lambda task: task.upstream)

    def descendants(self, task_id: str) -> frozenset[str]:
        """All tasks downstream of a task, near and far."""
        return self._reach(task_id, lambda task: task.downstream)

    def _reach(self, task_id: str, step: Callable[[Task], tuple[str, ...]]) -> frozenset[str]:
        reached: set[str] = set()
        pending = list(step(self.tasks[task_id]))
        while pending:
            name = pending.pop()
            if name not in reached:
                reached.add(name)
                pending.extend(step(self.tasks[name]))
        return frozenset(reached)

    @cached_property
    def _reporting(self) -> frozenset[str]:
        return frozenset(self.end_of_run.upstream)


def _waited_for(join: Join) -> frozenset[str]:
    """The tasks that are sure to have ended before the task of a join starts or is ended."""
    if join.trigger_rule is TriggerRule.ALWAYS:
        return frozenset()
    senders = (*join.upstream, *join.listens_to)
    if join.trigger_rule.waits_for_all:
        return frozenset(senders)
    return frozenset(senders[number] for number in join.skippers)


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _task(document: Mapping[str, Any], downstream: tuple[str, ...]) -> Task:
    return Task(
        task_id=document["task_id"],
        operator=document["operator"],
        upstream=tuple(document["upstream"]),
        downstream=downstream,
        trigger_rule=TriggerRule(document["trigger_rule"]),
        retries=document["retries"],
        retry_delay=timedelta(seconds=document["retry_delay"]),
        pool=document["pool"],
        pool_slots=document["pool_slots"],
        priority_weight=document["priority_weight"],
        queue=document["queue"],
        is_empty=document["is_empty"],
        may_skip=MaySkip(document["may_skip"]),
        attributes=document["attributes"],
    )
