"""Answers about task instances: what becomes of one by what it has heard, and tries that start last."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.trigger_rules import Arrived, Judgement, judge
from chalicelib.domain.observations import TaskEnded
from chalicelib.domain.plans.steps import (
    End,
    Start,
    Wait,
    asks_for_past,
    is_overwritten,
    open_step,
    step_of,
)
from chalicelib.domain.slots.pools import Parts
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import arrived
from chalicelib.domain.tasks.notes import EARLY, SKIP_ALL
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, is_early
from chalicelib.domain.tasks.voiding import VOID, coded, standing
from chalicelib.engine.tasks.questions import Question, Told

if TYPE_CHECKING:
    from chalicelib.engine.tasks.advance import RunInProgress


@dataclass(frozen=True, kw_only=True, slots=True)
class _PutOff:
    """A try that starts when the cascade has come to its end."""

    task: Task
    item: TaskInstance
    step: Start
    added: Mapping[str, int]
    prepaid: Parts
    first_attempt: bool


@dataclass(kw_only=True, slots=True)
class Answers:
    """What a cascade decides about task instances."""

    progress: "RunInProgress"
    due: dict[str, TaskInstance] = field(default_factory=dict)
    """Those that ended before their upstreams, all of which have ended now."""
    _starts: list[_PutOff] = field(default_factory=list)

    @property
    def _graph(self) -> Graph:
        return self.progress.graph

    def decided(self, question: Question) -> list[Told]:
        """What is left to do about one that was decided before."""
        item = question.item
        is_new = question.is_ordered and not question.redo
        ordered_at = question.ordered_at if question.is_ordered else None
        if is_overwritten(item, is_new=is_new, ordered_at=ordered_at):
            return self.overwrite(item)
        self.complete_if_due(item)
        if question.redo and item.state is TaskInstanceState.QUEUED:
            self.progress.tries.send(item)
        return _again(item, redo=question.redo)

    def complete_if_due(self, item: TaskInstance) -> None:
        """Tell the end of the run, if it is so, that all upstreams of a task that ended early have ended."""
        if is_early(item) and arrived(self._graph.join_before(item.task_id), item.notes).complete:
            self.due[item.key] = item

    def overwrite(self, item: TaskInstance) -> list[Told]:
        """Skip a task instance that had ended, or that waits: orders overwrite its state, as in Airflow."""
        engine = self.progress.engine
        skips = self._passed_on(item)
        change = changes.skipped_by_order(item, skips, engine.now())
        expected = Expected(
            states=frozenset({item.state}),
            try_number=item.try_number or None,
            updated_at=item.updated_at,
            clears=item.clears,
        )
        added = {EARLY: coded(0, item.clears + 1)} if is_early(item) else None
        write = engine.store.task_instances.transition(item.run_uid, item.key, expected, change, added)
        if not write.applied:
            return self.overwrite(write.item) if is_overwritten(write.item, is_new=False) else []
        engine.observe(TaskEnded.of(self.progress.facts.ref.dag_id, self.progress.facts.run_id, write.item))
        if item.state is not None and not item.state.is_final:
            self.progress.tries.let_go(self._graph.tasks[item.task_id], item)
        return [Told(item=write.item, is_overwritten=True)]

    def _passed_on(self, item: TaskInstance) -> tuple[str, ...]:
        """The tasks to which one that is skipped by an order passes that on."""
        if not standing(item.notes).get(SKIP_ALL):
            return ()
        after = self._graph.tasks[item.task_id].downstream
        return tuple(name for name in after if not self._graph.tasks[name].is_teardown)

    def act(self, question: Question, task: Task, known: Arrived) -> list[Told]:
        """Carry out the step of a task instance without a state."""
        waits = self.waits_for_past(task, judge(task.trigger_rule, known), skip_ordered=known.skip_ordered)
        return self.take(question, task, open_step(task, question.item, known, waits_for_past=waits))

    def take(self, question: Question, task: Task, step: Wait | Start | End) -> list[Told]:
        """Carry out a step: a try is put off until no further end comes of the cascade."""
        match step:
            case Start():
                is_first = question.first_attempt and not question.redo and step.is_fresh
                self._starts.append(
                    _PutOff(
                        task=task,
                        item=question.item,
                        step=step,
                        added=question.added,
                        prepaid=question.prepaid,
                        first_attempt=is_first,
                    )
                )
                return []
            case Wait():
                item = question.item
                if question.added:
                    _, item = self.progress.telling.leave(item.key, question.added)
                self.progress.look_for_deadlock(question.join, item)
                return []
            case End():
                return self._end_untried(question, step)

    def _end_untried(self, question: Question, step: End) -> list[Told]:
        item, progress = question.item, self.progress
        notes = {**item.notes, **question.left}
        skips = self._passed_on(replace(item, notes=notes)) if step.skip_ordered else ()
        now = progress.engine.now()
        change = changes.ended_untried(
            item, step.judgement, skip_ordered=step.skip_ordered, skips=skips, now=now
        )
        added = dict(question.added)
        if step.is_early:
            added[EARLY] = coded(0, item.clears)
        tasks = progress.engine.store.task_instances
        write = tasks.transition(item.run_uid, item.key, as_judged(item), change, added or None)
        if write.applied:
            progress.engine.observe(
                TaskEnded.of(progress.facts.ref.dag_id, progress.facts.run_id, write.item)
            )
            return [Told(item=write.item)]
        if write.item.state is not None:
            return self.decided(replace(question, item=write.item, added={}))
        return []

    def judged(
        self, question: Question, task: Task, judgement: Judgement, *, skip_ordered: bool
    ) -> list[Told]:
        """Carry out what follows from a judgement of a task instance without a state."""
        waits = self.waits_for_past(task, judgement, skip_ordered=skip_ordered)
        step = step_of(task, question.item, judgement, skip_ordered=skip_ordered, waits_for_past=waits)
        return self.take(question, task, step)

    def waits_for_past(self, task: Task, judgement: Judgement, *, skip_ordered: bool) -> bool:
        """Whether a task so judged has to wait for the run before this one."""
        asks = asks_for_past(task, judgement, skip_ordered=skip_ordered)
        return asks and self.progress.waits_for_past(task)

    def start_tries(self) -> None:
        """Start the tries that were put off: the one of the highest priority first, as in Airflow."""
        starts, self._starts = self._starts, []
        starts.sort(key=lambda start: -start.task.priority_weight)
        for put_off in starts:
            self.progress.tries.start(
                put_off.task,
                put_off.item,
                put_off.step.try_number,
                added=put_off.added or None,
                prepaid=put_off.prepaid,
                first_attempt=put_off.first_attempt,
            )


def as_judged(item: TaskInstance) -> Expected:
    """A task instance that nothing was decided of, and none of whose upstreams was cleared, since."""
    voids = len(item.notes.get(VOID, ()))
    return Expected(states=frozenset({None}), clears=item.clears, voids=voids)


def _again(item: TaskInstance, *, redo: bool) -> list[Told]:
    """When redoing: an instance that ended without a try, whose end may not have been told to all.

    (Not one that was failed from outside: it is told of by what failed it.)
    """
    is_ended = item.state in FINAL_STATES and item.state is not TaskInstanceState.FAILED
    ended_untried = is_ended and item.lease_token is None
    return [Told(item=item, again=True)] if redo and ended_untried else []
