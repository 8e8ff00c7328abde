"""``alter``: the tasks of a run, marked and cleared as a plan says.

Every step is one conditional write or a repeatable one. Their order, for all task instances together:

1. The fence of a run that goes on changes, and the marked ones are written as they are to be; what they
   have told of other ends is made void.
2. What the cleared ones have told of their ends, or may tell yet, is made void at every join after them
   (upstream tasks first: what follows of one that is touched already must wait for the others). Where a
   successor has been decided already, the end of the run is told to wait for the task itself.
3. The run's fence changes, so that no handler closes it by an end seen before (and it is noted where its
   shape bounds nothing from now on: see ``altered_runs``); one that was over goes back to ``queued``
   (before any task does: a handler that ends the tasks of a run that is over leaves those of this one).
4. The cleared ones are written as if nothing had happened to them. A worker that runs one has lost its lease.
5. What follows from that is told and opened.

No task instance is written that was altered since the plan was made. Between the steps nothing can go on
by what is void. A handler that dies in between is made good by its message coming again or, once the run
goes on, by its sweep (``repairs.RepairKind``: ``CLEAR``, ``FOLLOW``, ``OPEN``).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.join import Join
from chalicelib.domain.messages import AlterTasks, FollowTask, RescueRun, StartRun
from chalicelib.domain.plans.by_hand import (
    Clear,
    Leave,
    Mark,
    Plan,
    alteration_of,
    clears_behind,
    end_awaits,
    has_ended,
    in_order,
    marks_ahead,
)
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunRef
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import (
    Place,
    distant_places,
    head_number,
    joins_after,
    place_at,
)
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import CROWDING, OWED, REPORTS, Notes
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.domain.tasks.voiding import VOID, coded, is_void, standing
from chalicelib.engine.engine import Engine
from chalicelib.engine.lookup import find_run
from chalicelib.engine.ports.store import Write
from chalicelib.engine.runs.end import end_tasks_of
from chalicelib.engine.runs.requeue import new_fence, requeue
from chalicelib.engine.runs.start import in_progress
from chalicelib.engine.tasks import past
from chalicelib.engine.tasks.advance import RunInProgress

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Task instances that are altered before the caller is answered; of more, only the message does it."""

NET_SECONDS = 60
"""When the message comes of what was done at once: it finds what a crash left undone."""

_ATTEMPTS = 10
"""Tries to write a task instance that others change at the same moment; then the message comes again."""

_GOING_ON = frozenset({DagRunState.QUEUED, DagRunState.RUNNING})


def alter(engine: Engine, run: DagRun, plan: Plan) -> None:
    """Have a plan carried out: at once if it is small, and for certain once this has returned.

    Raises ``StoreUnavailable`` if nothing is known of it; asking again does no harm.
    """
    if plan.is_empty:
        return
    text = plan.as_text()
    message = AlterTasks(
        run=run.ref,
        plan=engine.store.payloads.keep(f"plans/{run.run_uid}/{engine.new_uid()}.json", text),
    )
    is_small = len(plan.altered) <= AT_ONCE
    engine.send(message, NET_SECONDS if is_small else 0)
    if not is_small:
        return
    try:
        alter_tasks(engine, message)
    except StoreUnavailable:
        log.warning("run %s of %s is altered a little later", run.run_id, run.dag_id, exc_info=True)


def alter_tasks(engine: Engine, message: AlterTasks) -> None:
    """Carry out a plan; safe to repeat and to interrupt."""
    found = find_run(engine, message.run)
    if found is None:
        return
    dag, run = found
    if run.state.is_final and dag.is_altered(run.run_uid):
        _take_note_off(engine, run)  # a handler that died may have left it
    plan = Plan.from_text(engine.store.payloads.read(message.plan))
    alteration = Alteration.of(in_progress(engine, run), plan, engine.items(run.run_uid))
    written = []
    if plan.marked and not run.state.is_final:
        _fence(engine, run, note=alteration.marks_ahead())
    written += alteration.mark()
    if alteration.make_void():
        _make_go_on(engine, run, note=alteration.clears_behind())
        written += alteration.clear()
    alteration.progress.flush()
    if written:
        _go_on(engine, run.ref, written)


def finish_clearing(
    progress: RunInProgress, run: DagRun, items: RunItems, cleared: Mapping[str, int]
) -> None:
    """Clear the task instances whose notes were being made void; the run is being swept."""
    alteration = Alteration.of(progress, Plan(cleared=cleared), items)
    if alteration.make_void():
        _make_go_on(progress.engine, run, note=alteration.clears_behind())
        alteration.clear()
    progress.outbox.post(RescueRun.of(run))


