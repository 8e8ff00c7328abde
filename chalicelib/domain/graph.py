"""The graph of one DAG version, as the engine sees it: tasks, joins and the end of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from chalicelib.domain import limits
from chalicelib.domain.callbacks import CallbackKind
from chalicelib.domain.errors import TaskNotFound
from chalicelib.domain.limits import Limit, Share
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
    """What the engine knows of a task; durations are timedeltas, weights include Airflow's weight rule.

    ``limits`` are those of its DAG and its own that can bind at all.
    """

    task_id: str
    operator: str
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    trigger_rule: TriggerRule
    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: bool
    max_retry_delay: timedelta | None
    pool: str
    pool_slots: int
    priority_weight: int
    queue: str
    is_empty: bool
    may_skip: MaySkip
    depends_on_past: bool
    wait_for_downstream: bool
    limits: tuple[Limit, ...] = ()
    attributes: Mapping[str, str]
    callbacks: frozenset[CallbackKind] = frozenset()
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    """Of a teardown: whether its end counts for the state of the run."""

    @property
    def waits_for_all(self) -> bool:
        """Whether it never starts before each of its upstreams has ended."""
        return self.trigger_rule.waits_for_all


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """Where the ends of several tasks meet: before a task, or (``END_OF_RUN``) before the run's end.

    ``listens_to`` are tasks further up that may decide about this one (by ordering a skip, or as a setup
    that does not succeed) and whose end the upstreams do not imply, so that they have to be heard too.
    ``skippers`` are the numbers of all that may decide so.
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

    ``active_runs`` limits the DAG's runs (None: not at all); ``catchup`` says that scheduled runs
    depend on scheduled ones only; ``dagrun_timeout`` is how long a run may take (None: as long as it
    likes); ``callbacks`` are those of the DAG itself. ``share_of_run`` is what one run may use of
    ``max_active_tasks`` where the shape of the DAG keeps that (None: a limit on its tasks does).
    """

    def __init__(
        self,
        dag_id: str,
        tasks: Mapping[str, Task],
        *,
        active_runs: Limit | None = None,
        catchup: bool = False,
        dagrun_timeout: timedelta | None = None,
        callbacks: frozenset[CallbackKind] = frozenset(),
        share_of_run: Share | None = None,
    ) -> None:
        self.dag_id = dag_id
        self.tasks = dict(tasks)
        self.active_runs = active_runs
        self.catchup = catchup
        self.dagrun_timeout = dagrun_timeout
        self.callbacks = callbacks
        self.share_of_run = share_of_run

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Graph":
        """Build the graph from a serialized DAG (``dag.serialization``)."""
        downstream: dict[str, list[str]] = {task["task_id"]: [] for task in document["tasks"]}
        for task in document["tasks"]:
            for upstream in task["upstream"]:
                downstream[upstream].append(task["task_id"])
        tasks = {
            task["task_id"]: _task(task, tuple(downstream[task["task_id"]])) for task in document["tasks"]
        }
        is_kept_by_shape = _is_kept_by_shape(document, tasks)
        return cls(
            document["dag_id"],
            _limited(document, tasks, is_kept_by_shape=is_kept_by_shape),
            active_runs=limits.active_runs(document["dag_id"], document["max_active_runs"]),
            catchup=document["catchup"],
            dagrun_timeout=_duration(document.get("dagrun_timeout")),
            callbacks=_callbacks(document),
            share_of_run=_share_of_run(document) if is_kept_by_shape else None,
        )

    @property
    def limits(self) -> frozenset[Limit]:
        """Every limit on the DAG's runs and tasks that can bind."""
        of_tasks = (limit for task in self.tasks.values() for limit in task.limits)
        return frozenset((*of_tasks, *([self.active_runs] if self.active_runs else ())))

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
        it. What remains are the leaves, and the tasks that have only successors that may end early; and
        whatever decides the run's state.
        """
        upstream = tuple(
            task.task_id
            for task in self.tasks.values()
            if not self._is_awaited(task) or task.task_id in self.decisive
        )
        return Join(task_id=END_OF_RUN, upstream=upstream, trigger_rule=TriggerRule.ALL_DONE)

    def _is_awaited(self, task: Task) -> bool:
        return any(self.tasks[successor].trigger_rule.waits_for_all for successor in task.downstream)

    @cached_property
    def decisive(self) -> frozenset[str]:
        """The tasks whose ends make the state of the run: the leaves.

        Teardowns do not count as long as there is anything else, and so what comes before nothing but
        teardowns is a leaf; one with ``on_failure_fail_dagrun`` counts like any task (as in Airflow).
        """
        counting = {
            name for name, task in self.tasks.items() if not task.is_teardown or task.on_failure_fail_dagrun
        }
        leaves = frozenset(name for name in counting if counting.isdisjoint(self.tasks[name].downstream))
        return leaves or frozenset(name for name, task in self.tasks.items() if not task.downstream)

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
            if self._has_orderers:
                waited_for = _waited_for(join)
                implied[task.task_id] = waited_for.union(*(implied[name] for name in waited_for))
        return joins

    def _join_before(self, task: Task, implied: Mapping[str, frozenset[str]]) -> Join:
        listens_to = self._must_hear(task, implied)
        senders = (*task.upstream, *listens_to)
        skippers = (
            number
            for number, name in enumerate(senders)
            if self.tasks[name].may_skip is not MaySkip.NONE or name in listens_to
        )
        return Join(
            task_id=task.task_id,
            upstream=task.upstream,
            trigger_rule=task.trigger_rule,
            listens_to=listens_to,
            skippers=frozenset(skippers),
        )

    def _must_hear(self, task: Task, implied: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
        """The distant orderers whose end a task does not learn from the ends of its upstreams.

        ``implied`` are, for each earlier task, those that are sure to have ended before it.
        """
        distant = self.distant_orderers(task.task_id)
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
        if self._may_order(task):
            joins += self._listeners(task)
        return (*joins, self.end_of_run) if task_id in self._reporting else tuple(joins)

    def _listeners(self, task: Task) -> list[Join]:
        distant = sorted(self.descendants(task.task_id) - set(task.downstream), key=self.number)
        joins = (self.join_before(name) for name in distant)
        return [join for join in joins if task.task_id in join.listens_to]

    def distant_orderers(self, task_id: str) -> list[str]:
        """The tasks above the direct upstreams that may decide about this one, in graph order.

        A short circuit orders it to be skipped; a setup that it needs does not succeed.
        """
        if not self._has_orderers:
            return []
        distant = self.ancestors(task_id) - set(self.tasks[task_id].upstream)
        orderers = {name for name in distant if self.tasks[name].may_skip is MaySkip.ALL}
        return sorted(orderers | self.indirect_setups[task_id], key=self.number)

    @cached_property
    def _has_orderers(self) -> bool:
        return any(self._may_order(task) for task in self.tasks.values())

    def _may_order(self, task: Task) -> bool:
        return task.may_skip is MaySkip.ALL or task.is_setup

    @cached_property
    def indirect_setups(self) -> Mapping[str, frozenset[str]]:
        """For each task the setups above its direct upstreams that it needs, as in Airflow.

        It needs a setup whose teardown comes after it, or that has none. Teardowns and tasks with the
        rule ``always`` need none.
        """
        if not any(task.is_setup for task in self.tasks.values()):
            return dict.fromkeys(self.tasks, frozenset())
        return {name: self._indirect_setups(task) for name, task in self.tasks.items()}

    def _indirect_setups(self, task: Task) -> frozenset[str]:
        if task.is_teardown or task.trigger_rule is TriggerRule.ALWAYS:
            return frozenset()
        distant = self.ancestors(task.task_id) - set(task.upstream)
        setups = [self.tasks[name] for name in distant if self.tasks[name].is_setup]
        below = self.descendants(task.task_id) if setups else frozenset()
        teardowns = {setup.task_id: self._teardowns_of(setup) for setup in setups}
        return frozenset(name for name, own in teardowns.items() if not own or own & below)

    def _teardowns_of(self, setup: Task) -> frozenset[str]:
        return frozenset(name for name in setup.downstream if self.tasks[name].is_teardown)

    def needing(self, setup: str) -> tuple[str, ...]:
        """The tasks that need a setup without following it directly, in graph order."""
        return self._needing.get(setup, ())

    @cached_property
    def _needing(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name in self.tasks:
            for setup in self.indirect_setups[name]:
                found.setdefault(setup, []).append(name)
        return {setup: tuple(names) for setup, names in found.items()}

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


def _is_kept_by_shape(document: Mapping[str, Any], tasks: Mapping[str, Task]) -> bool:
    """Whether the runs of a DAG, none of whose tasks is altered by hand, never reach ``max_active_tasks``."""
    most_runs: int = document["max_active_runs"]
    most_tasks: int = document["max_active_tasks"]
    return most_runs >= 1 and limits.widest(tasks) * most_runs <= most_tasks


def _share_of_run(document: Mapping[str, Any]) -> Share:
    limit = limits.active_tasks(document["dag_id"], document["max_active_tasks"])
    return limits.share_of_run(limit, document["max_active_runs"])


def _limited(
    document: Mapping[str, Any], tasks: Mapping[str, Task], *, is_kept_by_shape: bool
) -> dict[str, Task]:
    """The tasks with the limits that can bind.

    A limit that what the DAG may run at once never reaches costs nothing. (Of one run, a task has one
    instance, so ``max_active_tis_per_dagrun`` never binds.)
    """
    dag_id, most_runs = document["dag_id"], document["max_active_runs"]
    shared: tuple[Limit, ...] = ()
    if not is_kept_by_shape:
        shared = (limits.active_tasks(dag_id, document["max_active_tasks"]),)
    own: dict[str, tuple[Limit, ...]] = {}
    for task in document["tasks"]:
        name, most = task["task_id"], task["max_active_tis_per_dag"]
        if most is not None and (most_runs < 1 or most_runs > most):
            own[name] = (limits.active_instances(dag_id, name, most),)
    return {name: replace(task, limits=shared + own.get(name, ())) for name, task in tasks.items()}


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
        retry_exponential_backoff=document["retry_exponential_backoff"],
        max_retry_delay=_duration(document["max_retry_delay"]),
        pool=document["pool"],
        pool_slots=document["pool_slots"],
        priority_weight=document["priority_weight"],
        queue=document["queue"],
        is_empty=document["is_empty"],
        may_skip=MaySkip(document["may_skip"]),
        depends_on_past=document["depends_on_past"],
        wait_for_downstream=document["wait_for_downstream"],
        attributes=document["attributes"],
        callbacks=_callbacks(document),
        is_setup=document.get("is_setup", False),
        is_teardown=document.get("is_teardown", False),
        on_failure_fail_dagrun=document.get("on_failure_fail_dagrun", False),
    )


def _callbacks(document: Mapping[str, Any]) -> frozenset[CallbackKind]:
    return frozenset(CallbackKind(name) for name in document.get("callbacks", ()))
