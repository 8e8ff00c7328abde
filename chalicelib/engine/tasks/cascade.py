"""A cascade: the end of a task, told to the tasks after it, and all that ends by that without a try.

It goes in waves, as Airflow's scheduler goes in passes: first everything that ended in one wave is told
to all tasks after it, failures before the rest; then each of these is decided by what it knows by now; what
ends by that is the next wave. What is to be tried starts last, so that no try can end before what ended
without one is known.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import prod
from typing import TYPE_CHECKING

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import Arrived, Judgement, Verdict, judge
from chalicelib.domain.messages import FollowTask
from chalicelib.domain.observations import TaskEnded
from chalicelib.domain.plans.steps import (
    WAITS_FOR_PAST,
    End,
    Expand,
    Resize,
    Start,
    Wait,
    asks_for_past,
    expanded_anew,
    is_overwritten,
    judgement_of_instance,
    known_of_instance,
    mapped_step,
    open_step,
    step_of,
)
from chalicelib.domain.slots.pools import Parts
from chalicelib.domain.states import FAILURE_STATES, FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import (
    added_by,
    arrived,
    end_of_instance,
    is_complete,
    is_only_upstream,
    left_as,
    order_place,
    ordered_from_afar,
    sole_arrival,
    values_in,
)
from chalicelib.domain.tasks.hearers import (
    Hearer,
    deeper_successors,
    hearers_of,
    hearers_of_all,
    hearers_of_expansion,
)
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.notes import EARLY, EXPANDED, SKIP_ALL, SKIP_ORDER, Notes
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, is_early
from chalicelib.domain.tasks.voiding import VOID, coded, generation, standing
from chalicelib.engine.ports.store import Write
from chalicelib.engine.slots import taking
from chalicelib.engine.tasks import past
from chalicelib.engine.tasks.expanding import (
    Opening,
    Output,
    output_of,
    output_of_end,
    resize,
    sources_of,
)
from chalicelib.engine.tasks.telling import later

if TYPE_CHECKING:
    from chalicelib.engine.tasks.advance import RunInProgress

CASCADE_LIMIT = 200
"""Task instances that one handler ends in a row; the rest of a longer cascade goes by message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Something that is to be told: the end of a task instance, an expansion, what instances have come to."""

    item: TaskInstance
    again: bool = False
    """Whether it was there before, and may have been told."""
    met_at: Join | None = None
    """Where instances of a mapped task have met, if it is that; ``item`` is the item of that join."""
    levels: tuple[int, ...] = ()
    """The lengths of the mapped groups around it."""
    is_expansion: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """A join that has heard of something: what is to become of what comes after it?"""

    join: Join
    item: TaskInstance
    known: Arrived | None = None
    """What is known where that is not on the item yet."""
    added: Mapping[str, int] = field(default_factory=dict)
    """The notes to leave with the answer."""
    prepaid: Parts = ()
    """Slots that were handed over."""
    redo: bool = False
    is_ordered: bool = False
    """Whether it has just been ordered to be skipped."""
    ordered_at: datetime | None = None
    """The end of the task that orders it."""
    levels: tuple[int, ...] = ()
    """The lengths of the mapped groups around an instance."""
    first_attempt: bool = True


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
class Cascade:
    """One cascade of a run."""

    progress: "RunInProgress"
    is_part: bool = False
    """Whether it is part of another cascade, which closes the run."""
    _met: set[str] = field(default_factory=set)
    _starts: list[_PutOff] = field(default_factory=list)
    _openings: list[Opening] = field(default_factory=list)
    _touched: dict[str, _Question] = field(default_factory=dict)
    _levels: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _outputs: dict[str, Output] = field(default_factory=dict)
    _due: dict[str, TaskInstance] = field(default_factory=dict)
    """Those that ended before their upstreams, all of which have ended now."""
    end: TaskInstance | None = None
    """The end of the run, as the last note left there was answered."""

    # -- ways in -----------------------------------------------------------------------------------

    def follow(self, told: Iterable[Told]) -> None:
        """Tell ends, and go on with what ends by that; start last what is to be tried."""
        self._tell_all(list(told))
        self._finish()

    def _tell_all(self, wave: list[Told]) -> None:
        """Tell a wave, and all that end by it in further ones."""
        number = 0
        self._met |= {one.item.key for one in wave}
        while wave and number < CASCADE_LIMIT:
            number += len(wave)
            wave = self._next(wave)
        for item in (left.item for left in wave if not left.again and not left.met_at):
            # Not for what had ended before: in a dense graph that is nearly everything, for each of
            # these messages. What a crash left untold there is found by the sweep.
            message = FollowTask(run=self.progress.facts.ref, task_id=item.task_id, map_index=item.map_index)
            self.progress.outbox.post(message)

    def open(self, task: Task, item: TaskInstance, *, redo: bool) -> None:
        """Decide about a task, or an instance of it, by the notes on its item; go on with what follows."""
        if item.map_index == NOT_MAPPED:
            join = self._graph.join_before(task.task_id)
        else:
            join = self._graph.join_before_instance(task, item.map_index)
        question = _Question(join=join, item=item, redo=redo, levels=item.levels, first_attempt=not redo)
        self.follow(self._answer(question))

    def open_instance(self, item: TaskInstance, *, by: Opening, ends_as: Judgement | None) -> None:
        """Decide about an instance of an expanded task that is opened along with the others.

        ``ends_as``: what becomes of it where that is known already.
        """
        task, redo = by.task, not by.is_fresh
        question = _Question(
            join=self._graph.join_before_instance(task, item.map_index),
            item=item,
            redo=redo,
            levels=item.levels,
            first_attempt=not redo,
        )
        if item.state is not None:
            is_overwritten = by.is_ordered and _overwrites(by, item)
            self.follow(self._overwrite(item) if is_overwritten else self._answer_decided(question))
        elif ends_as is not None:
            self.follow(self._answer_judged(question, task, ends_as, skip_ordered=by.is_ordered))
        else:
            self.follow(self._answer_instance_by(question, task, by.item))

    def skip(self, item: TaskInstance) -> None:
        """Skip a task instance that was ordered to be while it ran, and that has failed since."""
        self.follow(self._overwrite(item))

    # -- waves -------------------------------------------------------------------------------------

    @property
    def _graph(self) -> Graph:
        return self.progress.graph

    def _next(self, wave: list[Told]) -> list[Told]:
        """Tell all of a wave; what ends by that is the next one."""
        self._touched = {}
        queue = deque(sorted(wave, key=lambda told: told.item.state not in FAILURE_STATES))
        while queue:
            for ordered in self._tell(queue.popleft()):
                if self._is_met(ordered):
                    continue
                queue.append(ordered)
        following = [found for question in self._touched.values() for found in self._answer(question)]
        return [found for found in following if not self._is_met(found)]

    def _is_met(self, told: Told) -> bool:
        if told.met_at or told.is_expansion:
            return False
        is_met = told.item.key in self._met
        self._met.add(told.item.key)
        return is_met

    def _tell(self, told: Told) -> Iterator[Told]:
        """Tell one thing to all that hear of it; yields what is skipped by its order, at once."""
        if told.is_expansion:
            self._tell_expansion(told)
            return
        prepaid: Mapping[str, Parts] = {}
        self._remember_output(told)
        hearers = list(self._hearers(told))
        if told.met_at is not None and is_complete(told.met_at, told.item.notes):
            self._be_expanded(told)
            self._wake_next_run(told.item)
        if told.met_at is None:
            self._settle_debts(told)
            prepaid = {} if told.again else self._settle_slots(told.item, hearers)
            yield from self._order_from_afar(told)
        for number, hearer in enumerate(hearers):
            question = self._question(told, hearer, prepaid)
            if told.again and number == 0 and question is not None and not question.redo:
                self.progress.tries.give_back(self._graph.tasks[told.item.task_id], told.item)
            if question is None:
                continue
            if question.is_ordered:
                yield from self._answer(question)
            else:
                self._touched[_key(question)] = question

    def _be_expanded(self, told: Told) -> None:
        """Write the length of a task in mapped groups whose instances have all ended, if no handler has.

        They start by what is told to each of them: a handler that died may have left the task itself untold.
        """
        task = self._graph.tasks[told.item.task_id]
        if len(task.groups) == 0 or task.literal_length is not None or not told.levels:
            return
        progress = self.progress
        change = changes.expanded(told.levels, "all of its instances have ended", progress.engine.now())
        expected = Expected(states=frozenset({None}), is_unexpanded=True)
        tasks, run_uid = progress.engine.store.task_instances, progress.facts.ref.run_uid
        tasks.transition(run_uid, task_key(task.task_id), expected, change)

    def _remember_output(self, told: Told) -> None:
        item, join = told.item, told.met_at
        if join is not None:
            if join.ancestor is None and is_complete(join, item.notes):
                self._outputs[item.task_id] = Output(length=values_in(join, item.notes))
        elif item.map_index == NOT_MAPPED:
            self._outputs[item.task_id] = output_of_end(self._graph.tasks[item.task_id], item)

    def _hearers(self, told: Told) -> Iterator[Hearer]:
        item, task = told.item, self._graph.tasks[told.item.task_id]
        if told.met_at is not None:
            deeper = deeper_successors(self._graph, task, told.met_at.depth)
            return hearers_of_all(self._graph, told.met_at, item.notes, self._levels_of(deeper))
        deeper = deeper_successors(self._graph, task, len(task.groups)) if item.map_index >= 0 else ()
        return hearers_of(self._graph, item, self._levels_of(deeper))

    def _levels_of(self, tasks: Iterable[Task]) -> Mapping[str, tuple[int, ...]]:
        """Into how many instances tasks are expanded; 1 request each, unless the DAG file tells it."""
        for task in tasks:
            if task.task_id not in self._levels:
                self._levels[task.task_id] = self.progress.levels_of(task)
        return self._levels

    def _settle_debts(self, told: Told) -> None:
        """What has to stand before an end is told: that the run's end waits, that the next run goes on."""
        item, progress = told.item, self.progress
        self._wake_next_run(item)
        if is_early(item):
            progress.telling.owe_completion(item)
            self._complete_if_due(item)

    def _wake_next_run(self, item: TaskInstance) -> None:
        """Have the next run looked after if a task of it waits for what this item shows."""
        progress = self.progress
        progress.outbox.extend(past.goes_on(progress.engine, self._graph, progress.facts.ref, [item]))

    def _settle_slots(self, ended: TaskInstance, hearers: list[Hearer]) -> Mapping[str, Parts]:
        """Hand the slots of a try to the successor that starts now, or give them back.

        The parts handed over, by the key of what got them. What ended without a try holds nothing.
        """
        task = self._graph.tasks[ended.task_id]
        successor = self._first_to_start(hearers) if ended.pool_parts else None
        parts: Parts = ()
        if successor is not None:
            after = self._graph.tasks[successor.join.task_id]
            parts = taking.hand_over(
                self.progress.engine, task, ended, after, map_index=successor.join.map_index
            )
        if not parts:
            self.progress.tries.give_back(task, ended)
        return {successor.path[0].key: parts} if successor and parts else {}

    def _first_to_start(self, hearers: list[Hearer]) -> Hearer | None:
        for hearer in hearers:
            if not self._tells_all(hearer):
                continue
            successor = self._graph.tasks[hearer.join.task_id]
            if successor.is_mapped and hearer.join.map_index == NOT_MAPPED:
                continue
            verdict = judge(
                successor.trigger_rule, sole_arrival(self._graph, hearer.join, hearer.end)
            ).verdict
            if verdict is Verdict.RUN and not (successor.is_empty or successor.depends_on_past):
                return hearer
        return None

    def _tells_all(self, hearer: Hearer) -> bool:
        """Whether this end alone decides what comes after a join, which nothing has touched before."""
        join = hearer.join
        if hearer.end.clears or hearer.end.of_all or not is_only_upstream(join):
            return False
        if join.task_id in self._graph.ordered_from_afar:
            return False  # an order may have ended it before
        return join.map_index == NOT_MAPPED or not self._graph.is_gated(self._graph.tasks[join.task_id])

    def _question(self, told: Told, hearer: Hearer, prepaid: Mapping[str, Parts]) -> _Question | None:
        """What a hearer has to answer now that it has heard."""
        join, item = hearer.join, told.item
        is_ordered = join.task_id in hearer.end.skips and not join.collects and join.task_id != END_OF_RUN
        if not told.again and self._tells_all(hearer):
            return _Question(
                join=join,
                item=self._untouched(join),
                known=sole_arrival(self._graph, join, hearer.end),
                added=added_by(self._graph, join, hearer.end, hearer.path[0].number),
                prepaid=prepaid.get(hearer.path[0].key, ()),
                is_ordered=is_ordered,
                ordered_at=item.end_date,
                levels=self._levels_at(join, item, told),
            )
        arrival = self.progress.telling.arrive(join, hearer.path, hearer.end, again=told.again)
        if arrival.item is None:
            return None
        redo = told.again and not arrival.is_new
        return _Question(
            join=join,
            item=arrival.item,
            redo=redo,
            is_ordered=is_ordered,
            ordered_at=item.end_date,
            levels=self._levels_at(join, item, told),
            first_attempt=not told.again,
        )

    def _levels_at(self, join: Join, item: TaskInstance, told: Told) -> tuple[int, ...]:
        """The lengths of the mapped groups around the instance of a join, or around those that meet there."""
        if join.map_index == NOT_MAPPED and not join.collects:
            return ()
        known = item.levels or told.levels
        depth = len(self._graph.tasks[join.task_id].groups) or 1
        return (
            known[:depth]
            if len(known) >= depth
            else self._levels_of([self._graph.tasks[join.task_id]])[join.task_id]
        )

    def _order_from_afar(self, told: Told) -> Iterator[Told]:
        """Have those skipped that are ordered to be and hear of it from nobody else."""
        end = end_of_instance(self._graph, told.item)
        if told.item.map_index != NOT_MAPPED:
            return
        for name in ordered_from_afar(self._graph, end):
            place = order_place(self._graph, told.item.task_id, name)
            is_new, item = self.progress.telling.leave(
                place.key, left_as(place.number, end.clears, (SKIP_ORDER,))
            )
            join = self._graph.join_before(name)
            redo = told.again and not is_new
            yield from self._answer(
                _Question(
                    join=join,
                    item=item,
                    redo=redo,
                    is_ordered=True,
                    ordered_at=told.item.end_date,
                    first_attempt=False,
                )
            )

    def _tell_expansion(self, told: Told) -> None:
        task = self._graph.tasks[told.item.task_id]
        for join in hearers_of_expansion(self._graph, task):
            number = join.number(task.task_id)
            added = left_as(number, told.item.clears, (EXPANDED,))
            if not told.again and join.size == 1 and not told.item.clears:
                known = arrived(join, {EXPANDED: frozenset({number})})
                question = _Question(join=join, item=self._untouched(join), known=known, added=added)
            else:
                # No join hears of so many expansions that it needs buckets: they stand in one group.
                is_new, item = self.progress.telling.leave(self._untouched(join).key, added)
                question = _Question(join=join, item=item, redo=told.again and not is_new)
            self._touched[_key(question)] = question

    # -- answers -----------------------------------------------------------------------------------

    def _answer(self, question: _Question) -> list[Told]:
        """Act on what a join has heard; what ended by that (or did before, when redoing)."""
        join, item = question.join, question.item
        if join.task_id == END_OF_RUN:
            self.end = later(self.end, item)
            return []
        if join.collects:
            return [Told(item=item, met_at=join, levels=question.levels, again=question.redo)]
        if item.state is not None:
            return self._answer_decided(question)
        task = self._graph.tasks[join.task_id]
        if join.map_index != NOT_MAPPED:
            return self._answer_instance(question, task)
        if task.is_mapped:
            return self._answer_mapped(question, task)
        known = question.known or arrived(join, item.notes)
        return self._act(question, task, known)

    def _answer_decided(self, question: _Question) -> list[Told]:
        """What is left to do about one that was decided before."""
        item = question.item
        is_new = question.is_ordered and not question.redo
        ordered_at = question.ordered_at if question.is_ordered else None
        if is_overwritten(item, is_new=is_new, ordered_at=ordered_at):
            return self._overwrite(item)
        self._complete_if_due(item)
        if question.redo and item.state is TaskInstanceState.QUEUED:
            self.progress.tries.send(item)
        return _again(item, redo=question.redo)

    def _complete_if_due(self, item: TaskInstance) -> None:
        """Tell the end of the run, if it is so, that all upstreams of a task that ended early have ended."""
        if is_early(item) and arrived(self._graph.join_before(item.task_id), item.notes).complete:
            self._due[item.key] = item

    def _complete_what_is_due(self) -> None:
        """Tell the end of the run of those whose upstreams have all ended, once their own ends are told.

        One that was ordered to be skipped passes that on: if another handler does so, it may not be done yet.
        """
        for item in list(self._due.values()):
            may_be_untold = item.clears or standing(item.notes).get(SKIP_ALL)
            if may_be_untold and item.key not in self._met:
                self._tell_all([Told(item=item, again=True)])
        for item in self._due.values():
            self.end = later(self.end, self.progress.telling.complete(item))

    def _overwrite(self, item: TaskInstance) -> list[Told]:
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
            return self._overwrite(write.item) if is_overwritten(write.item, is_new=False) else []
        engine.observe(TaskEnded.of(self.progress.facts.ref.dag_id, self.progress.facts.run_id, write.item))
        if item.state is not None and not item.state.is_final:
            self.progress.tries.let_go(self._graph.tasks[item.task_id], item)
        self._met.discard(item.key)
        return [Told(item=write.item)]

    def _passed_on(self, item: TaskInstance) -> tuple[str, ...]:
        """The tasks to which one that is skipped by an order passes that on."""
        if not standing(item.notes).get(SKIP_ALL):
            return ()
        after = self._graph.tasks[item.task_id].downstream
        return tuple(name for name in after if not self._graph.tasks[name].is_teardown)

    def _act(self, question: _Question, task: Task, known: Arrived) -> list[Told]:
        """Carry out the step of a task instance without a state."""
        waits = self._waits_for_past(task, judge(task.trigger_rule, known), skip_ordered=known.skip_ordered)
        return self._take(question, task, open_step(task, question.item, known, waits_for_past=waits))

    def _take(self, question: _Question, task: Task, step: Wait | Start | End) -> list[Told]:
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

    def _end_untried(self, question: _Question, step: End) -> list[Told]:
        item, progress = question.item, self.progress
        notes = {**item.notes, **_as_notes(question.added)}
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
            return self._answer_decided(replace(question, item=write.item, added={}))
        return []

    # -- mapped tasks ------------------------------------------------------------------------------

    def _answer_mapped(self, question: _Question, task: Task) -> list[Told]:
        """Decide about a mapped task as a whole: it ends as it is, or gets its instances."""
        item, progress = question.item, self.progress
        known = question.known or arrived(question.join, item.notes)
        if item.map_length is not None:
            return self._answer_expanded(question, task, known)
        judgement = judge(task.trigger_rule, known)
        if self._waits_for_past(task, judgement, skip_ordered=known.skip_ordered):
            return self._take(question, task, Wait(reason=WAITS_FOR_PAST))
        sources = sources_of(task, known, self._output_of)
        step = mapped_step(
            task, known, sources, is_skipped_with_group=self._graph.is_skipped_with_group(task)
        )
        if not isinstance(step, Expand):
            return self._take(question, task, step)
        added = dict(question.added)
        if step.is_early:
            added[EARLY] = coded(0, item.clears)
        expected = replace(as_judged(item), is_unexpanded=True)
        change = changes.expanded(step.levels, step.judgement.reason, progress.engine.now())
        write = progress.engine.store.task_instances.transition(
            item.run_uid, item.key, expected, change, added or None
        )
        if not write.applied:
            # Another handler has decided, and opens the instances.
            return (
                [] if write.item.state is None else self._answer_decided(replace(question, item=write.item))
            )
        if step.is_early:
            progress.telling.owe_completion(write.item)
        self._wake_next_run(write.item)
        # Of a cleared one whose length the DAG file tells, instances may have begun before.
        is_fresh = not item.clears
        self._openings.append(
            Opening(
                task=task,
                item=write.item,
                judgement=step.judgement,
                is_fresh=is_fresh,
                is_ordered=known.skip_ordered,
            )
        )
        return [Told(item=write.item, is_expansion=True)]

    def _output_of(self, task_id: str) -> Output:
        """What is there of a task's output; nothing is read of what this cascade has told."""
        if task_id not in self._outputs:
            progress = self.progress
            self._outputs[task_id] = output_of(
                progress.engine, self._graph, progress.facts.ref.run_uid, task_id
            )
        return self._outputs[task_id]

    def _answer_expanded(self, question: _Question, task: Task, known: Arrived) -> list[Told]:
        """What is left to do about a mapped task that has its instances."""
        item = question.item
        if not question.is_ordered:
            self._complete_if_due(item)
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

    def _answer_instance(self, question: _Question, task: Task) -> list[Told]:
        """Decide about an instance of a task in a mapped group."""
        if not self._has_to_ask_whole(question, task):
            return self._answer_instance_by(question, task, None)
        whole = self.progress.engine.instance(question.item.run_uid, task.task_id)
        return self._answer_instance_by(question, task, whole) if whole.map_length else []

    def _has_to_ask_whole(self, question: _Question, task: Task) -> bool:
        """Whether an instance has to know more than what is told to itself."""
        if self._graph.is_gated(task) or self._graph.is_skipped_with_group(task):
            return True
        is_lacking = not (question.known or arrived(question.join, question.item.notes)).complete
        return is_lacking and self._graph.may_lack_upstream(task)

    def _answer_instance_by(self, question: _Question, task: Task, gate: TaskInstance | None) -> list[Told]:
        item = replace(question.item, notes={**question.item.notes, **_as_notes(question.added)})
        known = known_of_instance(self._graph, task, item, gate)
        judgement = judgement_of_instance(self._graph, task, item, known, gate)
        levels = question.levels or (gate.levels if gate else ())
        item = self.progress.sized(question.item, levels)
        return self._answer_judged(
            replace(question, item=item), task, judgement, skip_ordered=known.skip_ordered
        )

    def _answer_judged(
        self, question: _Question, task: Task, judgement: Judgement, *, skip_ordered: bool
    ) -> list[Told]:
        waits = self._waits_for_past(task, judgement, skip_ordered=skip_ordered)
        step = step_of(task, question.item, judgement, skip_ordered=skip_ordered, waits_for_past=waits)
        return self._take(question, task, step)

    def _waits_for_past(self, task: Task, judgement: Judgement, *, skip_ordered: bool) -> bool:
        asks = asks_for_past(task, judgement, skip_ordered=skip_ordered)
        return asks and self.progress.waits_for_past(task)

    # -- what was put off --------------------------------------------------------------------------

    def _finish(self) -> None:
        """Do what waits until no further end comes of the cascade: start tries, and close the run."""
        self._complete_what_is_due()
        starts, self._starts = self._starts, []
        for put_off in starts:
            self.progress.tries.start(
                put_off.task,
                put_off.item,
                put_off.step.try_number,
                added=put_off.added or None,
                prepaid=put_off.prepaid,
                first_attempt=put_off.first_attempt,
            )
        openings, self._openings = self._openings, []
        for opening in openings:
            self.end = later(self.end, opening.carry_out(self.progress))
        if self.end is not None and not self.is_part:
            self.progress.close_if_over(self.end)

    def _untouched(self, join: Join) -> TaskInstance:
        return TaskInstance(
            run_uid=self.progress.facts.ref.run_uid, task_id=join.task_id, map_index=join.map_index
        )


