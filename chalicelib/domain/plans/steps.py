"""The next step of one task instance: small decisions, each total, each a value with its reason.

The engine reads what a decision needs, asks for it here, and carries it out by one conditional write. ``why``
shows checks (``checks``) that rest on the same rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import prod

from chalicelib.domain.graph.expansion import length_of
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.graph.trigger_rules import Arrived, Judgement, TriggerRule, Verdict, judge
from chalicelib.domain.moments import seconds_until
from chalicelib.domain.plans.checks import not_in_retry_period
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.arrivals import arrived, arrived_of_instance
from chalicelib.domain.tasks.notes import NO_NOTES, SKIP_ORDER, SKIP_UNDECIDED
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import VOID, standing

_NEWS = timedelta(seconds=20)
"""What was written more recently than this is being sent by the handler that wrote it.

A message that comes twice would else be followed by two, each time. One that comes again because its
handler died takes longer (the visibility timeouts of both queues).
"""


WAITS_FOR_PAST = "the task depends on its previous run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignore:
    """Nothing is to be done: the task instance goes on by another message, or not at all."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """The task instance waits on; what it waits for tells of itself."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A try is to be started, slots first."""

    try_number: int
    reason: str
    is_fresh: bool = False
    """Whether no handler that died can have left slots under the name of this try."""


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """The task instance ends without a try."""

    judgement: Judgement
    """Its verdict names the state it ends in; ``run`` is the success of an empty task."""
    skip_ordered: bool
    """Whether an upstream task ordered the skip."""
    is_early: bool = False
    """Whether not all of its upstreams have ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expand:
    """A mapped task gets its instances."""

    levels: tuple[int, ...]
    """The length of each mapped group around it, or its own; their product is the number of instances."""
    judgement: Judgement
    """What becomes of each of them: to run, or the end that none of them is tried for."""
    is_early: bool
    """Whether not all of its upstreams have ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    """The message of a queued try is to be sent: the handler that queued it may have died before."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """The same message is to come again."""

    seconds: int
    """Whole seconds from now, at least 1 where the time has not come."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Redo:
    """What follows from an end that stands is to be done again: the handler that wrote it may have died."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerGone:
    """The lease of a running try has run out: the try is to fail."""

    reason: str = "its worker is gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowLost:
    """The lease of a window has run out: another one is to begin."""

    reason: str = "the worker of its trigger is gone"


def asks_for_past(task: Task, judgement: Judgement, *, skip_ordered: bool = False) -> bool:
    """Whether the previous run is to be read before the step of an untouched task instance is decided.

    Before a skip only where the task says so; what is ordered to be skipped is at once, as in Airflow.
    """
    waits_before_skip = task.wait_for_past_depends_before_skipping and not skip_ordered
    asks = judgement.verdict is Verdict.RUN or (judgement.verdict is Verdict.SKIP and waits_before_skip)
    return task.depends_on_past and asks


def open_step(task: Task, item: TaskInstance, known: Arrived, *, waits_for_past: bool) -> Wait | Start | End:
    """What becomes of a task instance without a state, by what is known of its upstreams.

    ``waits_for_past``: its previous run has not ended well (False where ``asks_for_past`` says so).
    """
    judgement = judge(task.trigger_rule, known)
    step = step_of(task, item, judgement, skip_ordered=known.skip_ordered, waits_for_past=waits_for_past)
    is_early = not known.complete and judgement.verdict is not Verdict.RUN
    return replace(step, is_early=is_early) if isinstance(step, End) else step


def step_of(
    task: Task, item: TaskInstance, judgement: Judgement, *, skip_ordered: bool, waits_for_past: bool
) -> Wait | Start | End:
    """What becomes of a task instance without a state that was judged so."""
    if judgement.verdict is Verdict.WAIT:
        return Wait(reason=judgement.reason)
    if waits_for_past:
        return Wait(reason=WAITS_FOR_PAST)
    if judgement.verdict is Verdict.RUN and not task.is_empty:
        # Of a task that was cleared, or that waited for one, a handler may have left slots behind.
        is_fresh = not item.clears and VOID not in item.notes
        return Start(try_number=item.try_number + 1, reason=judgement.reason, is_fresh=is_fresh)
    return End(judgement=judgement, skip_ordered=skip_ordered)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """What the tasks have come to that a task is mapped over."""

    lengths: Mapping[str, int]
    """The lengths of the outputs that are there, by task id."""
    ended: frozenset[TaskInstanceState] = frozenset()
    """How those ended, other than well, whose success it needs (``Expansion.nearest_sources``)."""

    def levels(self, task: Task) -> tuple[int, ...] | None:
        """The lengths that a task is expanded over; None if an output is missing."""
        expansion = task.expansion
        if expansion is None or not set(expansion.sources) <= self.lengths.keys():
            return None
        return tuple(length_of(length, self.lengths) for length in expansion.lengths)


def mapped_step(task: Task, known: Arrived, sources: Sources) -> Wait | Expand | End:
    """What becomes of a mapped task that is not expanded, as in Airflow.

    One that is not to run ends as it is, with map index -1, where its length depends on an output; where the
    DAG file tells the length, each instance ends so.
    """
    judgement = judge(task.trigger_rule, known)
    if judgement.verdict is Verdict.WAIT:
        return Wait(reason=judgement.reason)
    levels = sources.levels(task)
    is_early = not known.complete
    has_instances = judgement.verdict is Verdict.RUN or task.literal_length is not None
    if not has_instances and not _is_expanded_though_skipped(task, known):
        return End(judgement=judgement, skip_ordered=known.skip_ordered, is_early=is_early)
    if levels is None or sources.ended:
        return End(judgement=_without_source(sources), skip_ordered=False, is_early=is_early)
    if prod(levels) == 0:
        nothing = Judgement(verdict=Verdict.SKIP, reason="there is nothing to map over")
        end = nothing if judgement.verdict is Verdict.RUN else judgement
        return End(judgement=end, skip_ordered=known.skip_ordered, is_early=is_early)
    return Expand(levels=levels, judgement=judgement, is_early=is_early)


def _is_expanded_though_skipped(task: Task, known: Arrived) -> bool:
    """Whether Airflow looks for the length of a task whose upstreams were all skipped: its rule is met."""
    is_of_rule = task.trigger_rule is TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    is_let = known.needed <= {TaskInstanceState.SUCCESS} and not known.skip_ordered
    return is_of_rule and is_let and known.seen <= {TaskInstanceState.SKIPPED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resize:
    """An expanded task gets another number of instances: some come to be, or those beyond are removed."""

    levels: tuple[int, ...]
    """The length of what it is mapped over by now."""


def expanded_anew(task: Task, item: TaskInstance, sources: Sources) -> Resize | Judgement | None:
    """What becomes of the instances of an expanded task that is decided again; None: as many as before.

    ``item`` is the unexpanded one. As in Airflow their number follows what the task is mapped over. Where the
    place of an instance among the others would change by that (more than a bucket of them, groups inside one
    another), or where none would be left, none is tried.
    """
    levels = sources.levels(task)
    if levels is None or levels == item.levels:
        return None
    was, now = prod(item.levels), prod(levels)
    if len(levels) == 1 and now and (was > BUCKET_SIZE) == (now > BUCKET_SIZE):
        return Resize(levels=levels)
    reason = f"it has {was} instances, and what it is mapped over has a length of {now} since it was cleared"
    return Judgement(verdict=Verdict.UPSTREAM_FAILED, reason=reason)


def _without_source(sources: Sources) -> Judgement:
    if sources.ended == {TaskInstanceState.SKIPPED}:
        # Also where the task has not heard of that yet: Airflow looks at how they stand at that moment.
        return Judgement(verdict=Verdict.SKIP, reason="what it is mapped over was skipped")
    return Judgement(verdict=Verdict.UPSTREAM_FAILED, reason="what it is mapped over is missing")


def known_of_instance(graph: Graph, task: Task, item: TaskInstance, whole: TaskInstance | None) -> Arrived:
    """What one instance of a task in a mapped group knows of its upstreams.

    ``whole`` is the unexpanded instance, which knows of those that all instances have in common, and of those
    that ended unexpanded; None where neither matters.
    """
    own = arrived_of_instance(graph, task, item, whole.notes if whole else NO_NOTES)
    if whole is None:
        return own
    shared = arrived(graph.join_before(task.task_id), whole.notes)
    return replace(
        own,
        seen=own.seen | shared.seen,
        complete=own.complete and shared.complete,
        has_upstream=own.has_upstream or shared.has_upstream,
        lacks_upstream=shared.lacks_upstream,
        skip_ordered=own.skip_ordered or shared.skip_ordered,
        needed=own.needed | shared.needed,
    )


def judgement_of_instance(
    graph: Graph, task: Task, item: TaskInstance, known: Arrived, whole: TaskInstance | None
) -> Judgement:
    """What the trigger rule makes of an instance of a task in a mapped group that knows ``known``.

    ``whole`` is the unexpanded instance where it was read: some rules end all instances by that alone, until
    one is cleared (``Graph.is_skipped_with_group``).
    """
    if whole is not None and not item.clears and graph.is_skipped_with_group(task):
        of_all = judge(task.trigger_rule, arrived(graph.join_before(task.task_id), whole.notes))
        if of_all.verdict is not Verdict.RUN:
            return of_all
    return judge(task.trigger_rule, known)


def judged(graph: Graph, task: Task, item: TaskInstance, whole: TaskInstance) -> Judgement:
    """What the trigger rule of a task makes of an instance without a state.

    ``whole`` is the unexpanded instance of a mapped task; of another task the instance itself.
    """
    before = arrived(graph.join_before(task.task_id), whole.notes)
    if item.map_index == NOT_MAPPED:
        return judge(task.trigger_rule, before)
    if whole.map_length is None and (task.literal_length is None or before.has_upstream):
        return Judgement(verdict=Verdict.WAIT, reason="the task is not expanded")
    if not graph.decides_by_index(task):
        return judge(task.trigger_rule, before)
    is_asked = graph.is_gated(task) or whole.map_length is not None
    gate = whole if is_asked else None
    return judgement_of_instance(graph, task, item, known_of_instance(graph, task, item, gate), gate)


def is_overwritten(item: TaskInstance, *, is_new: bool, ordered_at: datetime | None = None) -> bool:
    """Whether an order to be skipped takes the place of the state of a task instance, as in Airflow.

    Not of one that runs, whose own end counts then. ``is_new``: the order has just been left; else it may
    have been heeded before, and counts if what it would overwrite came before it: an end that no try made, or
    one that a try made before ``ordered_at``, the end of the task that orders it. What was altered by hand,
    or by such an order, stays.
    """
    if item.state in (None, TaskInstanceState.RUNNING, TaskInstanceState.SKIPPED):
        return False
    if is_new or waits_against_an_order(item):
        return True
    if item.clears or not standing(item.notes).get(SKIP_ORDER):
        return False
    if item.lease_token is None:
        return True
    rested_at = item.end_date or (item.deferral.created_at if item.deferral else None)
    return ordered_at is not None and rested_at is not None and rested_at <= ordered_at


def waits_against_an_order(item: TaskInstance) -> bool:
    """Whether the scheduler would skip a task instance by an order before its next try or poke (Airflow)."""
    waits = item.state in (TaskInstanceState.UP_FOR_RETRY, TaskInstanceState.UP_FOR_RESCHEDULE)
    return waits and bool(standing(item.notes).get(SKIP_UNDECIDED))


def fails_against_an_order(item: TaskInstance) -> bool:
    """Whether a try has failed that was ordered to be skipped while it ran: then it is skipped (Airflow)."""
    has_failed = item.state in (TaskInstanceState.FAILED, TaskInstanceState.UP_FOR_RETRY)
    return has_failed and not item.clears and bool(standing(item.notes).get(SKIP_ORDER))


def retry_step(item: TaskInstance, failed_try: int, now: datetime) -> Ignore | Later | Start | Send:
    """What the message does that comes when the retry delay after ``failed_try`` is over."""
    next_try = failed_try + 1
    if item.state is TaskInstanceState.UP_FOR_RETRY and item.try_number == failed_try:
        check = not_in_retry_period(item, now)
        if check.passed:
            return Start(try_number=next_try, reason=check.reason)
        return Later(seconds=seconds_until(item.retry_at or now, now), reason=check.reason)
    if item.state is TaskInstanceState.QUEUED and item.try_number == next_try:
        return Send(reason="its message may not have been sent")
    return Ignore(reason=f"try {failed_try} is not what the task instance waits after")


def poke_step(
    item: TaskInstance, try_number: int, pokes: int, now: datetime
) -> Ignore | Later | Start | Send:
    """What the message does that comes at the time of a sensor's next poke, after so many in vain."""
    if (item.try_number, item.pokes) != (try_number, pokes):
        return Ignore(reason="the sensor has poked since, or another try runs")
    if not item.waits_for_poke:
        if item.state is TaskInstanceState.QUEUED and not _is_news(item, now):
            return Send(reason="its message may not have been sent")
        return Ignore(reason="the task instance does not wait for a poke")
    seconds = seconds_until(item.reschedule_date or now, now)
    if item.is_asleep or seconds:
        return Later(seconds=seconds, reason="the next poke goes to a worker, or comes later")
    return Start(try_number=item.try_number, reason="the time of the next poke has come")


