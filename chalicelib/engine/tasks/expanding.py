"""The instances of a mapped task: how many there are, and their opening one after another.

The expansion is one write, of the length. An instance has no item before the conditional write that queues
or ends it, so that a message that comes twice resets none that runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.trigger_rules import Arrived, Judgement, Verdict, judge
from chalicelib.domain.messages import OpenInstances
from chalicelib.domain.plans.steps import Sources, is_overwritten
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import collected_path, ended_unexpanded, is_complete, values_in
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import SKIP_ORDER
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks.telling import later

if TYPE_CHECKING:
    from chalicelib.engine.tasks.advance import RunInProgress

OPENING_TIME = timedelta(seconds=20)
"""How long one message opens instances, in a handler of 60 s; the rest goes by another one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """What is there of the output of a task that others are mapped over."""

    length: int | None
    """How many values it has; None: it is not there (yet)."""
    state: TaskInstanceState | None = None
    """How the task ended where it did not succeed and has no instances that did."""


def sources_of(task: Task, known: Arrived, output: Callable[[str], Output]) -> Sources:
    """What a mapped task is mapped over has come to; none where it does not matter, for the task waits or
    ends whatever its length is.
    """
    if task.expansion is None or judge(task.trigger_rule, known).verdict is Verdict.WAIT:
        return Sources(lengths={})
    lengths: dict[str, int] = {}
    ended: set[TaskInstanceState] = set()
    for name in task.expansion.sources:
        found = output(name)
        if found.length is not None:
            lengths[name] = found.length
        if found.state in FINAL_STATES and name in task.expansion.nearest_sources:
            ended.add(found.state)
    return Sources(lengths=lengths, ended=frozenset(ended))


def output_of_end(task: Task, item: TaskInstance) -> Output:
    """The output of a task that has one instance, by that: it is not mapped, or has ended unexpanded.

    A task that is mapped itself counts as one with no values then (Airflow counts those of its instances).
    """
    if item.state is TaskInstanceState.SUCCESS:
        return Output(length=item.output_length)
    is_empty = item.state is not None and task.is_mapped_itself
    return Output(length=0 if is_empty else None, state=item.state)


def output_of(engine: Engine, graph: Graph, run_uid: str, task_id: str) -> Output:
    """The output of a task as it is now; 1 request, 2 for a mapped one.

    Of a task that the run has not, 0: it is not there, or has no values if the task is mapped. That of a task
    in a mapped group never is there: Airflow looks for one length, and each instance has its own.
    """
    if task_id not in graph.tasks:
        return Output(length=0 if graph.whole.tasks[task_id].is_mapped_itself else None)
    task, item = graph.tasks[task_id], engine.instance(run_uid, task_id)
    levels = item.levels or literal_levels(task)
    if not task.is_mapped_itself or item.state is not None or levels is None:
        return output_of_end(task, item)
    met = graph.collector(task, 0, levels, 0)
    notes = engine.at(run_uid, join_key(met)).notes
    return Output(length=values_in(met, notes) if is_complete(met, notes) else None)


