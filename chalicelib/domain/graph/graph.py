"""The graph of one DAG version, as the engine sees it: tasks, joins and the end of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from chalicelib.domain.errors import TaskNotFound
from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.graph.expansion import Expansion
from chalicelib.domain.graph.join import END_OF_RUN, Join, waited_for
from chalicelib.domain.graph.trigger_rules import TriggerRule
from chalicelib.domain.slots.limits import Limit, Share

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
    """What the engine knows of a task."""

    task_id: str
    operator: str
    """The class of its operator, as the API shows it."""
    upstream: tuple[str, ...]
    """Ids of the tasks directly before it."""
    downstream: tuple[str, ...]
    """Ids of the tasks directly after it."""
    trigger_rule: TriggerRule
    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: bool
    max_retry_delay: timedelta | None
    """The most that an exponential backoff grows to; None: it grows on."""
    pool: str
    pool_slots: int
    """How many slots of its pool one try takes."""
    priority_weight: int
    """Airflow's weight rule is worked in already."""
    queue: str
    """Airflow's queue; shown, and not used."""
    is_empty: bool
    """Whether it needs no worker."""
    may_skip: MaySkip
    """Which tasks it may order to be skipped when it ends."""
    depends_on_past: bool
    wait_for_downstream: bool
    limits: tuple[Limit, ...] = ()
    """Those of its DAG and its own that can bind at all."""
    attributes: Mapping[str, str]
    """What the API shows of it, as texts."""
    callbacks: frozenset[CallbackKind] = frozenset()
    """The kinds of callbacks that it has."""
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    """Of a teardown: whether its end counts for the state of the run."""
    expansion: Expansion | None = None
    """What it is mapped over; None for a task that is not mapped."""

    @property
    def waits_for_all(self) -> bool:
        """Whether it never starts before each of its upstreams has ended."""
        return self.trigger_rule.waits_for_all


class Graph:
    """Tasks by id, in topological order, with what follows from their shape.

    ``active_runs`` limits the DAG's runs (None: not at all); ``catchup`` says that scheduled runs
    depend on scheduled ones only; ``dagrun_timeout`` is how long a run may take (None: as long as it
    likes); ``callbacks`` are those of the DAG itself. ``share_of_run`` is what one run may use of
    ``max_active_tasks`` where the shape of the DAG keeps that (None: a limit on its tasks does).
    ``fail_stop``: a task that fails stops the others of its run.
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
        fail_stop: bool = False,
    ) -> None:
        self.dag_id = dag_id
        self.tasks = dict(tasks)
        self.active_runs = active_runs
        self.catchup = catchup
        self.dagrun_timeout = dagrun_timeout
        self.callbacks = callbacks
        self.share_of_run = share_of_run
        self.fail_stop = fail_stop

    @property
    def limits(self) -> frozenset[Limit]:
        """Every limit on the DAG's runs and tasks that can bind."""
        of_tasks = (limit for task in self.tasks.values() for limit in task.limits)
        return frozenset((*of_tasks, *([self.active_runs] if self.active_runs else ())))

    @cached_property
    def depends_on_past(self) -> bool:
        """Whether any task asks how the previous run stands."""
        return any(task.depends_on_past for task in self.tasks.values())

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
        """The join at the end of the run: complete exactly when no task can run any more.

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
                earlier = waited_for(join)
                implied[task.task_id] = earlier.union(*(implied[name] for name in earlier))
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

        ``implied`` names, for each earlier task, the tasks that are sure to have ended before it.
        """
        distant = self.distant_orderers(task.task_id)
        if not distant or task.trigger_rule is TriggerRule.ALWAYS:
            return ()
        if not task.trigger_rule.waits_for_all:
            return tuple(distant)
        known = frozenset().union(*(implied[name] for name in task.upstream))
        return tuple(name for name in distant if name not in known)

    def joins_after(self, task_id: str) -> tuple[Join, ...]:
        """The joins that hear of this task's end: the successors', the listening ones, the run's end."""
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
