"""A cascade: the end of a task, told to the tasks after it, and all that ends by that without a try.

It goes in waves, as Airflow's scheduler goes in passes: first everything that ended in one wave is told
to all tasks after it, failures before the rest; then each of these is decided by what it knows by now; what
ends by that is the next wave. What is to be tried starts last, so that no try can end before what ended
without one is known.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import Judgement, Verdict, judge
from chalicelib.domain.messages import FollowTask
from chalicelib.domain.slots.pools import Parts
from chalicelib.domain.states import FAILURE_STATES
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import (
    added_by,
    arrived,
    distant_orders,
    end_of_instance,
    is_complete,
    is_only_upstream,
    left_as,
    sole_arrival,
)
from chalicelib.domain.tasks.hearers import (
    Hearer,
    deeper_successors,
    hearers_of,
    hearers_of_all,
    hearers_of_expansion,
)
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.notes import EXPANDED, SKIP_ALL, SKIP_ORDER, SKIP_UNDECIDED
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, is_early
from chalicelib.domain.tasks.voiding import standing
from chalicelib.engine.slots import taking
from chalicelib.engine.tasks.answers import Answers
from chalicelib.engine.tasks.expanding import (
    Opening,
)
from chalicelib.engine.tasks.mapped_answers import MappedAnswers
from chalicelib.engine.tasks.questions import Question, Told
from chalicelib.engine.tasks.telling import later

if TYPE_CHECKING:
    from chalicelib.engine.tasks.advance import RunInProgress

CASCADE_LIMIT = 200
"""Task instances that one handler ends in a row; the rest of a longer cascade goes by message."""


@dataclass(kw_only=True, slots=True)
class Cascade:
    """One cascade of a run."""

    progress: "RunInProgress"
    is_part: bool = False
    """Whether it is part of another cascade, which closes the run."""
    _met: set[str] = field(default_factory=set)
    _touched: dict[str, Question] = field(default_factory=dict)
    _levels: dict[str, tuple[int, ...]] = field(default_factory=dict)
    end: TaskInstance | None = None
    """The end of the run, as the last note left there was answered."""
    _answers: Answers = field(init=False)
    _mapped: MappedAnswers = field(init=False)

    def __post_init__(self) -> None:
        self._answers = Answers(progress=self.progress)
        self._mapped = MappedAnswers(progress=self.progress, answers=self._answers)

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
        question = Question(join=join, item=item, redo=redo, levels=item.levels, first_attempt=not redo)
        self.follow(self._answer(question))

    def open_instance(self, item: TaskInstance, *, by: Opening, ends_as: Judgement | None) -> None:
        """Decide about an instance of an expanded task that is opened along with the others.

        ``ends_as``: what becomes of it where that is known already.
        """
        task, redo = by.task, not by.is_fresh
        question = Question(
            join=self._graph.join_before_instance(task, item.map_index),
            item=item,
            redo=redo,
            levels=item.levels,
            first_attempt=not redo,
        )
        if item.state is not None:
            is_overwritten = by.is_ordered and by.overwrites(item)
            self.follow(self._answers.overwrite(item) if is_overwritten else self._answers.decided(question))
        elif ends_as is not None:
            self.follow(self._answers.judged(question, task, ends_as, skip_ordered=by.is_ordered))
        else:
            self.follow(self._mapped.instance_by(question, task, by.item))

    def skip(self, item: TaskInstance) -> None:
        """Skip a task instance that was ordered to be while it ran, and that has failed since."""
        self.follow(self._answers.overwrite(item))

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
        is_met = told.item.key in self._met and not told.is_overwritten
        self._met.add(told.item.key)
        return is_met

    def _tell(self, told: Told) -> Iterator[Told]:
        """Tell one thing to all that hear of it; yields what is skipped by its order, at once."""
        if told.is_expansion:
            self._tell_expansion(told)
            return
        prepaid: Mapping[str, Parts] = {}
        self._mapped.remember_output(told)
        hearers = list(self._hearers(told))
        if told.met_at is not None and is_complete(told.met_at, told.item.notes):
            self._be_expanded(told)
            self.progress.wake_next_run(told.item)
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
                self._touched[question.key] = question

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
        self.progress.wake_next_run(item)
        if is_early(item):
            progress.telling.owe_completion(item)
            self._answers.complete_if_due(item)

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

    def _question(self, told: Told, hearer: Hearer, prepaid: Mapping[str, Parts]) -> Question | None:
        """What a hearer has to answer now that it has heard."""
        join, item = hearer.join, told.item
        is_ordered = _orders_at_once(hearer)
        if not told.again and self._tells_all(hearer):
            return Question(
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
        return Question(
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
        for join, place in distant_orders(self._graph, told.item):
            note = SKIP_ORDER if end.acts_at_once else SKIP_UNDECIDED
            is_new, item = self.progress.telling.leave(place.key, left_as(place.number, end.clears, (note,)))
            redo = told.again and not is_new
            yield from self._answer(
                Question(
                    join=join,
                    item=item,
                    redo=redo,
                    is_ordered=end.acts_at_once,
                    ordered_at=told.item.end_date,
                    levels=told.item.levels,
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
                question = Question(join=join, item=self._untouched(join), known=known, added=added)
            else:
                # No join hears of so many expansions that it needs buckets: they stand in one group.
                is_new, item = self.progress.telling.leave(self._untouched(join).key, added)
                question = Question(join=join, item=item, redo=told.again and not is_new)
            self._touched[question.key] = question

    # -- answers -----------------------------------------------------------------------------------

    def _answer(self, question: Question) -> list[Told]:
        """Act on what a join has heard; what ended by that (or did before, when redoing)."""
        join, item = question.join, question.item
        if join.task_id == END_OF_RUN:
            self.end = later(self.end, item)
            return []
        if join.collects:
            return [Told(item=item, met_at=join, levels=question.levels, again=question.redo)]
        if item.state is not None:
            return self._answers.decided(question)
        task = self._graph.tasks[join.task_id]
        if join.map_index != NOT_MAPPED:
            return self._mapped.instance(question, task)
        if task.is_mapped:
            return self._mapped.whole(question, task)
        known = question.known or arrived(join, item.notes)
        return self._answers.act(question, task, known)

    def _complete_what_is_due(self) -> None:
        """Tell the end of the run of those whose upstreams have all ended, once their own ends are told.

        One that was ordered to be skipped passes that on: if another handler does so, it may not be done yet.
        """
        for item in list(self._answers.due.values()):
            may_be_untold = item.clears or standing(item.notes).get(SKIP_ALL)
            if may_be_untold and item.key not in self._met:
                self._tell_all([Told(item=item, again=True)])
        for item in self._answers.due.values():
            self.end = later(self.end, self.progress.telling.complete(item))

    # -- what was put off --------------------------------------------------------------------------

    def _finish(self) -> None:
        """Do what waits until no further end comes of the cascade: start tries, and close the run."""
        self._complete_what_is_due()
        self._answers.start_tries()
        self.end = later(self.end, self._mapped.open_instances())
        if self.end is not None and not self.is_part:
            self.progress.close_if_over(self.end)

    def _untouched(self, join: Join) -> TaskInstance:
        return TaskInstance(
            run_uid=self.progress.facts.ref.run_uid, task_id=join.task_id, map_index=join.map_index
        )


def _orders_at_once(hearer: Hearer) -> bool:
    """Whether what comes after a join is skipped by an order, whatever its state."""
    join, end = hearer.join, hearer.end
    is_meant = join.task_id in end.skips and not join.collects and join.task_id != END_OF_RUN
    return is_meant and end.acts_at_once
