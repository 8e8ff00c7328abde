"""Repairs of a run that lost a message, a worker or a step, decided from all its items at once.

Every repair is something the engine would have done by itself; doing it twice changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.join import Join
from chalicelib.domain.graph.trigger_rules import Verdict, judge
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks.arrivals import (
    arrived,
    has_arrived,
    head_number,
    joins_after,
    place_at,
)
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import COMPLETE, arrived_numbers
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import is_void

SWEEP_INTERVAL = timedelta(seconds=60)
"""A run is looked after at most this often."""

POOL_PATIENCE = timedelta(minutes=5)
"""How long a waiter may wait before its pool is looked at again without being woken."""

POKE_PATIENCE = timedelta(seconds=60)
"""How long the message of a sensor's next poke may be on its way before it is sent again."""

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

    (They take the most requests, and the sweep need not come to its end.)

    ``stopped_at`` is when the whole server was stopped, if it was: what was on its way then is lost.
    """
    found = (_repair(graph, task, items, now, stopped_at) for task in graph.tasks.values())
    wanted = (repair for repair in found if repair is not None)
    return sorted(wanted, key=lambda repair: repair.kind is RepairKind.TAKE_SLOTS)


def end_is_due(graph: Graph, items: RunItems) -> bool:
    """Whether every task has ended and reported, so that the run should be over."""
    end = graph.end_of_run
    return not end.upstream or arrived(graph, end, items.end_of_run.notes).complete


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


def _repair(
    graph: Graph, task: Task, items: RunItems, now: datetime, stopped_at: datetime | None
) -> Repair | None:
    item = items.instance(task.task_id)
    kind = _kind(graph, task, item, items, now, stopped_at)
    return Repair(kind=kind, task=task, item=item) if kind else None


def _kind(
    graph: Graph, task: Task, item: TaskInstance, items: RunItems, now: datetime, stopped_at: datetime | None
) -> RepairKind | None:
    if is_being_cleared(graph, item, items):
        return RepairKind.CLEAR
    if item.state is None:
        return RepairKind.OPEN if _is_decided(graph, task, item) else None
    if item.state in FINAL_STATES:
        return RepairKind.FOLLOW if _is_unheard(graph, item, items) else None
    if item.state is TaskInstanceState.RUNNING:
        return _kind_of_running(item, now, stopped_at)
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


def _is_decided(graph: Graph, task: Task, item: TaskInstance) -> bool:
    known = arrived(graph, graph.join_before(task.task_id), item.notes)
    return judge(task.trigger_rule, known).verdict is not Verdict.WAIT


def is_being_cleared(graph: Graph, item: TaskInstance, items: RunItems) -> bool:
    """Whether what this task instance tells of its end is void already."""
    places = (place_at(graph, join, item.task_id) for join in joins_after(graph, item))
    return any(is_void(items.notes(place.key), place.number, item.clears) for place in places)


def _is_unheard(graph: Graph, item: TaskInstance, items: RunItems) -> bool:
    return any(not _has_heard(graph, join, item, items) for join in joins_after(graph, item))


def _has_heard(graph: Graph, join: Join, item: TaskInstance, items: RunItems) -> bool:
    place = place_at(graph, join, item.task_id)
    notes = items.notes(place.key)
    if not has_arrived(notes, place.number, item.clears):
        return False
    if place.bucket is None or len(arrived_numbers(notes)) < join.bucket_size(place.bucket):
        return True
    return head_number(place.bucket, notes) in items.notes(join_key(join)).get(COMPLETE, ())
