"""A run in progress: what the end of one task opens, down to the end of the run.

The fast path of the engine: the handler that ends a task opens its successors itself. Every step is one
conditional write or a repeatable one, in an order such that a handler that dies in between is made
good by its message coming again (``redo``) or by the sweep of the run (invariants I4 to I6):

1. the end of the task is written (``try_end``), and its callbacks are sent for,
2. its slots are given back or handed on, and its orders left at tasks further down (to be skipped, or
   to fail with a setup),
3. an arrival is left at each successor and, where the task reports there, at the end of the run,
4. a successor whose trigger rule is met is started (``tries``), one that never will be is ended.

An arrival that stands therefore proves that the steps before it were done.
"""

from dataclasses import dataclass, field
from typing import Self

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.join import Join
from chalicelib.domain.graph.trigger_rules import Judgement, judge
from chalicelib.domain.messages import OpenTasks, RescueRun, ScheduleDag, WakePool
from chalicelib.domain.observations import RunEnded
from chalicelib.domain.plans.deadlock import may_be_reached
from chalicelib.domain.plans.fail_stop import stops_others
from chalicelib.domain.plans.steps import fails_against_an_order, waits_against_an_order
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunFacts
from chalicelib.domain.runs.due import may_be_behind
from chalicelib.domain.runs.reasons import DEADLOCKED
from chalicelib.domain.states import FAILURE_STATES, DagRunState, TaskInstanceState
from chalicelib.domain.tasks.arrivals import arrived
from chalicelib.domain.tasks.notes import CROWDING, SKIP_ORDER
from chalicelib.domain.tasks.run_items import sized
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import standing
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.slots import taking
from chalicelib.engine.tasks import deferring, fail_stop, owed_callbacks, owed_events, past, sleeping
from chalicelib.engine.tasks.cascade import Cascade
from chalicelib.engine.tasks.expanding import Opening, literal_levels
from chalicelib.engine.tasks.failures import pause_after_failures
from chalicelib.engine.tasks.questions import Told
from chalicelib.engine.tasks.telling import Telling
from chalicelib.engine.tasks.tries import Tries

