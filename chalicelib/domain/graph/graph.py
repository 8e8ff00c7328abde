"""The graph of one DAG version, as the engine sees it: tasks, joins and the end of a run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from math import prod

from chalicelib.domain.errors import TaskNotFound
from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.graph.expansion import Expansion, MappedGroup
from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.graph.marks import Mark
from chalicelib.domain.graph.trigger_rules import FAST, TriggerRule
from chalicelib.domain.slots.limits import Limit, Share
from chalicelib.domain.states import TaskInstanceState

NOT_MAPPED = -1
"""Airflow's map index of a task instance that is not mapped."""


class MaySkip(StrEnum):
    """Which tasks a task may order to be skipped when it ends."""

    NONE = "none"
    BRANCH = "branch"
    """Its direct successors, of its own map index where it is mapped: a branch."""
    DIRECT = "direct"
    """Its direct successors: a short circuit that respects trigger rules."""
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
    wait_for_past_depends_before_skipping: bool = False
    """Whether it asks for the previous run also before its trigger rule skips it."""
    limits: tuple[Limit, ...] = ()
    """Those of its DAG and its own that can bind at all."""
    attributes: Mapping[str, str]
    """What the API shows of it, as texts."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """``ui_color`` and ``ui_fgcolor`` of a mapped task, whose ``attributes`` lack them."""
    callbacks: frozenset[CallbackKind] = frozenset()
    """The kinds of callbacks that it has."""
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    """Of a teardown: whether its end counts for the state of the run."""
    expansion: Expansion | None = None
    """What it is mapped over; None for a task that is not mapped."""
    start_date: datetime | None = None
    """The first execution date whose run has it; None: no run is too early."""
    end_date: datetime | None = None
    """The last execution date whose run has it; None: no run is too late."""
    mark: Mark | None = None
    """The task of another DAG that is cleared with it."""

    @property
    def waits_for_all(self) -> bool:
        """Whether it never starts before each of its upstreams has ended."""
        return self.trigger_rule.waits_for_all

    @property
    def needs_success(self) -> bool:
        """Whether it runs only if each of its upstreams succeeded."""
        return self.trigger_rule is TriggerRule.ALL_SUCCESS

    @property
    def is_mapped(self) -> bool:
        """Whether it has instances by map index."""
        return self.expansion is not None

    @property
    def is_mapped_itself(self) -> bool:
        """Whether it is mapped by itself, and not only with the groups around it."""
        return self.expansion is not None and self.expansion.own is not None

    @property
    def most_instances(self) -> int | None:
        """How many instances a run has of it at most; None where only the run tells."""
        return self.literal_length if self.is_mapped else 1

    def limits_in(self, run_uid: str) -> tuple[Limit, ...]:
        """Its limits as they hold in a run."""
        return tuple(limit.in_run(run_uid) for limit in self.limits)

    @property
    def groups(self) -> tuple[MappedGroup, ...]:
        """The mapped groups around it, outermost first."""
        return self.expansion.groups if self.expansion else ()

    @property
    def literal_length(self) -> int | None:
        """Into how many instances it is expanded where the DAG file alone tells it."""
        return self.expansion.literal if self.expansion else None

    def is_within(self, execution_date: datetime, *, is_backfill: bool) -> bool:
        """Whether its own dates let it be in the run of that execution date."""
        is_early = self.start_date is not None and execution_date < self.start_date
        is_late = self.end_date is not None and execution_date > self.end_date
        return not is_late and (is_backfill or not is_early)


class Graph:
    """Tasks by id, in topological order, with what follows from their shape.

    ``active_runs`` limits the DAG's runs (None: not at all); ``catchup`` says that scheduled runs
    depend on scheduled ones only; ``dagrun_timeout`` is how long a run may take (None: as long as it
    likes); ``callbacks`` are those of the DAG itself. ``share_of_run`` is what one run may use of
    ``max_active_tasks`` where the shape of the DAG keeps that (None: a limit on its tasks does).
    ``fail_stop``: a task that fails stops the others of its run. ``most_failures``: after so many failed
    runs in a row the DAG is paused (0: never).
    ``whole`` is the graph that this one is a part of, if it is: what a task needs, and which ends make
    the state of the run, is read from that.
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
        most_failures: int = 0,
        whole: "Graph | None" = None,
    ) -> None:
        self.dag_id = dag_id
        self.tasks = dict(tasks)
        self.active_runs = active_runs
        self.catchup = catchup
        self.dagrun_timeout = dagrun_timeout
        self.callbacks = callbacks
        self.share_of_run = share_of_run
        self.fail_stop = fail_stop
        self.most_failures = most_failures
        self._whole = whole
        self._parts: dict[frozenset[str], Graph] = {}

    @property
    def whole(self) -> "Graph":
        """The graph that this one is a part of, or itself."""
        return self._whole or self

    def within(self, execution_date: datetime, *, is_backfill: bool = False) -> "Graph":
        """The graph of the run of that execution date: without the tasks whose own dates exclude it.

        This graph itself where they exclude none; each part is made once. A backfill heeds no start
        date, as in Airflow (where a task of it that is past its end date never starts).
        """
        starts, ends = self._bounds
        if (starts is None or starts <= execution_date) and (ends is None or execution_date <= ends):
            return self
        names = frozenset(
            name
            for name, task in self.tasks.items()
            if task.is_within(execution_date, is_backfill=is_backfill)
        )
        if len(names) == len(self.tasks):
            return self
        if names not in self._parts:
            self._parts[names] = self._part(names)
        return self._parts[names]

    @cached_property
    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """The last start date and the first end date of its tasks: between them a run has them all."""
        starts = (task.start_date for task in self.tasks.values() if task.start_date is not None)
        ends = (task.end_date for task in self.tasks.values() if task.end_date is not None)
        return max(starts, default=None), min(ends, default=None)

    def _part(self, names: frozenset[str]) -> "Graph":
        tasks = {
            name: replace(
                task,
                upstream=tuple(other for other in task.upstream if other in names),
                downstream=tuple(other for other in task.downstream if other in names),
            )
            for name, task in self.tasks.items()
            if name in names
        }
        return self._with(tasks, whole=self)

    def without_limits(self) -> "Graph":
        """The graph whose tasks no limit holds back, as in Airflow's ``dags test``."""
        return self._with({name: replace(task, limits=()) for name, task in self.tasks.items()}, whole=None)

    def alone(self, task_id: str, map_index: int) -> "Graph":
        """The graph of one task, for an instance of it that nothing precedes, whatever its dates.

        What the DAG file does not tell of the number of its instances is enough for that map index.
        Raises ``TaskNotFound``.
        """
        task = self.task(task_id)
        bare = replace(
            task,
            upstream=(),
            downstream=(),
            trigger_rule=TriggerRule.ALL_SUCCESS,
            may_skip=MaySkip.NONE,
            depends_on_past=False,
            is_setup=False,
            is_teardown=False,
            limits=(),
            start_date=None,
            end_date=None,
            mark=None,
            expansion=task.expansion and task.expansion.by_literals(map_index + 1),
        )
        return Graph(self.dag_id, {task_id: bare})

    def _with(self, tasks: Mapping[str, Task], *, whole: "Graph | None") -> "Graph":
        return Graph(
            self.dag_id,
            tasks,
            active_runs=self.active_runs,
            catchup=self.catchup,
            dagrun_timeout=self.dagrun_timeout,
            callbacks=self.callbacks,
            share_of_run=self.share_of_run,
            fail_stop=self.fail_stop,
            most_failures=self.most_failures,
            whole=whole,
        )

    @cached_property
    def deadlock_prone(self) -> frozenset[str]:
        """The tasks that may wait for ever, for tasks of the DAG that the run has not."""
        lacking = frozenset(name for name in self.tasks if self.join_before(name).missing)
        after = frozenset().union(*(self.descendants(name) for name in lacking))
        always = frozenset(n for n, task in self.tasks.items() if task.trigger_rule is TriggerRule.ALWAYS)
        return (lacking | after) - always

    def _missing_before(self, task: Task) -> tuple[str, ...]:
        """What a task waits for that the run has not, as Airflow counts.

        Where an upstream is mapped it counts the instances that there are, else the tasks of the DAG.
        """
        if self._whole is None:
            return ()
        whole = self._whole.tasks[task.task_id]
        needed = frozenset(self._whole._needed(whole))
        if not any(self._whole.tasks[name].expansion for name in whole.upstream):
            needed = needed.union(whole.upstream)
        return tuple(sorted(needed - self.tasks.keys(), key=self._whole.number))

    @property
    def limits(self) -> frozenset[Limit]:
        """Every limit on the DAG's runs and tasks that can bind, but those that each run has for itself."""
        of_tasks = (limit for task in self.tasks.values() for limit in task.limits if not limit.is_of_run)
        return frozenset((*of_tasks, *([self.active_runs] if self.active_runs else ())))

    def limits_of_run(self, run_uid: str) -> tuple[Limit, ...]:
        """The limits that a run has for itself."""
        limits = (limit for task in self.tasks.values() for limit in task.limits if limit.is_of_run)
        return tuple(limit.in_run(run_uid) for limit in limits)

    @cached_property
    def _asked_by_next_run(self) -> frozenset[str]:
        """The tasks for which tasks of the next run wait."""
        asking = [task for task in self.tasks.values() if task.depends_on_past]
        downstream = (name for task in asking if task.wait_for_downstream for name in task.downstream)
        return frozenset((*(task.task_id for task in asking), *downstream))

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

        The former come first: once they are open, no arrival can open them a second time. Of each, the task
        of the highest priority comes first, as in Airflow.
        """
        tasks = sorted(self.tasks.values(), key=lambda task: -task.priority_weight)
        always = [task for task in tasks if task.upstream and task.trigger_rule is TriggerRule.ALWAYS]
        return (*always, *(task for task in tasks if not task.upstream))

    @cached_property
    def end_of_run(self) -> Join:
        """The join at the end of the run: complete exactly when no task can run any more.

        A task whose end some successor always waits for need not report: the successor's end implies
        it. (One that ends before its upstreams have says so: ``notes.EARLY``.) What remains are the leaves,
        and the tasks that have only successors that may start early; and whatever decides the run's state.
        """
        upstream = tuple(
            task.task_id
            for task in self.tasks.values()
            if not self._is_awaited(task) or task.task_id in self.decisive
        )
        return Join(task_id=END_OF_RUN, upstream=upstream, wholes=self._wholes(upstream))

    def _is_awaited(self, task: Task) -> bool:
        if self.fail_stop and (task.is_teardown or task.is_mapped):
            return False  # it may go on when a failed task has stopped what comes after it
        if task.is_mapped and task.task_id in self._asked_by_next_run:
            return False  # the next run asks where all of its instances meet
        return any(self.awaits(self.tasks[successor], task) for successor in task.downstream)

    def awaits(self, task: Task, upstream: Task) -> bool:
        """Whether the end of a task, all of its instances, implies that of one of its upstreams."""
        if not task.waits_for_all:
            return False
        if not self.common_depth(upstream, task):
            return True
        # Its instances end as soon as one upstream, a setup or an order decides, or were never there.
        is_only = task.upstream == (upstream.task_id,) and not self.index_setups(task)
        may_end_before = self.is_skipped_with_group(task) or task.task_id in self.ordered_from_afar
        return is_only and not may_end_before

    @cached_property
    def decisive(self) -> frozenset[str]:
        """The tasks whose ends make the state of the run: the leaves.

        Teardowns do not count as long as there is anything else, and so what comes before nothing but
        teardowns is a leaf; one with ``on_failure_fail_dagrun`` counts like any task (as in Airflow).
        """
        if self._whole is not None:
            return self._whole.decisive & self.tasks.keys()
        counting = {
            name for name, task in self.tasks.items() if not task.is_teardown or task.on_failure_fail_dagrun
        }
        leaves = frozenset(name for name in counting if counting.isdisjoint(self.tasks[name].downstream))
        return leaves or frozenset(name for name, task in self.tasks.items() if not task.downstream)

    def reports(self, task_id: str) -> bool:
        """Whether the end of the run has to hear of this task's end, for no other end implies it."""
        return task_id in self._reporting

    # -- joins -------------------------------------------------------------------------------------

    def join_before(self, task_id: str) -> Join:
        """The join before a task.

        Of a mapped task it is the one before it is expanded: of a task in a mapped group the instances have
        joins of their own behind it (``join_before_instance``).
        """
        return self._joins[task_id]

    @cached_property
    def _joins(self) -> dict[str, Join]:
        joins: dict[str, Join] = {}
        implied: dict[str, frozenset[str]] = {}
        for task in self.tasks.values():
            join = joins[task.task_id] = self._join_before(task, implied)
            implied[task.task_id] = self._implied(join, implied)
        return joins

    def _join_before(self, task: Task, implied: Mapping[str, frozenset[str]]) -> Join:
        upstream = self._heard_before_expansion(task)
        # Only this rule makes of the end of what lies between the same as of the end of what is needed.
        is_passed_on = task.trigger_rule is TriggerRule.ALL_SUCCESS
        known = frozenset().union(*(implied[name] for name in upstream)) if is_passed_on else frozenset()
        # (Of a setup in the same mapped group an index hears only through what lies between.)
        needed = (n for n in self._needed(task) if not self.common_depth(self.tasks[n], task))
        listens_to = tuple(name for name in needed if name not in upstream and name not in known)
        return Join(
            task_id=task.task_id,
            upstream=upstream,
            trigger_rule=task.trigger_rule,
            listens_to=listens_to,
            wholes=self._wholes((*upstream, *listens_to)),
            heeds=task.trigger_rule.heeds,
            missing=self._missing_before(task),
        )

    def _implied(self, join: Join, implied: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """The setups that are sure to have ended before the task of a join ends, and that it needs too."""
        is_without_needs = join.trigger_rule is TriggerRule.ALWAYS or self.tasks[join.task_id].is_teardown
        if not self._has_setups or self._may_order or is_without_needs:
            return frozenset()
        is_sure = join.size == 1 or not (join.heeds or join.listens_to)
        return (
            frozenset(join.upstream).union(*(implied[n] for n in join.upstream)) if is_sure else frozenset()
        )

    @cached_property
    def _may_order(self) -> bool:
        return any(task.may_skip is not MaySkip.NONE for task in self.tasks.values())

    @cached_property
    def _has_setups(self) -> bool:
        return any(task.is_setup for task in self.tasks.values())

    def _needed(self, task: Task) -> list[str]:
        """The tasks whose success a task as a whole needs beside its upstreams, in graph order."""
        setups = self.indirect_setups[task.task_id].difference(self.index_setups(task))
        return sorted(self._distant_sources(task) | setups, key=self.number)

    def index_setups(self, task: Task) -> tuple[str, ...]:
        """The setups in its mapped group of which each instance of a task needs its own, in graph order."""
        needed = self.indirect_setups[task.task_id]
        own = (name for name in needed if self.common_depth(self.tasks[name], task))
        return tuple(sorted(own, key=self.number))

    def _distant_sources(self, task: Task) -> frozenset[str]:
        """What a task in a mapped group is mapped over, where it has to hear of that by itself.

        Where all of its upstreams stand in the group they end with the sources; but a rule that wants them
        all skipped would heed how they end, and Airflow heeds the sources first.
        """
        if task.expansion is None:
            return frozenset()
        follows = not self._commons(task) and task.trigger_rule is not TriggerRule.ALL_SKIPPED
        sources = self.tasks.keys() & task.expansion.sources
        return frozenset() if follows else frozenset(sources) - frozenset(task.upstream)

    def needs(self, task_id: str, other: str) -> bool:
        """Whether a task cannot run unless another succeeds: a setup of it, or what it is mapped over."""
        task = self.tasks[task_id]
        is_source = task.expansion is not None and other in task.expansion.nearest_sources
        return is_source or other in self.indirect_setups[task_id]

    def _heard_before_expansion(self, task: Task) -> tuple[str, ...]:
        """The upstreams that leave their notes on a task as a whole."""
        if task.literal_length is None:
            return task.upstream
        # Its instances are there from the start; of an upstream that may end without any, it has to hear.
        own = frozenset(name for name in self.index_upstream(task) if not self.tasks[name].literal_length)
        commons = frozenset(self._commons(task))
        return tuple(name for name in task.upstream if name in commons or name in own)

    def _commons(self, task: Task) -> tuple[str, ...]:
        """The upstreams all of whose instances count for each of a task's."""
        upstreams = (self.tasks[name] for name in task.upstream)
        return tuple(up.task_id for up in upstreams if not self.common_depth(up, task))

    def _wholes(self, senders: Iterable[str]) -> frozenset[int]:
        return frozenset(number for number, name in enumerate(senders) if self.tasks[name].is_mapped)

    def joins_after(self, task_id: str) -> tuple[Join, ...]:
        """The joins that hear of the end of a task, all of its instances.

        Those of the successors, of the tasks that need it, and of the run's end.
        """
        task = self.tasks[task_id]
        joins = [self._joins[name] for name in task.downstream if self._tells_task(task, self.tasks[name])]
        joins += [
            self._joins[name] for name in self.needing(task_id) if task_id in self._joins[name].listens_to
        ]
        return (*joins, self.end_of_run) if task_id in self._reporting else tuple(joins)

    def _tells_task(self, upstream: Task, task: Task) -> bool:
        """Whether a task as a whole hears of one of its upstreams, not only each instance of it."""
        return upstream.task_id in self._joins[task.task_id].upstream

    # -- mapped groups -----------------------------------------------------------------------------

    def common_depth(self, upstream: Task, task: Task) -> int:
        """How many mapped groups an upstream and a task share; 0: all instances of it count for each.

        In Airflow the latter holds too for rules that may be met early (``one_success``, ``one_failed``,
        ``one_done``) of a task that stands in the mapped group itself.
        """
        shared = 0
        for one, other in zip(upstream.groups, task.groups, strict=False):
            if one.group_id != other.group_id:
                break
            shared += 1
        if task.literal_length == 0:
            return 0  # it never has an instance that could hear of another
        if not shared or not self._looks_at_all(task):
            return shared
        return shared if task.expansion and upstream.task_id in task.expansion.sources else 0

    def _looks_at_all(self, task: Task) -> bool:
        return task.expansion is not None and task.expansion.is_direct and task.trigger_rule in FAST

    def index_upstream(self, task: Task) -> tuple[str, ...]:
        """The upstreams of which each instance of a task hears by itself, in a mapped group."""
        return tuple(name for name in task.upstream if self.common_depth(self.tasks[name], task))

    def decides_by_index(self, task: Task) -> bool:
        """Whether an instance of a task in a mapped group may be told something that others are not."""
        return bool(self.index_upstream(task) or self._index_orderers(task))

    def ordered_by_index(self, task: Task) -> tuple[str, ...]:
        """The tasks that hear of a task as a whole, but of which each instance skips the one of its index."""
        after = (self.tasks[name] for name in task.downstream)
        return tuple(each.task_id for each in after if task.task_id in self._index_orderers(each))

    def _index_orderers(self, task: Task) -> tuple[str, ...]:
        upstreams = (self.tasks[name] for name in self._commons(task)) if task.groups else ()
        orderers = (up for up in upstreams if up.may_skip is not MaySkip.NONE)
        return tuple(up.task_id for up in orderers if up.groups == task.groups)

    def join_before_instance(self, task: Task, map_index: int) -> Join:
        """The join of what one instance of a task in a mapped group hears of."""
        upstream, listens_to = self.index_upstream(task), self.index_setups(task)
        depth = len(task.groups)
        ranges = (
            number
            for number, name in enumerate((*upstream, *listens_to))
            if self.common_depth(self.tasks[name], task) < len(self.tasks[name].groups)
        )
        return Join(
            task_id=task.task_id,
            upstream=upstream,
            listens_to=listens_to,
            trigger_rule=task.trigger_rule,
            wholes=frozenset(ranges),
            map_index=map_index,
            depth=depth,
        )

    def is_gated(self, task: Task) -> bool:
        """Whether the instances of a task in a mapped group wait for more than their own upstreams."""
        join = self._joins[task.task_id]
        if task.literal_length is not None:
            return bool(join.size)
        sources = task.expansion.sources if task.expansion else ()
        # A rule that asks for a state finds none before the expansion, and may end the task without any.
        return (
            bool(self._commons(task))
            or not set(sources).issuperset(join.listens_to)
            or task.trigger_rule in FAST
        )

    def may_lack_upstream(self, task: Task) -> bool:
        """Whether instances of a task in a mapped group may be there where an upstream in it has none."""
        return task.trigger_rule is not TriggerRule.ALL_SUCCESS and bool(self.index_upstream(task))

    def is_skipped_with_group(self, task: Task) -> bool:
        """Whether a task in a mapped group is skipped as soon as it is expanded.

        Airflow 2.10 counts no upstream at all before the expansion over an output, and this rule asks for
        one success: a fault, kept for the same outcomes.
        """
        is_of_rule = task.trigger_rule is TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
        return (
            is_of_rule
            and bool(task.groups)
            and task.literal_length is None
            and bool(self.index_upstream(task))
        )

    def collector(self, task: Task, map_index: int, levels: tuple[int, ...], depth: int) -> Join:
        """Where the instances of a mapped task meet that belong together with this one.

        ``levels`` are the lengths of its mapped groups. With ``depth`` 0 all instances meet, else those of
        the same index of its ``depth`` outermost groups.
        """
        size = prod(levels[depth:])
        return Join(
            task_id=task.task_id,
            heeds=self._heeded_of(task, depth),
            instances=size,
            depth=depth,
            ancestor=map_index // size if depth else None,
        )

    def _heeded_of(self, task: Task, depth: int) -> frozenset[TaskInstanceState]:
        if depth:
            return frozenset()
        return frozenset().union(*(join.heeds for join in self.joins_after(task.task_id)))

    def depths_heard(self, task: Task) -> tuple[int, ...]:
        """The depths at which instances of a mapped task meet: 0 where all of them count somewhere."""
        depths = {0} if self.joins_after(task.task_id) and self._is_heard_whole(task) else set()
        for successor in self.hearing_by_index(task):
            shared = self.common_depth(task, successor)
            if 0 < shared < len(task.groups):
                depths.add(shared)
        return tuple(sorted(depths))

    def hearing_by_index(self, task: Task) -> tuple[Task, ...]:
        """The tasks in its mapped groups whose instances hear of single instances of a task."""
        after = (*task.downstream, *(self._needing_by_index.get(task.task_id, ())))
        return tuple(self.tasks[name] for name in after if self.common_depth(task, self.tasks[name]))

    @cached_property
    def _needing_by_index(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name, task in self.tasks.items():
            for needed in self.index_setups(task):
                found.setdefault(needed, []).append(name)
        return {needed: tuple(names) for needed, names in found.items()}

    def _is_heard_whole(self, task: Task) -> bool:
        """Whether some join hears of all the instances, not only that the task was expanded."""
        return any(
            join.task_id == END_OF_RUN or self.hears_all(self.tasks[join.task_id], task)
            for join in self.joins_after(task.task_id)
        )

    def hears_all(self, task: Task, upstream: Task) -> bool:
        """Whether a task waits for all instances of another before it is expanded or starts."""
        is_source = task.expansion is not None and upstream.task_id in task.expansion.sources
        return is_source or not self.common_depth(upstream, task)

    # -- setups and distant tasks ------------------------------------------------------------------

    @cached_property
    def indirect_setups(self) -> Mapping[str, frozenset[str]]:
        """For each task the setups above its direct upstreams that it needs, as in Airflow.

        It needs a setup whose teardown comes after it, or that has none. Teardowns and tasks with the
        rule ``always`` need none.
        """
        if self._whole is not None:
            whole = self._whole.indirect_setups
            return {name: whole[name] & self.tasks.keys() for name in self.tasks}
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

    def needing(self, task_id: str) -> tuple[str, ...]:
        """The tasks that need another to succeed without following it directly, in graph order."""
        return self._needing.get(task_id, ())

    @cached_property
    def _needing(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name, task in self.tasks.items():
            for needed in self._needed(task):
                found.setdefault(needed, []).append(name)
        return {needed: tuple(names) for needed, names in found.items()}

    @cached_property
    def ordered_from_afar(self) -> frozenset[str]:
        """The tasks that may be skipped by the order of one that is not directly before them."""
        return frozenset(
            name
            for skipper in self.tasks.values()
            if skipper.may_skip is MaySkip.ALL
            for name in self.descendants(skipper.task_id) - frozenset(skipper.downstream)
        )

    def all_after(self, task_id: str) -> frozenset[str]:
        """The tasks downstream of a task, near and far, but for teardowns: what a short circuit skips."""
        return frozenset(name for name in self.descendants(task_id) if not self.tasks[name].is_teardown)

    def passes_through(self, orderer: str, told: frozenset[str], wanted: frozenset[str]) -> frozenset[str]:
        """The tasks that hear of an order from those before them, if ``told`` do; none can be at work.

        ``wanted`` are all that are ordered to be skipped. One that follows others too may have been skipped
        because of them, and have told of that, before the order comes: behind it a task may be at work.
        """
        known = {orderer, *wanted}
        reached: set[str] = set()
        pending = list(told)
        while pending:
            task = self.tasks[pending.pop()]
            if task.task_id in reached:
                continue
            reached.add(task.task_id)
            if task.waits_for_all and not task.is_mapped and known.issuperset(task.upstream):
                pending.extend(name for name in task.downstream if name in wanted)
        return frozenset(reached)

    def ancestors(self, task_id: str) -> frozenset[str]:
        """All tasks upstream of a task, near and far."""
        return self._reach(task_id, lambda task: task.upstream)

    def descendants(self, task_id: str) -> frozenset[str]:
        """All tasks downstream of a task, near and far."""
        return self._reach(task_id, lambda task: task.downstream)

    def _reach(self, task_id: str, step: Callable[[Task], tuple[str, ...]]) -> frozenset[str]:
        if self._whole is not None:
            return self._whole._reach(task_id, step) & self.tasks.keys()
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