def window_step(
    item: TaskInstance, try_number: int, window: int, now: datetime
) -> Ignore | Start | Send | Redo | WindowLost:
    """What is done with the message of a window that could not be taken, by what stands instead."""
    if item.try_number != try_number or item.state is None:
        return Ignore(reason="the task instance has gone on to another try, or was cleared")
    if item.state is TaskInstanceState.DEFERRED:
        return _step_of_deferred(item, window, now)
    if item.state.is_final:
        if item.lease_token is None or _is_news(item, now):
            return Ignore(reason="no trigger ended it, or what follows is being done")
        return Redo(reason="what follows from its end may not have been done")
    if item.deferral is None or item.deferral.window != window or _is_news(item, now):
        return Ignore(reason="the task has been deferred anew, or is being started")
    if item.state is TaskInstanceState.SCHEDULED:
        return Start(try_number=try_number, reason="its trigger has fired, and nobody may be starting it")
    if item.state is TaskInstanceState.QUEUED:
        return Send(reason="its message may not have been sent")
    return Ignore(reason="its worker is at work")


def _step_of_deferred(item: TaskInstance, window: int, now: datetime) -> Ignore | Send | WindowLost:
    number = item.deferral.window if item.deferral else window
    if item.is_between_windows:
        if number == window + 1 and not _is_news(item, now):
            return Send(reason="the message of the next window may not have been sent")
        return Ignore(reason="the next window has a message of its own")
    if number == window and item.lease_until is not None and item.lease_until <= now:
        return WindowLost()
    return Ignore(reason="its trigger is at work, or has been since")


def refused_claim_step(item: TaskInstance, try_number: int, now: datetime) -> Ignore | Redo | WorkerGone:
    """What is done with the message of a try that could not be claimed, by what stands instead."""
    if item.try_number != try_number or item.state is None:
        return Ignore(reason="the task instance has gone on to another try, or was cleared")
    if item.waits_for_poke:
        if _is_news(item, now):
            return Ignore(reason="the message of the next poke is being sent")
        return Redo(reason="the message of the next poke may not have been sent")
    if item.state is TaskInstanceState.DEFERRED:
        if _is_news(item, now) or not item.is_between_windows:
            return Ignore(reason="the message of the next window is being sent, or its trigger is at work")
        return Redo(reason="the message of the next window may not have been sent")
    if item.state is not TaskInstanceState.RUNNING:
        if item.lease_token is None:
            return Ignore(reason="no worker ended it: nothing follows")
        return Redo(reason="what follows from its end may not have been done")
    if item.lease_until is not None and item.lease_until <= now:
        return WorkerGone()
    return Ignore(reason="its worker is at work")


def _is_news(item: TaskInstance, now: datetime) -> bool:
    """Whether the messages of what an item shows are being sent by another handler."""
    return item.updated_at is not None and now - item.updated_at < _NEWS