def literal_levels(task: Task) -> tuple[int, ...] | None:
    """The lengths of the mapped groups around a task, where the DAG file alone tells them."""
    return task.expansion.literal_lengths if task.expansion else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """The instances of an expanded task that are to be opened."""

    task: Task
    item: TaskInstance
    """The unexpanded one, which carries the length."""
    judgement: Judgement
    """What becomes of each instance as far as all have it in common."""
    is_fresh: bool = False
    """Whether no other handler can have opened any."""
    is_ordered: bool = False
    """Whether they were ordered to be skipped: then also those that had ended."""
    is_new_order: bool = False
    """Whether no handler can have heeded that before."""
    ordered_at: datetime | None = None
    """The end of the task that ordered it, where it is known."""
    to_tell: TaskInstance | None = None
    """One that had ended before the task got another number of instances: it tells its end again, for it may
    be that all that are left had ended."""

    def carry_out(self, progress: "RunInProgress", *, opened: int = 0) -> TaskInstance | None:
        """Open the instances from ``opened`` on; 1 request more for each where they may be open already.

        The end of the run as it was answered last, if it heard of any: an order is carried out for all
        instances before the run may be closed.
        """
        end: TaskInstance | None = None
        if not self._is_due(progress.graph):
            return None
        begun = progress.engine.now()
        if self.to_tell is not None:
            progress.follow(self.to_tell, redo=True)
        for index in range(opened, self.item.map_length or 0):
            if progress.engine.now() - begun >= OPENING_TIME:
                run = progress.facts.ref
                progress.outbox.post(OpenInstances(run=run, task_id=self.task.task_id, opened=index))
                return end
            end = later(end, self._open(progress, index))
        return later(end, progress.telling.complete_if_due(self.item)) if self.is_ordered else end

    def overwrites(self, item: TaskInstance) -> bool:
        """Whether the order to the whole task takes the place of the state of an instance."""
        ordered = replace(item, notes={SKIP_ORDER: frozenset({0})})  # it was left on the unexpanded one
        return is_overwritten(ordered, is_new=self.is_new_order, ordered_at=self.ordered_at)

    def _is_due(self, graph: Graph) -> bool:
        """Whether there is anything to open now: else each instance waits for its own upstreams."""
        has_own = bool(graph.index_upstream(self.task))
        is_due = graph.is_gated(self.task) or self._skips_all(graph)
        is_lacking = bool(ended_unexpanded(graph, self.task, self.item.notes))
        return self.is_ordered or not (self.is_fresh and has_own) or is_due or is_lacking

    def _skips_all(self, graph: Graph) -> bool:
        return self.judgement.verdict is not Verdict.RUN and graph.is_skipped_with_group(self.task)

    def _open(self, progress: "RunInProgress", index: int) -> TaskInstance | None:
        run_uid = progress.facts.ref.run_uid
        is_untouched = self.is_fresh and not progress.graph.decides_by_index(self.task)
        if is_untouched:
            item = TaskInstance(run_uid=run_uid, task_id=self.task.task_id, map_index=index)
        else:
            item = progress.engine.instance(run_uid, self.task.task_id, index)
        return progress.open_instance(
            progress.sized(item, self.item.levels),
            ends_as=self.judgement if self._is_decided(progress.graph, item) else None,
            by=self,
        )

    def _is_decided(self, graph: Graph, item: TaskInstance) -> bool:
        """Whether the judgement of the whole task is that of an instance."""
        skips_it = self._skips_all(graph) and not item.clears
        return self.is_ordered or not graph.decides_by_index(self.task) or skips_it


def resize(progress: "RunInProgress", task: Task, was: int, length: int) -> TaskInstance | None:
    """Remove the instances beyond a new length, and let those that stay know it; one of these that has ended.

    To be done before the length is written: should a handler die in between, all is done once more.
    """
    kept = [_kept(progress, task, index, length) for index in range(min(was, length))]
    for index in range(length, was):
        _remove(progress, task, index, was)
    return next((item for item in kept if item.state in FINAL_STATES), None)


def _kept(progress: "RunInProgress", task: Task, index: int, length: int) -> TaskInstance:
    item = progress.engine.instance(progress.facts.ref.run_uid, task.task_id, index)
    if item.state is None or item.map_length == length:
        return item
    tasks, change = progress.engine.store.task_instances, TaskInstanceChange(map_length=length)
    return tasks.transition(item.run_uid, item.key, _as_it_is(item), change).item


def _remove(progress: "RunInProgress", task: Task, index: int, was: int) -> None:
    item = progress.engine.instance(progress.facts.ref.run_uid, task.task_id, index)
    if item.state is not TaskInstanceState.REMOVED:
        change = changes.beyond_length(item, progress.engine.now())
        tasks = progress.engine.store.task_instances
        write = tasks.transition(item.run_uid, item.key, _as_it_is(item), change)
        if write.applied and item.state is not None and not item.state.is_final:
            progress.tries.let_go(task, item)
        item = write.item
    met = progress.graph.collector(task, index, (was,), 0)
    progress.telling.make_void(collected_path(met, index), item.clears - 1)


def _as_it_is(item: TaskInstance) -> Expected:
    return Expected(
        states=frozenset({item.state}),
        try_number=item.try_number or None,
        updated_at=item.updated_at,
        clears=item.clears,
    )
