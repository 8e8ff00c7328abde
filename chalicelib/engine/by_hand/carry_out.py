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
from itertools import pairwise

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.messages import AlterTasks, FollowTask, RescueRun, StartRun
from chalicelib.domain.plans.by_hand import (
    Clear,
    Leave,
    Mark,
    Plan,
    alteration_of,
    clears_behind,
    end_awaits,
    in_order,
    is_over,
    marks_ahead,
    to_be_decided,
)
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL, is_being_cleared
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunRef
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.arrivals import (
    Place,
    added_by,
    arrived,
    completion_place,
    end_of_instance,
    left_as,
    order_places,
    passed_on,
    place_of_whole,
    report_path,
)
from chalicelib.domain.tasks.hearers import Hearer, Levels, hearers_of, hearers_of_all
from chalicelib.domain.tasks.keys import parse_task_key
from chalicelib.domain.tasks.notes import CROWDING, EARLY, OWED, REPORTS, Notes
from chalicelib.domain.tasks.run_items import RunItems, levels_in
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.domain.tasks.voiding import VOID, coded, generation, is_void
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
            item = self._read(key)
            if isinstance(alteration_of(self.plan, item), Mark):
                written += self._write(item)
            if self._now(item).clears > clears:
                self._void(item, clears)
        return written

    def make_void(self) -> bool:
        """Make void what the cleared tasks have told; whether any is still to be cleared."""
        cleared = [(self._read(key), clears) for key, clears in self._in_order(self.plan.cleared)]
        for item, clears in cleared:
            self._void(item, clears)
        wanted = [item for item, _ in cleared if self._is_to_be_cleared(item)]
        graph, levels = self.progress.graph, self._levels
        undecided = to_be_decided(graph, self.plan, self._current) if wanted else {}
        for item in wanted:
            if not end_awaits(graph, item, undecided, levels):
                self._owe(item)
        return bool(wanted)

    def clear(self) -> list[TaskInstance]:
        """Write those that are cleared; those that were not cleared meanwhile, as they are now."""
        cleared = [self._read(key) for key, _ in self._in_order(self.plan.cleared)]
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
        """Make void what a task instance has told, or may tell yet, of an end after so many clears."""
        graph = self.progress.graph
        if graph.tasks[item.task_id].is_mapped and item.map_index == NOT_MAPPED:
            self._void_whole(item, clears)
        for hearer in hearers_of(graph, item, self._levels):
            self._void_at(hearer, clears)
        places = list(order_places(graph, item))
        if coded(0, clears) in item.notes.get(EARLY, ()):
            places.append(completion_place(graph, item.task_id))
        for place in places:
            if not is_void(self._notes(place.key), place.number, clears):
                self._leave_notes(place.key, {VOID: coded(place.number, clears)})

    def _void_whole(self, item: TaskInstance, clears: int) -> None:
        """Number anew what the instances of a mapped task tell together: it is void under its own number."""
        graph = self.progress.graph
        task = graph.tasks[item.task_id]
        if 0 not in graph.depths_heard(task):
            return
        levels = item.levels or (task.expansion and task.expansion.literal_lengths) or ()
        join = graph.collector(task, 0, levels, 0)
        place = place_of_whole(join)
        if levels:
            self._void_at(Hearer(join=join, path=(place,), end=end_of_instance(graph, item)), clears)
        else:
            self._void_on(place, clears, {})

    def _void_at(self, hearer: Hearer, clears: int) -> None:
        """Make void what stands under a number at a join, and tell anew, from there on, what still counts."""
        path = hearer.path
        notes = self._void_on(path[0], clears, {})
        for place, above in pairwise(path):
            notes = self._void_on(above, generation(notes) - 1, passed_on(place, notes, above.number))
        if not hearer.join.collects:
            return
        graph = self.progress.graph
        for beyond in hearers_of_all(graph, hearer.join, notes, self._levels):
            added = added_by(graph, beyond.join, beyond.end, beyond.path[0].number)
            self._void_beyond(beyond, generation(notes) - 1, added)

    def _void_beyond(self, hearer: Hearer, clears: int, added: Mapping[str, int]) -> None:
        notes = self._void_on(hearer.path[0], clears, added)
        for place, above in pairwise(hearer.path):
            notes = self._void_on(above, generation(notes) - 1, passed_on(place, notes, above.number))

    def _void_on(self, place: Place, clears: int, added: Mapping[str, int]) -> Notes:
        """Make void what was left at a place after so many clears, and leave what counts instead."""
        notes = self._notes(place.key)
        if is_void(notes, place.number, clears):
            return notes
        return self._leave_notes(place.key, {**added, VOID: coded(place.number, clears)}).notes

    def _owe(self, reporting: TaskInstance) -> None:
        """Let the end of the run wait for an instance's next end (of one that is cleared: after that)."""
        graph = self.progress.graph
        item = self._leave_notes(reporting.key, {REPORTS: 0})
        (place,) = report_path(graph, item)[-1:]
        clears = item.clears + (self.plan.cleared.get(item.key) == item.clears)
        self._leave_notes(place.key, left_as(place.number, clears, (OWED,)))
        if item.clears == clears and is_over(item):
            # It may have ended without knowing that it has to report.
            run = self.progress.facts.ref
            self.progress.outbox.post(FollowTask(run=run, task_id=item.task_id, map_index=item.map_index))

    @property
    def _levels(self) -> Levels:
        return levels_in(self.progress.graph, self._current)

    # -- writing -----------------------------------------------------------------------------------

    def _write(self, item: TaskInstance) -> list[TaskInstance]:
        """Write one as it is to be; none if another handler altered it."""
        task, before = self.progress.graph.tasks[item.task_id], self._now(item)
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
        added = self._wait_for_upstreams(before)
        change = changes.marked(before, state, self.progress.engine.now())
        expected = replace(
            _as_it_is(before),
            voids=len(before.notes.get(VOID, ())),
            is_unexpanded=before.map_index == NOT_MAPPED
            and self.progress.graph.tasks[before.task_id].is_mapped,
        )
        return self._transition(before, expected, change, added)

    def _clear_one(self, before: TaskInstance) -> Write[TaskInstance]:
        engine, now = self.progress.engine, self.progress.engine.now()
        record = changes.cleared_try(before, now)
        if record is not None:
            engine.store.task_instances.save_finished_try(record)
        change = changes.cleared(self.progress.graph.tasks[before.task_id], before, now)
        return self._transition(before, _as_it_is(before), change)

    def _transition(
        self,
        before: TaskInstance,
        expected: Expected,
        change: TaskInstanceChange,
        added: Mapping[str, int] | None = None,
    ) -> Write[TaskInstance]:
        tasks = self.progress.engine.store.task_instances
        return tasks.transition(before.run_uid, before.key, expected, change, added)

    def _wait_for_upstreams(self, item: TaskInstance) -> Mapping[str, int] | None:
        """Let the run wait for upstreams that have not ended: an end by hand does not imply that they have.

        The notes to leave with the mark: that it comes early, so that its join tells when all have ended. The
        instances of a mapped group have no such join: there each upstream reports by itself.
        """
        graph = self.progress.graph
        task = graph.tasks[item.task_id]
        if not task.waits_for_all:
            return None
        if item.map_index == NOT_MAPPED and not graph.index_upstream(task):
            join = graph.join_before(item.task_id)
            is_early = not arrived(join, item.notes).complete
            return {EARLY: coded(0, item.clears + 1)} if is_early else None
        upstreams = [graph.tasks[name] for name in task.upstream if not graph.reports(name)]
        for upstream in [each for task in upstreams for each in self._current.instances_of(task)]:
            is_unexpanded = upstream.map_index == NOT_MAPPED and graph.tasks[upstream.task_id].is_mapped
            if not (is_unexpanded or self._has_ended(upstream)):
                self._owe(upstream)
        return None

    def _has_ended(self, upstream: TaskInstance) -> bool:
        """Whether an upstream has ended and is not being cleared."""
        return is_over(upstream) and not is_being_cleared(self.progress.graph, upstream, self._current)

    # -- items -------------------------------------------------------------------------------------

    def _in_order(self, altered: Mapping[str, int]) -> list[tuple[str, int]]:
        return [(key, altered[key]) for key in in_order(self.progress.graph, altered)]

    def _read(self, key: str) -> TaskInstance:
        """A task instance as it was read before."""
        task_id, map_index = parse_task_key(key)
        return self.items.instance_of(self.progress.graph.tasks[task_id], map_index)

    def _now(self, item: TaskInstance) -> TaskInstance:
        """A task instance as it was answered last."""
        return self._current.instance_of(self.progress.graph.tasks[item.task_id], item.map_index)

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
        is_withheld=item.is_withheld,
    )