PORTION = 200
"""First tasks of a run that one message opens: some 3 requests each, in a handler of 60 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInProgress:
    """One run while one message of it is handled. ``flush`` comes last: it sends what is left."""

    engine: Engine
    graph: Graph
    facts: RunFacts
    outbox: Outbox
    tries: Tries
    telling: Telling
    waiting: dict[str, bool] = field(default_factory=dict)
    """Whether tasks wait for the previous run, as far as it was asked."""
    held_back: list[TaskInstance] | None = None
    """Tries that have ended, where what follows waits for ``let_follow``; None: it follows at once."""

    @classmethod
    def of(cls, engine: Engine, facts: RunFacts) -> Self:
        """The run of these facts, with the graph of its own version."""
        outbox = Outbox(sender=engine.sender)
        graph = graph_of_run(engine, facts)
        return cls(
            engine=engine,
            graph=graph,
            facts=facts,
            outbox=outbox,
            tries=Tries(engine=engine, facts=facts, outbox=outbox),
            telling=Telling(engine=engine, graph=graph, run_uid=facts.ref.run_uid),
        )

    def open_first_tasks(self, *, opened: int = 0, redo: bool) -> None:
        """Open what nothing precedes, from the place ``opened`` on: one portion, and send for the next.

        A DAG without tasks is over at once.
        """
        if not self.graph.tasks:
            self._close(failed=False)
        left = self.graph.opened_at_start[opened:]
        for task in left[:PORTION]:
            self._open_first(task, redo=redo)
        if len(left) > PORTION:
            self.outbox.post(OpenTasks(run=self.facts.ref, opened=opened + PORTION))

    def _open_first(self, task: Task, *, redo: bool) -> None:
        if not task.literal_length:
            self.open(task, self._read(task) if redo else self._untouched(task), redo=redo)
            return
        gate = self.sized(self._untouched(task), literal_levels(task) or ())
        opening = Opening(task=task, item=gate, judgement=self._judged(gate), is_fresh=not redo)
        self._close_by(opening.carry_out(self))

    def open(self, task: Task, item: TaskInstance, *, redo: bool) -> None:
        """Act on what a task's trigger rule says of the notes on its item, and on all that follows."""
        Cascade(progress=self).open(task, item, redo=redo)

    def open_instances(self, task: Task, *, opened: int = 0) -> None:
        """Open the instances of an expanded task that may not be open yet, from the index ``opened`` on."""
        gate = self._read(task)
        levels = gate.levels or literal_levels(task)
        if levels:
            gate = self.sized(gate, levels)
            is_ordered = bool(standing(gate.notes).get(SKIP_ORDER))
            opening = Opening(task=task, item=gate, judgement=self._judged(gate), is_ordered=is_ordered)
            self._close_by(opening.carry_out(self, opened=opened))

    def _close_by(self, end: TaskInstance | None) -> None:
        if end is not None:
            self.close_if_over(end)

    def _judged(self, item: TaskInstance) -> Judgement:
        join = self.graph.join_before(item.task_id)
        return judge(join.trigger_rule, arrived(join, item.notes))

    def open_instance(
        self, item: TaskInstance, *, by: Opening, ends_as: Judgement | None
    ) -> TaskInstance | None:
        """Decide about an instance of an expanded task; see ``Cascade.open_instance``.

        The end of the run as it was answered last, by which the caller may close the run.
        """
        cascade = Cascade(progress=self, is_part=True)
        cascade.open_instance(item, by=by, ends_as=ends_as)
        return cascade.end

    def after_try(self, item: TaskInstance, *, redo: bool) -> None:
        """Do what follows from a try that has just been written as ended (or, ``redo``, was before)."""
        if self.held_back is not None and not redo:
            self.held_back.append(item)
        elif self._is_to_be_told(item, redo=redo):
            self.follow(item, redo=redo)

    def let_follow(self) -> None:
        """Do what follows from all tries that were held back, as from ends at one moment."""
        ended = [item for item in self.held_back or () if self._is_to_be_told(item, redo=False)]
        if ended:
            self.follow(*ended, redo=False)

    def _is_to_be_told(self, item: TaskInstance, *, redo: bool) -> bool:
        """Do what concerns an ended try alone; whether the tasks after it are to be told of it."""
        task = self.graph.task(item.task_id)
        if fails_against_an_order(item):
            self.tries.give_back(task, item)
            Cascade(progress=self).skip(item)
            return False
        owed_callbacks.after_try(self.engine, self.graph, self.facts, item, redo=redo)
        owed_events.after_try(self.engine, self.graph, self.facts, item, redo=redo)
        if item.notes.get(CROWDING):
            self.outbox.post(RescueRun.of(self.facts.ref))
        if waits_against_an_order(item):
            Cascade(progress=self).skip(item)
        elif item.state is TaskInstanceState.UP_FOR_RETRY:
            self.tries.retry_later(task, item)
        elif item.waits_for_poke:
            sleeping.poke_later(self.tries, task, item)
        elif item.state is TaskInstanceState.DEFERRED:
            deferring.wait_for_trigger(self.tries, task, item)
        elif item.state is not None and item.state.is_final:
            if not stops_others(self.graph, item):
                return True
            fail_stop.stop_others(self, item, redo=redo)
        return False

    def follow(self, *ended: TaskInstance, redo: bool) -> None:
        """Tell the joins after ended task instances, and go on with what ends by that."""
        Cascade(progress=self).follow([Told(item=item, again=redo) for item in ended])

    def waits_for_past(self, task: Task) -> bool:
        """Whether a task that depends on past has to wait; asked once for all of its instances."""
        if task.task_id not in self.waiting:
            waits = past.waits_for_past(self.engine, self.graph, self.facts, task, self.outbox)
            self.waiting[task.task_id] = waits
        return self.waiting[task.task_id]

    def wake_next_run(self, item: TaskInstance) -> None:
        """Have the next run looked after if a task of it waits for what this item shows."""
        self.outbox.extend(past.goes_on(self.engine, self.graph, self.facts.ref, [item]))

    def levels_of(self, task: Task) -> tuple[int, ...]:
        """Over which lengths a mapped task is expanded; none if it is not. 1 request, 0 for literals."""
        return literal_levels(task) or self._read(task).levels

    def sized(self, item: TaskInstance, levels: tuple[int, ...]) -> TaskInstance:
        """An instance of a mapped task that says of how many it is one."""
        return sized(item, levels)

    def close_if_over(self, end: TaskInstance) -> None:
        """End the run if every task has reported at its end."""
        known = arrived(self.graph.end_of_run, end.notes)
        if known.complete:
            self._close(failed=bool(known.seen & FAILURE_STATES))
        else:
            self.look_for_deadlock(self.graph.end_of_run, end)

    def close_deadlocked(self) -> None:
        """Fail the run: all that has not ended waits for ever, and keeps no state, as in Airflow."""
        self._close(failed=True, reason=DEADLOCKED)

    def look_for_deadlock(self, join: Join, item: TaskInstance) -> None:
        """Have the run looked after if, by what a join has heard, all that has not ended waits for ever."""
        if may_be_reached(self.graph, join, item.notes):
            self.outbox.post(RescueRun.of(self.facts.ref))

    def leave(self, run: DagRun) -> None:
        """Give back the place of this run, as it ended, among the active runs of its DAG; may be repeated."""
        if run.fence and self.graph.share_of_run is not None:
            self.engine.store.dags.forget_altered(run.ref, run.clear_number)
        for own in self.graph.limits_of_run(run.run_uid):
            self.engine.store.pools.delete(own.pool)
        limit = self.graph.active_runs
        if limit is not None and taking.give_for_run(self.engine, run, limit):
            self.outbox.post(WakePool(pool=limit.pool))

    def flush(self) -> None:
        """Send what is left to be sent."""
        self.outbox.flush()

    def _close(self, *, failed: bool, reason: str | None = None) -> None:
        now = self.engine.now()
        state = DagRunState.FAILED if failed else DagRunState.SUCCESS
        change = DagRunChange(state=state, end_date=now, reason=reason, updated_at=now)
        ref = self.facts.ref
        running, fence = frozenset({DagRunState.RUNNING}), self.facts.fence
        write = self.engine.store.dag_runs.transition(ref, running, change, fence=fence)
        run = write.item
        if run is None:
            return
        if write.applied:
            self.engine.observe(RunEnded.of(run))
        if run.state is DagRunState.RUNNING:
            # Tasks were cleared since these facts were read, maybe not the end that was seen: look anew.
            self.outbox.post(RescueRun.of(ref))
        elif run.state.is_final and run.fence == fence:
            self._after_close(run, redo=not write.applied)

    def _after_close(self, run: DagRun, *, redo: bool) -> None:
        """Do what follows from the end of the run, all of whose tasks have ended."""
        pause_after_failures(self.engine, self.graph, run, redo=redo)
        self.leave(run)
        owed_callbacks.after_run(self.engine, self.graph, run, redo=redo)
        self.engine.store.dag_runs.remove_unfinished(run.ref, run.clear_number)
        if may_be_behind(self.facts, self.engine.now()):
            self.outbox.post(ScheduleDag(dag_id=run.dag_id))

    # -- items -------------------------------------------------------------------------------------

    def _untouched(self, task: Task) -> TaskInstance:
        return TaskInstance(run_uid=self.facts.ref.run_uid, task_id=task.task_id)

    def _read(self, task: Task) -> TaskInstance:
        return self.engine.instance(self.facts.ref.run_uid, task.task_id)
