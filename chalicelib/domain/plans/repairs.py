"""Repairs of a run that lost a message, a worker or a step, decided from all its items at once.

Every repair is something the engine would have done by itself; doing it twice changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.trigger_rules import Verdict
from chalicelib.domain.plans.fail_stop import stops_others
from chalicelib.domain.plans.steps import judged
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks.arrivals import (
    added_by,
    arrived,
    completion_place,
    has_arrived,
    is_to_be_told,
    passed_on,
)
from chalicelib.domain.tasks.hearers import (
    Hearer,
    Levels,
    hearers_of,
    hearers_of_all,
    hearers_of_expansion,
)
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import EXPANDED, OWED, Notes
from chalicelib.domain.tasks.run_items import RunItems, levels_in
from chalicelib.domain.tasks.task_instances import TaskInstance, is_early
from chalicelib.domain.tasks.voiding import coded, is_void

SWEEP_INTERVAL = timedelta(seconds=60)
"""A run is looked after at most this often."""

POOL_PATIENCE = timedelta(minutes=5)
"""How long a waiter may wait before its pool is looked at again without being woken."""

POKE_PATIENCE = timedelta(seconds=60)
"""How long the message of a sensor's next poke, or of a trigger's next window, may be on its way."""

_FIRST_RESEND = timedelta(seconds=60)
_LAST_RESEND = timedelta(hours=1)


class RepairKind(StrEnum):
    """What is to be done for a task."""

    OPEN = "open"
    """Nothing happened to it although its trigger rule is decided."""
    RESEND = "resend"
    """Its message was sent long ago and no worker claimed it."""
    TAKE_SLOTS = "take_slots"
    """It waits for its pool."""
    RETRY = "retry"
    """Its retry delay has passed."""
    RESCHEDULE = "reschedule"
    """The time of its next poke has come."""
    POKE = "poke"
    """The time of its next poke has passed, and the message of that was not heard of."""
    TRIGGER = "trigger"
    """Deferred: the time of its trigger's next window has passed without it, or a window's worker is gone."""
    LOST = "lost"
    """Its worker is gone."""
    INTERRUPTED = "interrupted"
    """Its worker was stopped together with the server."""
    CLEAR = "clear"
    """It was being cleared: what it told of its end is void, but it still stands."""
    FOLLOW = "follow"
    """It ended and a successor has not heard of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """A repair of one task."""

    kind: RepairKind
    task: Task
    item: TaskInstance


def repairs(graph: Graph, items: RunItems, now: datetime, stopped_at: datetime | None) -> list[Repair]:
    """The repairs of a running run, in topological order; last those of tasks that wait for their pool.

    (They take the most requests, and the sweep need not come to its end.) Where a failed task is to stop
    the others, nothing of them is done before it has.

    ``stopped_at`` is when the whole server was stopped, if it was: what was on its way then is lost.
    """
    tasks = graph.tasks.values()
    found = [repair for task in tasks for repair in _repairs(graph, task, items, now, stopped_at)]
    stopping = [each for each in found if each.kind is RepairKind.FOLLOW and stops_others(graph, each.item)]
    return stopping or sorted(found, key=lambda repair: repair.kind is RepairKind.TAKE_SLOTS)


def end_is_due(graph: Graph, items: RunItems) -> bool:
    """Whether every task has ended and reported, so that the run should be over."""
    end = graph.end_of_run
    return not end.upstream or arrived(end, items.end_of_run.notes).complete


def next_look(items: RunItems, found: Iterable[Repair], now: datetime) -> datetime:
    """When the run should be looked after again: not before ``SWEEP_INTERVAL``, but then after a repair.

    (What a repair starts is not among ``items`` yet. Waiting for a pool is no news.)
    """
    if any(repair.kind is not RepairKind.TAKE_SLOTS for repair in found):
        return now + SWEEP_INTERVAL
    moments = [moment for item in items.begun() if (moment := _next_event(item, now)) is not None]
    return max(now + SWEEP_INTERVAL, min(moments, default=now))


def resend_due(item: TaskInstance) -> datetime | None:
    """When the message of a queued try is sent again: later each time, for the queue may just be long."""
    if item.sent_at is None:
        return None
    patience: timedelta = min(_FIRST_RESEND * 2 ** min(item.sends, 10), _LAST_RESEND)
    return item.sent_at + patience


def _next_event(item: TaskInstance, now: datetime) -> datetime | None:
    match item.state:
        case TaskInstanceState.RUNNING:
            return _next_event_of_running(item)
        case TaskInstanceState.DEFERRED:
            return _next_event_of_deferred(item)
        case TaskInstanceState.UP_FOR_RESCHEDULE:
            return item.reschedule_date
        case TaskInstanceState.UP_FOR_RETRY:
            return item.retry_at
        case TaskInstanceState.QUEUED:
            return resend_due(item)
        case TaskInstanceState.SCHEDULED:
            return now + POOL_PATIENCE
        case _:
            return None


def _next_event_of_running(item: TaskInstance) -> datetime | None:
    if item.is_asleep and item.reschedule_date is not None:
        return item.reschedule_date + POKE_PATIENCE
    return item.lease_until


def _next_event_of_deferred(item: TaskInstance) -> datetime | None:
    if item.is_between_windows and item.deferral is not None:
        return item.deferral.due_at + POKE_PATIENCE
    return item.lease_until