def _go_on(engine: Engine, ref: RunRef, written: Sequence[TaskInstance]) -> None:
    """Do what follows from task instances that were altered."""
    found = find_run(engine, ref)
    if found is None:
        return
    dag, run = found
    progress = in_progress(engine, run)
    if run.state.is_final:
        end_tasks_of(engine, run)  # one that was ended while its tasks were cleared
        progress.outbox.extend(past.goes_on(engine, progress.graph, ref, written))
        written = ()
    elif run.state is DagRunState.QUEUED:
        progress.outbox.post(StartRun(run=ref))
        written = ()
    if any(item.notes.get(CROWDING) for item in written):
        progress.outbox.post(RescueRun.of(run))
    for item in written:
        if item.state is not None:
            progress.follow(item, redo=False)
        elif not dag.is_paused_for(run.run_type):
            progress.open(progress.graph.tasks[item.task_id], item, redo=True)
    progress.flush()


def _fence(engine: Engine, run: DagRun, *, note: bool) -> bool:
    """Change the fence of a run that goes on; False if it is not as it was read any more.

    Its sweep comes soon, should the rest be lost.
    """
    if note:
        engine.store.dags.note_altered(run.ref, run.clear_number)
    engine.store.dag_runs.move_due(run.ref, engine.now() + SWEEP_INTERVAL)
    change = DagRunChange(fence=new_fence(engine))
    write = engine.store.dag_runs.transition(run.ref, _GOING_ON, change, fence=run.fence)
    if note and not write.applied and write.item is not None and write.item.state.is_final:
        _take_note_off(engine, run)
    return write.applied


def _take_note_off(engine: Engine, run: DagRun) -> None:
    """Take the note of an altered run off its DAG: the run had closed before, when there was none to take."""
    engine.store.dags.forget_altered(run.ref, run.clear_number)


def _make_go_on(engine: Engine, run: DagRun, *, note: bool) -> None:
    """Change the fence of a run; put it back to ``queued`` if it is over, as Airflow does."""
    for _ in range(_ATTEMPTS):
        go_on = _requeue if run.state.is_final else _fence
        if go_on(engine, run, note=note):
            return
        found = find_run(engine, run.ref)
        if found is None:
            return
        run = found[1]
    raise StoreUnavailable(f"run {run.run_id} changes all the time")


