"""Answers about mapped tasks: whether one is expanded, and what becomes of its instances."""

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.graph.trigger_rules import Arrived, Judgement, Verdict, judge
from chalicelib.domain.plans.steps import (
    WAITS_FOR_PAST,
    Expand,
    Resize,
    Wait,
    expanded_anew,
    judgement_of_instance,
    known_of_instance,
    mapped_step,
)
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import arrived, is_complete, values_in
from chalicelib.domain.tasks.notes import EARLY, SKIP_ORDER
from chalicelib.domain.tasks.task_instances import TaskInstance, is_early
from chalicelib.domain.tasks.voiding import coded, generation, standing
from chalicelib.engine.ports.store import Write
from chalicelib.engine.tasks.answers import Answers, as_judged
from chalicelib.engine.tasks.expanding import Opening, Output, output_of, output_of_end, resize, sources_of
from chalicelib.engine.tasks.questions import Question, Told
from chalicelib.engine.tasks.telling import later

if TYPE_CHECKING:
    from chalicelib.engine.tasks.advance import RunInProgress


@dataclass(kw_only=True, slots=True)
class MappedAnswers:
    """What a cascade decides about mapped tasks and their instances."""

    progress: "RunInProgress"
    answers: Answers
    _openings: list[Opening] = field(default_factory=list)
    _outputs: dict[str, Output] = field(default_factory=dict)

    @property
    def _graph(self) -> Graph:
        return self.progress.graph

    def whole(self, question: Question, task: Task) -> list[Told]:
        """Decide about a mapped task as a whole: it ends as it is, or gets its instances."""
        item = question.item
        known = question.known or arrived(question.join, item.notes)
        if item.map_length is not None:
            return self._answer_expanded(question, task, known)
        judgement = judge(task.trigger_rule, known)
        if self.answers.waits_for_past(task, judgement, skip_ordered=known.skip_ordered):
            return self.answers.take(question, task, Wait(reason=WAITS_FOR_PAST))
        sources = sources_of(task, known, self._output_of)
        step = mapped_step(task, known, sources)
        if not isinstance(step, Expand):
            return self.answers.take(question, task, step)
        return self._expand(question, task, step, is_ordered=known.skip_ordered)

    def _expand(self, question: Question, task: Task, step: Expand, *, is_ordered: bool) -> list[Told]:
        item, progress = question.item, self.progress
        added = dict(question.added)
        if step.is_early:
            added[EARLY] = coded(0, item.clears)
        expected = replace(as_judged(item), is_unexpanded=True)
        change = changes.expanded(step.levels, step.judgement.reason, progress.engine.now())
        write = progress.engine.store.task_instances.transition(
            item.run_uid, item.key, expected, change, added or None
        )
        if not write.applied:
            return self._answer_since(replace(question, item=write.item), task)
        self._owe_if_early(write.item, is_ordered=is_ordered)
        progress.wake_next_run(write.item)
        self._openings.append(
            Opening(
                task=task,
                item=write.item,
                judgement=step.judgement,
                # Of a cleared one whose length the DAG file tells, instances may have begun before.
                is_fresh=not item.clears,
                is_ordered=is_ordered,
                is_new_order=question.is_ordered and not question.redo,
                ordered_at=question.ordered_at,
            )
        )
        return [Told(item=write.item, is_expansion=True)]

    def _answer_since(self, question: Question, task: Task) -> list[Told]:
        """What is left to do about a mapped task that another handler has decided about at the same time."""
        item = question.item
        if item.state is not None:
            return self.answers.decided(question)
        if item.map_length is None:
            return []
        return self._answer_expanded(question, task, arrived(question.join, item.notes))

    def _owe_if_early(self, item: TaskInstance, *, is_ordered: bool) -> None:
        """Have the end of the run wait for the upstreams of a task that was expanded before they had ended.

        An order is carried out for all instances before the end is told that they have.
        """
        if is_early(item):
            self.progress.telling.owe_completion(item)
            if not is_ordered:
                self.answers.complete_if_due(item)

    def remember_output(self, told: Told) -> None:
        """Keep how long the output is of what is told: it need not be read then."""
        item, join = told.item, told.met_at
        task = self._graph.tasks[item.task_id]
        if join is not None:
            if task.is_mapped_itself and join.ancestor is None and is_complete(join, item.notes):
                self._outputs[item.task_id] = Output(length=values_in(join, item.notes))
        elif item.map_index == NOT_MAPPED:
            self._outputs[item.task_id] = output_of_end(task, item)

    def _output_of(self, task_id: str) -> Output:
        """What is there of a task's output; nothing is read of what this cascade has told."""
        if task_id not in self._outputs:
            progress = self.progress
            self._outputs[task_id] = output_of(
                progress.engine, self._graph, progress.facts.ref.run_uid, task_id
            )
        return self._outputs[task_id]

    def _answer_expanded(self, question: Question, task: Task, known: Arrived) -> list[Told]:
        """What is left to do about a mapped task that has its instances."""
        item = question.item
        if question.redo:
            self._owe_if_early(item, is_ordered=question.is_ordered)
        elif not question.is_ordered:
            self.answers.complete_if_due(item)
        judgement = judge(task.trigger_rule, known)
        is_asked = question.redo or question.is_ordered or generation(item.notes) > 0
        if judgement.verdict is Verdict.WAIT or not is_asked:
            return []
        to_tell: TaskInstance | None = None
        if judgement.verdict is Verdict.RUN and item.clears:
            match expanded_anew(task, item, sources_of(task, known, self._output_of)):
                case Resize(levels=levels):
                    to_tell = resize(self.progress, task, item.map_length or 0, prod(levels))
                    write = self._resize(item, levels, judgement)
                    if not write.applied:
                        return []  # another handler has decided, and opens the instances
                    item = write.item
                case Judgement() as other:
                    judgement = other
        self._openings.append(
            Opening(
                task=task,
                item=item,
                judgement=judgement,
                is_ordered=question.is_ordered,
                is_new_order=question.is_ordered and not question.redo,
                ordered_at=question.ordered_at,
                to_tell=to_tell,
            )
        )
        # After a clear the tasks that wait for the expansion have to hear of it anew.
        return [Told(item=item, is_expansion=True, again=True)]

    def _resize(
        self, item: TaskInstance, levels: tuple[int, ...], judgement: Judgement
    ) -> Write[TaskInstance]:
        expected = replace(as_judged(item), updated_at=item.updated_at)
        change = changes.expanded(levels, judgement.reason, self.progress.engine.now())
        tasks = self.progress.engine.store.task_instances
        return tasks.transition(item.run_uid, item.key, expected, change)

    def instance(self, question: Question, task: Task) -> list[Told]:
        """Decide about an instance of a task in a mapped group."""
        if self._has_to_ask_whole(question, task):
            whole = self.progress.engine.instance(question.item.run_uid, task.task_id)
            return self.instance_by(question, task, whole) if whole.map_length else []
        if task.task_id not in self._graph.ordered_from_afar:
            return self.instance_by(question, task, None)
        whole = self.progress.engine.instance(question.item.run_uid, task.task_id)
        # Who ordered all of them to be skipped may not be done with it yet.
        is_ordered = bool(standing(whole.notes).get(SKIP_ORDER))
        if is_ordered and whole.map_length is None and task.literal_length is None:
            return []  # it ends without instances, or opens them itself
        return self.instance_by(question, task, None, is_ordered=is_ordered)

    def _has_to_ask_whole(self, question: Question, task: Task) -> bool:
        """Whether an instance has to know more than what is told to itself."""
        if self._graph.is_gated(task) or self._graph.is_skipped_with_group(task):
            return True
        if not self._graph.join_before(task.task_id).size:
            return False  # the DAG file tells the length, and nothing is told to the task as a whole
        is_lacking = not (question.known or arrived(question.join, question.item.notes)).complete
        return is_lacking and self._graph.may_lack_upstream(task)

    def instance_by(
        self, question: Question, task: Task, gate: TaskInstance | None, *, is_ordered: bool = False
    ) -> list[Told]:
        """Decide about an instance; ``gate`` is the unexpanded one where the instance has to know of that."""
        item = replace(question.item, notes={**question.item.notes, **question.left})
        known = known_of_instance(self._graph, task, item, gate)
        known = replace(known, skip_ordered=known.skip_ordered or is_ordered)
        judgement = judgement_of_instance(self._graph, task, item, known, gate)
        levels = question.levels or (gate.levels if gate else ())
        item = self.progress.sized(question.item, levels)
        return self.answers.judged(
            replace(question, item=item), task, judgement, skip_ordered=known.skip_ordered
        )

    def open_instances(self) -> TaskInstance | None:
        """Open the instances of what was expanded; the end of the run as it was answered last, if it was."""
        end: TaskInstance | None = None
        openings, self._openings = self._openings, []
        for opening in openings:
            end = later(end, opening.carry_out(self.progress))
        return end