def _repairs(
    graph: Graph, task: Task, items: RunItems, now: datetime, stopped_at: datetime | None
) -> Iterator[Repair]:
    """The repairs of a task: of its instances, and of a mapped one as a whole."""
    whole = items.instance(task.task_id)
    instances = list(items.instances_of(task))
    if task.is_mapped and instances != [whole] and _is_expansion_unheard(graph, task, whole, items):
        yield Repair(kind=RepairKind.OPEN, task=task, item=whole)
        return
    kinds = [(item, _kind(graph, task, item, items, now, stopped_at)) for item in instances]
    if whole.clears and whole.map_length and any(kind is RepairKind.OPEN for _, kind in kinds):
        # Whether cleared instances may run depends on what the task as a whole is mapped over by now.
        yield Repair(kind=RepairKind.OPEN, task=task, item=whole)
        kinds = [(item, kind) for item, kind in kinds if kind is not RepairKind.OPEN]
    yield from (Repair(kind=kind, task=task, item=item) for item, kind in kinds if kind is not None)


def _kind(
    graph: Graph, task: Task, item: TaskInstance, items: RunItems, now: datetime, stopped_at: datetime | None
) -> RepairKind | None:
    if is_being_cleared(graph, item, items):
        return RepairKind.CLEAR
    if item.state is None:
        return RepairKind.OPEN if _is_decided(graph, task, item, items) else None
    if item.state in FINAL_STATES:
        return RepairKind.FOLLOW if _is_unheard(graph, item, items) else None
    if item.state is TaskInstanceState.RUNNING:
        return _kind_of_running(item, now, stopped_at)
    if item.state is TaskInstanceState.DEFERRED:
        is_cut_off = not item.is_between_windows and _was_before(item.updated_at, stopped_at)
        is_late = is_cut_off or _has_passed(_next_event_of_deferred(item), now)
        return RepairKind.TRIGGER if is_late else None
    if item.state is TaskInstanceState.SCHEDULED:
        return RepairKind.TAKE_SLOTS
    if item.state is TaskInstanceState.UP_FOR_RETRY:
        return RepairKind.RETRY if _has_passed(item.retry_at, now) else None
    if item.state is TaskInstanceState.UP_FOR_RESCHEDULE:
        return RepairKind.RESCHEDULE if _has_passed(item.reschedule_date, now) else None
    was_on_its_way = _was_before(item.sent_at, stopped_at)
    return RepairKind.RESEND if was_on_its_way or _has_passed(resend_due(item), now) else None


def _kind_of_running(item: TaskInstance, now: datetime, stopped_at: datetime | None) -> RepairKind | None:
    if item.is_asleep:
        return RepairKind.POKE if _has_passed(_next_event_of_running(item), now) else None
    # When it was claimed: of a sensor, the start of its try may be long ago.
    if _was_before(item.updated_at, stopped_at):
        return RepairKind.INTERRUPTED
    return RepairKind.LOST if _has_passed(item.lease_until, now) else None


def _was_before(moment: datetime | None, stopped_at: datetime | None) -> bool:
    return stopped_at is not None and (moment is None or moment <= stopped_at)


def _has_passed(moment: datetime | None, now: datetime) -> bool:
    return moment is None or moment <= now


def _is_decided(graph: Graph, task: Task, item: TaskInstance, items: RunItems) -> bool:
    return judged(graph, task, item, items.instance(task.task_id)).verdict is not Verdict.WAIT


def is_being_cleared(graph: Graph, item: TaskInstance, items: RunItems) -> bool:
    """Whether what this task instance tells of its end is void already."""
    places = (hearer.path[0] for hearer in hearers_of(graph, item, levels_in(graph, items)))
    return any(is_void(items.notes(place.key), place.number, item.clears) for place in places)


def _is_expansion_unheard(graph: Graph, task: Task, whole: TaskInstance, items: RunItems) -> bool:
    if whole.map_length is None:
        return False  # the DAG file tells the length, and no task waits to hear of it
    joins = hearers_of_expansion(graph, task)
    codes = ((join_key(join), coded(join.number(task.task_id), whole.clears)) for join in joins)
    return any(code not in items.notes(key).get(EXPANDED, ()) for key, code in codes)


def _is_unheard(graph: Graph, item: TaskInstance, items: RunItems) -> bool:
    if is_early(item) and _owes(graph, item, items):
        return True
    levels = levels_in(graph, items)
    return any(not _has_heard(graph, hearer, items, levels) for hearer in hearers_of(graph, item, levels))


def _owes(graph: Graph, item: TaskInstance, items: RunItems) -> bool:
    """Whether the end of the run was not told of a task that ended before its upstreams had."""
    place = completion_place(graph, item.task_id)
    notes, code = items.notes(place.key), coded(place.number, item.clears)
    is_due = arrived(graph.join_before(item.task_id), item.notes).complete
    return code not in notes.get(OWED, ()) or (is_due and not has_arrived(notes, place.number, item.clears))


def _has_heard(graph: Graph, hearer: Hearer, items: RunItems, levels: Levels) -> bool:
    """Whether what is told at a join has come to it, and to what lies beyond it."""
    join, path = hearer.join, hearer.path
    if not _stands(added_by(graph, join, hearer.end, path[0].number), items.notes(path[0].key)):
        return False
    for place, above in pairwise(path):
        notes = items.notes(place.key)
        if not is_to_be_told(place, notes):
            return True
        if not _stands(passed_on(place, notes, above.number), items.notes(above.key)):
            return False
    notes = items.notes(path[-1].key)
    if not join.collects or not is_to_be_told(path[-1], notes):
        return True
    return all(
        _has_heard(graph, beyond, items, levels) for beyond in hearers_of_all(graph, join, notes, levels)
    )


def _stands(added: Mapping[str, int], notes: Notes) -> bool:
    return all(code in notes.get(name, ()) for name, code in added.items())