def as_judged(item: TaskInstance) -> Expected:
    """A task instance that nothing was decided of, and none of whose upstreams was cleared, since."""
    voids = len(item.notes.get(VOID, ()))
    return Expected(states=frozenset({None}), clears=item.clears, voids=voids)


def _overwrites(opening: Opening, item: TaskInstance) -> bool:
    """Whether the order to a whole mapped task takes the place of the state of an instance."""
    ordered = replace(item, notes={SKIP_ORDER: frozenset({0})})  # it was left on the unexpanded one
    return is_overwritten(ordered, is_new=opening.is_new_order, ordered_at=opening.ordered_at)


def _as_notes(added: Mapping[str, int]) -> Notes:
    """What is left on an item that nothing was left on before."""
    return {name: frozenset({number}) for name, number in added.items()}


def _key(question: _Question) -> str:
    join = question.join
    return f"{join.task_id}#{join.map_index}#{join.instances}#{join.depth}#{join.ancestor}"


def _again(item: TaskInstance, *, redo: bool) -> list[Told]:
    """When redoing: an instance that ended without a try, whose end may not have been told to all.

    (Not one that was failed from outside: it is told of by what failed it.)
    """
    is_ended = item.state in FINAL_STATES and item.state is not TaskInstanceState.FAILED
    ended_untried = is_ended and item.lease_token is None
    return [Told(item=item, again=True)] if redo and ended_untried else []