def _requeue(engine: Engine, run: DagRun, *, note: bool) -> bool:
    if not end_tasks_of(engine, run):
        raise StoreUnavailable(f"the tasks of run {run.run_id} are being ended")
    return requeue(engine, run, note=note)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alteration:
    """One plan, and the items of its run."""

    progress: RunInProgress
    plan: Plan
    items: RunItems
    """As they were read before."""
    known: dict[str, TaskInstance]
    """The same by key, but as they were answered to a write or a note since."""

    @classmethod
    def of(cls, progress: RunInProgress, plan: Plan, items: RunItems) -> "Alteration":
        """A plan for a run, whose items were read before."""
        return cls(progress=progress, plan=plan, items=items, known=dict(items.by_key))

    def mark(self) -> list[TaskInstance]:
        """Write those that are marked, and make void what they have told; those that this has altered."""
        written = []
        for key, clears in self._in_order(self.plan.marked):
            item = self.items.at(key)
            if isinstance(alteration_of(self.plan, item), Mark):
                written += self._write(item)
            if self._current.at(key).clears > clears:
                self._void(item, clears)
        return written

    def make_void(self) -> bool:
        """Make void what the cleared tasks have told; whether any is still to be cleared."""
        graph, cleared = self.progress.graph, self._in_order(self.plan.cleared)
        for key, clears in cleared:
            item = self.items.at(key)
            self._void(item, clears)
            if self._is_to_be_cleared(item) and not end_awaits(graph, self.plan, item.task_id, self._current):
                self._owe(item)
        return any(self._is_to_be_cleared(self.items.at(key)) for key, _ in cleared)

    def clear(self) -> list[TaskInstance]:
        """Write those that are cleared; those that were not cleared meanwhile, as they are now."""
        cleared = [self.items.at(key) for key, _ in self._in_order(self.plan.cleared)]
        wanted = [item for item in cleared if self._is_to_be_cleared(item)]
        return [written for item in wanted for written in self._write(item)]

    def _is_to_be_cleared(self, item: TaskInstance) -> bool:
        return isinstance(alteration_of(self.plan, item), Clear)

    def marks_ahead(self) -> bool:
        """Whether marks let more be at work at once than the DAG's shape allows, where that is its limit."""
        graph = self.progress.graph
        return graph.share_of_run is not None and marks_ahead(graph, self.plan, self._current)

    def clears_behind(self) -> bool:
        """Whether clears do; to be asked once the ends of what is cleared are void."""
        graph = self.progress.graph
        return graph.share_of_run is not None and clears_behind(graph, self.plan, self._current)

    # -- making void -------------------------------------------------------------------------------

    def _void(self, item: TaskInstance, clears: int) -> None:
        graph = self.progress.graph
        for join in joins_after(graph, item):
            self._void_at(join, place_at(graph, join, item.task_id), clears)
        for place in distant_places(graph, item.task_id):
            if not is_void(self._notes(place.key), place.number, clears):
                self._leave_notes(place.key, {VOID: coded(place.number, clears)})

    def _void_at(self, join: Join, place: Place, clears: int) -> None:
        notes = self._notes(place.key)
        if not is_void(notes, place.number, clears):
            notes = self._leave_notes(place.key, {VOID: coded(place.number, clears)}).notes
        if place.bucket is not None:
            self._void_bucket(join, place.bucket, notes)

    def _void_bucket(self, join: Join, bucket: int, notes: Notes) -> None:
        """Make void what a bucket has told its join, and tell it anew what still counts."""
        key, number = join_key(join), head_number(bucket, notes)
        voids = len(notes[VOID])
        if not is_void(self._notes(key), bucket, voids - 1):
            told = dict.fromkeys((name for name, numbers in standing(notes).items() if numbers), number)
            self._leave_notes(key, {VOID: coded(bucket, voids - 1), **told})

    def _owe(self, reporting: TaskInstance) -> None:
        """Let the end of the run wait for an instance's next end (of one that is cleared: after that)."""
        graph = self.progress.graph
        item = self._leave_notes(reporting.key, {REPORTS: 0})
        place = place_at(graph, graph.end_of_run, item.task_id)
        clears = item.clears + (self.plan.cleared.get(item.key) == item.clears)
        notes = {OWED: coded(place.number, clears)}
        if clears:
            notes[VOID] = coded(place.number, clears - 1)
        self._leave_notes(place.key, notes)
        if item.clears == clears and item.state is not None and item.state.is_final:
            # It may have ended without knowing that it has to report.
            run = self.progress.facts.ref
            self.progress.outbox.post(FollowTask(run=run, task_id=item.task_id, map_index=item.map_index))

    # -- writing -----------------------------------------------------------------------------------

    def _write(self, item: TaskInstance) -> list[TaskInstance]:
        """Write one as it is to be; none if another handler altered it."""
        task, before = self.progress.graph.tasks[item.task_id], self._current.at(item.key)
        for _ in range(_ATTEMPTS):
            match alteration_of(self.plan, before):
                case Mark() as step:
                    write = self._mark_one(before, step.state)
                case Clear():
                    write = self._clear_one(before)
                case Leave():
                    return []
            self.known[item.key] = write.item
            if write.applied:
                if before.state is not None and not before.state.is_final:
                    self.progress.tries.give_back(task, before)
                return [write.item]
            before = write.item
        raise StoreUnavailable(f"{item.key} changes all the time")

    def _mark_one(self, before: TaskInstance, state: TaskInstanceState) -> Write[TaskInstance]:
        self._let_run_wait_for_upstreams(before)
        change = changes.marked(before, state, self.progress.engine.now())
        voids = len(before.notes.get(VOID, ()))
        return self._transition(before, replace(_as_it_is(before), voids=voids), change)

    def _clear_one(self, before: TaskInstance) -> Write[TaskInstance]:
        engine, now = self.progress.engine, self.progress.engine.now()
        record = changes.cleared_try(before, now)
        if record is not None:
            engine.store.task_instances.save_finished_try(record)
        change = changes.cleared(self.progress.graph.tasks[before.task_id], before, now)
        return self._transition(before, _as_it_is(before), change)

    def _transition(
        self, before: TaskInstance, expected: Expected, change: TaskInstanceChange
    ) -> Write[TaskInstance]:
        tasks = self.progress.engine.store.task_instances
        return tasks.transition(before.run_uid, before.key, expected, change)

    def _let_run_wait_for_upstreams(self, item: TaskInstance) -> None:
        """An end by hand does not imply that the upstreams have ended: they report themselves."""
        graph = self.progress.graph
        join = graph.join_before(item.task_id)
        if not join.trigger_rule.waits_for_all:
            return
        upstreams = [graph.tasks[name] for name in join.upstream if not graph.reports(name)]
        for upstream in [each for task in upstreams for each in self._current.instances_of(task)]:
            if not self._has_ended(join, upstream, item):
                self._owe(upstream)

    def _has_ended(self, join: Join, upstream: TaskInstance, item: TaskInstance) -> bool:
        """Whether an upstream has ended and is not being cleared. (If it is, ``item``'s voids change.)"""
        graph = self.progress.graph
        place = place_at(graph, join, upstream.task_id)
        notes = item.notes if place.bucket is None else self._notes(place.key)
        return has_ended(graph, join, upstream, notes)

    # -- items -------------------------------------------------------------------------------------

    def _in_order(self, altered: Mapping[str, int]) -> list[tuple[str, int]]:
        return [(key, altered[key]) for key in in_order(self.progress.graph, altered)]

    @property
    def _current(self) -> RunItems:
        """The items of the run, as far as the plan has been carried out."""
        return RunItems(self.items.run_uid, self.known)

    def _notes(self, key: str) -> Notes:
        return self._current.notes(key)

    def _leave_notes(self, key: str, added: Mapping[str, int]) -> TaskInstance:
        tasks = self.progress.engine.store.task_instances
        item = tasks.arrive(self.progress.facts.ref.run_uid, key, added).item
        self.known[key] = item
        return item


def _as_it_is(item: TaskInstance) -> Expected:
    return Expected(
        states=frozenset({item.state}),
        try_number=item.try_number,
        updated_at=item.updated_at,
        clears=item.clears,
    )
