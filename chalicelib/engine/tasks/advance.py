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

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import Arrived, Verdict, judge
from chalicelib.domain.messages import FollowTask, OpenTasks, RescueRun, ScheduleDag, WakePool
from chalicelib.domain.observations import RunEnded, TaskEnded
from chalicelib.domain.plans.fail_stop import stops_others
from chalicelib.domain.plans.steps import End, Start, Wait, asks_for_past, open_step
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunFacts
from chalicelib.domain.runs.due import may_be_behind
from chalicelib.domain.slots.pools import Parts
from chalicelib.domain.states import FAILURE_STATES, DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import (
    arrived,
    distant_orders,
    head_number,
    is_only_upstream,
    joins_after,
    notes_of,
    place_at,
    sole_arrival,
)
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import COMPLETE, CROWDING, arrived_numbers
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance
from chalicelib.domain.tasks.voiding import VOID, coded, standing
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.slots import taking
from chalicelib.engine.tasks import fail_stop, owed_callbacks, past, sleeping
from chalicelib.engine.tasks.tries import Tries

CASCADE_LIMIT = 200
"""Task instances that one handler ends in a row; the rest of a longer cascade goes by message."""

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

    @classmethod
    def of(cls, engine: Engine, facts: RunFacts) -> "RunInProgress":
        """The run of these facts, with the graph of its own version."""
        outbox = Outbox(sender=engine.sender)
        return cls(
            engine=engine,
            graph=graph_of(engine, facts.ref.dag_id, facts.ref.version),
            facts=facts,
            outbox=outbox,
            tries=Tries(engine=engine, facts=facts, outbox=outbox),
        )

    def open_first_tasks(self, *, opened: int = 0, redo: bool) -> None:
        """Open what nothing precedes, from the place ``opened`` on: one portion, and send for the next.

        A DAG without tasks is over at once.
        """
        if not self.graph.tasks:
            self._close(failed=False)
        left = self.graph.opened_at_start[opened:]
        for task in left[:PORTION]:
            self.open(task, self._read(task) if redo else self._untouched(task), redo=redo)
        if len(left) > PORTION:
            self.outbox.post(OpenTasks(run=self.facts.ref, opened=opened + PORTION))

    def open(self, task: Task, item: TaskInstance, *, redo: bool) -> None:
        """Act on what a task's trigger rule says of the notes on its item, and on all that follows."""
        known = arrived(self.graph, self.graph.join_before(task.task_id), item.notes)
        ended = self._act(task, item, known, redo=redo) if item.state is None else _again(item, redo=redo)
        if ended is not None:
            self.follow(ended.item, redo=ended.again)
        elif redo and item.state is TaskInstanceState.QUEUED:
            self.tries.send(item)

    def after_try(self, item: TaskInstance, *, redo: bool) -> None:
        """Do what follows from a try that has just been written as ended (or, ``redo``, was before)."""
        task = self.graph.task(item.task_id)
        owed_callbacks.after_try(self.engine, self.graph, self.facts, item, redo=redo)
        if item.notes.get(CROWDING):
            self.outbox.post(RescueRun.of(self.facts.ref))
        if item.state is TaskInstanceState.UP_FOR_RETRY:
            self.tries.retry_later(task, item)
        elif item.waits_for_poke:
            sleeping.poke_later(self.tries, task, item)
        elif item.state is not None and item.state.is_final:
            self._follow_try(item, redo=redo)

    def _follow_try(self, ended: TaskInstance, *, redo: bool) -> None:
        """Go on from the end of a try; one that stops the others of its run tells of itself after that."""
        stopped = fail_stop.stop_others(self.tries, self.graph, ended, redo=redo)
        for other in stopped.items:
            self.follow(other, redo=True)
        if stopped.is_complete:
            # Where others may have been stopped, no end alone decides a successor: as when it is redone.
            self.follow(ended, redo=redo or stops_others(self.graph, ended))

    def follow(self, ended: TaskInstance, *, redo: bool) -> None:
        """Tell the joins after an ended task instance, and go on with what ends by that."""
        pending = deque([_Ended(item=ended, again=redo)])
        met = {ended.key}
        for _ in range(CASCADE_LIMIT):
            if not pending:
                return
            current = pending.popleft()
            following = [found for found in self._tell(current) if found.item.key not in met]
            met |= {found.item.key for found in following}
            pending.extend(following)
        for item in (left.item for left in pending if not left.again):
            # Not for what had ended before: in a dense graph that is nearly everything, for each of
            # these messages. What a crash left untold there is found by the sweep.
            self.outbox.post(FollowTask(run=self.facts.ref, task_id=item.task_id, map_index=item.map_index))

    def close_if_over(self, end: TaskInstance) -> None:
        """End the run if every task has reported at its end."""
        known = arrived(self.graph, self.graph.end_of_run, end.notes)
        if known.complete:
            self._close(failed=bool(known.seen & FAILURE_STATES))

    def leave(self, run: DagRun) -> None:
        """Give back the place of this run, as it ended, among the active runs of its DAG; may be repeated."""
        if run.fence and self.graph.share_of_run is not None:
            self.engine.store.dags.forget_altered(run.ref, run.clear_number)
        limit = self.graph.active_runs
        if limit is not None and taking.give_for_run(self.engine, run, limit):
            self.outbox.post(WakePool(pool=limit.pool))

    def flush(self) -> None:
        """Send what is left to be sent."""
        self.outbox.flush()

    # -- telling successors ------------------------------------------------------------------------

    def _tell(self, told: "_Ended") -> Iterator["_Ended"]:
        """Leave the end of a task at each of its joins; yields the instances that end by it."""
        ended = told.item
        self.outbox.extend(past.goes_on(self.engine, self.graph, self.facts.ref, [ended]))
        joins = joins_after(self.graph, ended)
        if told.again:
            yield from self._tell_again(ended, joins)
            return
        prepaid = self._settle(ended, joins)
        for join in joins:
            if self._tells_all(ended, join):
                next_end = self._decide_at_once(join, ended, prepaid)
            else:
                next_end = self._decide(join, self._arrive(join, ended)[1], redo=False)
            if next_end is not None:
                yield next_end

    def _tell_again(self, ended: TaskInstance, joins: tuple[Join, ...]) -> Iterator["_Ended"]:
        self._order(ended)
        for number, join in enumerate(joins):
            is_new, item = self._arrive(join, ended)
            if is_new and number == 0:
                self.tries.give_back(self.graph.tasks[ended.task_id], ended)
            next_end = self._decide(join, item, redo=not is_new, first_attempt=False)
            if next_end is not None:
                yield next_end

    def _settle(self, ended: TaskInstance, joins: tuple[Join, ...]) -> Mapping[str, Parts]:
        """Hand the slots of a try to the successor that starts now, or give them back; order skips.

        The parts handed over, by the task that got them. What ended without a try holds nothing.
        """
        task = self.graph.tasks[ended.task_id]
        successor = self._first_to_start(ended, joins) if ended.pool_parts else None
        parts = taking.hand_over(self.engine, task, ended, successor) if successor else ()
        if not parts:
            self.tries.give_back(task, ended)
        self._order(ended)
        return {successor.task_id: parts} if successor and parts else {}

    def _first_to_start(self, ended: TaskInstance, joins: tuple[Join, ...]) -> Task | None:
        for join in joins:
            if not self._tells_all(ended, join):
                continue
            successor = self.graph.tasks[join.task_id]
            verdict = judge(successor.trigger_rule, sole_arrival(self.graph, ended, successor)).verdict
            if verdict is Verdict.RUN and not (successor.is_empty or successor.depends_on_past):
                return successor
        return None

    def _tells_all(self, ended: TaskInstance, join: Join) -> bool:
        """Whether this end alone decides a successor, which nothing has touched before."""
        return not ended.clears and is_only_upstream(self.graph, join)

    def _order(self, ended: TaskInstance) -> None:
        """Leave orders at tasks further down, before an arrival might let them run."""
        for key, notes in distant_orders(self.graph, ended).items():
            self._leave_notes(key, notes)

    def _arrive(self, join: Join, ended: TaskInstance) -> tuple[bool, TaskInstance]:
        """Leave an arrival at a join; whether it is new, and the join's item as it is now."""
        names = notes_of(join, ended, self.graph)
        place = place_at(self.graph, join, ended.task_id)
        added = dict.fromkeys(names, coded(place.number, ended.clears))
        if ended.clears:
            added[VOID] = coded(place.number, ended.clears - 1)
        is_new, item = self._leave_notes(place.key, added)
        if place.bucket is None:
            return is_new, item
        is_full = len(arrived_numbers(item.notes)) == join.bucket_size(place.bucket)
        if not is_full and join.trigger_rule.waits_for_all:
            return is_new, TaskInstance(run_uid=item.run_uid, task_id=join.task_id)
        told = [name for name, numbers in standing(item.notes).items() if numbers]
        head = dict.fromkeys([*told, COMPLETE] if is_full else told, head_number(place.bucket, item.notes))
        if voids := len(item.notes.get(VOID, ())):
            head[VOID] = coded(place.bucket, voids - 1)
        return is_new, self._leave_notes(join_key(join), head)[1]

    # -- deciding ----------------------------------------------------------------------------------

    def _decide(
        self, join: Join, item: TaskInstance, *, redo: bool, first_attempt: bool = True
    ) -> "_Ended | None":
        """Act on a join's item; the instance if it ended by that (or did before, when redoing)."""
        if join.task_id == END_OF_RUN:
            self.close_if_over(item)
            return None
        if item.state is None:
            known = arrived(self.graph, join, item.notes)
            task = self.graph.tasks[join.task_id]
            return self._act(task, item, known, redo=redo, first_attempt=first_attempt)
        if redo and item.state is TaskInstanceState.QUEUED:
            self.tries.send(item)
        return _again(item, redo=redo)

    def _decide_at_once(
        self, join: Join, ended: TaskInstance, prepaid: Mapping[str, Parts]
    ) -> "_Ended | None":
        """A successor with this one upstream: the arrival and what comes of it are one write."""
        task = self.graph.tasks[join.task_id]
        added = dict.fromkeys(notes_of(join, ended, self.graph), 0)
        known = sole_arrival(self.graph, ended, task)
        return self._act(
            task,
            self._untouched(task),
            known,
            added=added,
            prepaid=prepaid.get(task.task_id, ()),
            redo=False,
        )

    def _act(
        self,
        task: Task,
        item: TaskInstance,
        known: Arrived,
        *,
        added: Mapping[str, int] | None = None,
        prepaid: Parts = (),
        redo: bool,
        first_attempt: bool = True,
    ) -> "_Ended | None":
        """Carry out the step of a task instance without a state; the instance if it ended by that."""
        asks = asks_for_past(task, known)
        waits = asks and past.waits_for_past(self.engine, self.graph, self.facts, task, self.outbox)
        match open_step(task, item, known, waits_for_past=waits):
            case Start() as step:
                is_first = first_attempt and not redo and step.is_fresh
                number = step.try_number
                self.tries.start(task, item, number, added=added, prepaid=prepaid, first_attempt=is_first)
                return None
            case Wait():
                if added:
                    self._leave_notes(item.key, added)
                return None
            case End() as step:
                return self._end_untried(item, step, added, redo=redo)

    def _end_untried(
        self, item: TaskInstance, step: End, added: Mapping[str, int] | None, *, redo: bool
    ) -> "_Ended | None":
        now = self.engine.now()
        change = changes.ended_untried(item, step.judgement, skip_ordered=step.skip_ordered, now=now)
        tasks = self.engine.store.task_instances
        write = tasks.transition(item.run_uid, item.key, as_judged(item), change, added)
        if write.applied:
            self.engine.observe(TaskEnded.of(self.facts.ref.dag_id, self.facts.run_id, write.item))
        return _Ended(item=write.item, again=False) if write.applied else _again(write.item, redo=redo)

    def _close(self, *, failed: bool) -> None:
        now = self.engine.now()
        state = DagRunState.FAILED if failed else DagRunState.SUCCESS
        change = DagRunChange(state=state, end_date=now, updated_at=now)
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
        self.leave(run)
        owed_callbacks.after_run(self.engine, self.graph, run, redo=redo)
        self.engine.store.dag_runs.remove_unfinished(run.ref, run.clear_number)
        if may_be_behind(self.facts, self.engine.now()):
            self.outbox.post(ScheduleDag(dag_id=run.dag_id))

    # -- items -------------------------------------------------------------------------------------

    def _leave_notes(self, key: str, added: Mapping[str, int]) -> tuple[bool, TaskInstance]:
        write = self.engine.store.task_instances.arrive(self.facts.ref.run_uid, key, added)
        return write.applied, write.item

    def _untouched(self, task: Task) -> TaskInstance:
        return TaskInstance(run_uid=self.facts.ref.run_uid, task_id=task.task_id)

    def _read(self, task: Task) -> TaskInstance:
        return self.engine.instance(self.facts.ref.run_uid, task.task_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    """A task instance whose end is to be told."""

    item: TaskInstance
    again: bool
    """Whether it had ended before, and may have been told."""


def as_judged(item: TaskInstance) -> Expected:
    """A task instance that nothing was decided of, and none of whose upstreams was cleared, since."""
    voids = len(item.notes.get(VOID, ()))
    return Expected(states=frozenset({None}), clears=item.clears, voids=voids)


def _again(item: TaskInstance, *, redo: bool) -> _Ended | None:
    """When redoing: an instance that ended without a try, whose end may not have been told to all."""
    ended_untried = item.state is not None and item.state.is_final and item.lease_token is None
    return _Ended(item=item, again=True) if redo and ended_untried else None
