"""Changes of one task instance: the fields that a queued, ended, cleared or marked one is written with.

Each function answers with the fields to write; whether they may be written is for the condition of
that one write. All total: nothing here raises.
"""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from math import prod

from chalicelib.domain.graph.graph import Task
from chalicelib.domain.graph.trigger_rules import Judgement, Verdict
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, RunRef
from chalicelib.domain.runs.deferrals import (
    TIMED_OUT,
    TRIGGER_FAILED,
    Deferral,
    Deferring,
    WindowOutcome,
    WindowResult,
)
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.runs.reasons import MARKED_FAILED
from chalicelib.domain.slots.pools import Parts, Places
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import asleep_token, deferred_token
from chalicelib.domain.tasks.retries import retry_at
from chalicelib.domain.tasks.task_instances import FinishedTry, TaskInstance, TaskInstanceChange

_ENDS: dict[TryResult, TaskInstanceState] = {
    TryResult.SUCCESS: TaskInstanceState.SUCCESS,
    TryResult.SKIPPED: TaskInstanceState.SKIPPED,
    TryResult.FAILED: TaskInstanceState.FAILED,
    TryResult.FAILED_FOR_GOOD: TaskInstanceState.FAILED,
    TryResult.REMOVED: TaskInstanceState.REMOVED,
}

_UNTRIED_ENDS: dict[Verdict, TaskInstanceState] = {
    Verdict.RUN: TaskInstanceState.SUCCESS,
    Verdict.SKIP: TaskInstanceState.SKIPPED,
    Verdict.UPSTREAM_FAILED: TaskInstanceState.UPSTREAM_FAILED,
}


def queued(
    task: Task, item: TaskInstance, try_number: int, parts: Parts, places: Places, now: datetime
) -> TaskInstanceChange:
    """A try that holds its slots and is about to be sent to a worker."""
    return TaskInstanceChange(
        state=TaskInstanceState.QUEUED,
        try_number=try_number,
        max_tries=max_tries(task, item),
        pool_parts=parts,
        places=places,
        queued_dttm=now,
        sent_at=now,
        sends=1,
        retry_at=None,
        reason=None,
        error=None,
        updated_at=now,
        **_pokes_of(item, try_number),
        **_mapping_of(item),
    )


def waiting(
    task: Task, item: TaskInstance, try_number: int, reason: str, now: datetime, *, gives_back: bool = False
) -> TaskInstanceChange:
    """A try that may run but waits for slots.

    ``gives_back``: what it holds by now is given back after this. Who starts it then takes slots under
    another name, and cannot rely on those.
    """
    change = TaskInstanceChange(
        state=TaskInstanceState.SCHEDULED,
        try_number=try_number,
        max_tries=max_tries(task, item),
        pool_parts=(),
        places=(),
        retry_at=None,
        reason=reason,
        updated_at=now,
        **_pokes_of(item, try_number),
        **_mapping_of(item),
    )
    if gives_back:
        change["reschedules"] = item.next_reschedules(try_number) + 1
    return change


def _pokes_of(item: TaskInstance, try_number: int) -> TaskInstanceChange:
    """What a start writes of the pokes of a sensor: a new try begins anew, a rescheduled one goes on."""
    if not item.pokes and not item.reschedules:
        return TaskInstanceChange()
    change = TaskInstanceChange(reschedules=item.next_reschedules(try_number), reschedule_date=None)
    if try_number != item.try_number:
        change["pokes"] = 0
    return change


def _mapping_of(item: TaskInstance) -> TaskInstanceChange:
    """What an instance of a mapped task says of how many there are, in the write that makes its item."""
    change = TaskInstanceChange()
    if item.map_length is not None:
        change["map_length"] = item.map_length
    if item.map_levels:
        change["map_levels"] = item.map_levels
    return change


def expanded(levels: tuple[int, ...], reason: str, now: datetime) -> TaskInstanceChange:
    """A mapped task that has instances from now on."""
    change = TaskInstanceChange(map_length=prod(levels), reason=reason, updated_at=now)
    if len(levels) > 1:
        change["map_levels"] = levels
    return change


def held_back(reason: str, now: datetime) -> TaskInstanceChange:
    """A claimed try that may not start after all; it gives its lease and slots back."""
    return TaskInstanceChange(
        state=TaskInstanceState.SCHEDULED,
        pool_parts=(),
        places=(),
        lease_token=None,
        lease_until=None,
        start_date=None,
        reason=reason,
        updated_at=now,
    )


def abandoned(now: datetime) -> TaskInstanceChange:
    """A try that will not run any more, for its DAG was deleted; it gives its lease and slots back."""
    return TaskInstanceChange(
        state=TaskInstanceState.REMOVED,
        pool_parts=(),
        places=(),
        lease_token=None,
        lease_until=None,
        end_date=now,
        reason="its DAG was deleted",
        updated_at=now,
    )


def cleared(task: Task, item: TaskInstance, now: datetime) -> TaskInstanceChange:
    """A task instance as if nothing had happened to it, but that its tries go on being counted.

    Of what it had as a try nothing is left: a worker that runs it has lost its lease.
    """
    return TaskInstanceChange(
        state=None,
        clears=item.clears + 1,
        is_withheld=False,
        max_tries=item.try_number + task.retries,
        lease_token=None,
        lease_until=None,
        retry_at=None,
        sent_at=None,
        sends=0,
        pool_parts=(),
        places=(),
        skips=(),
        queued_dttm=None,
        start_date=None,
        end_date=None,
        duration=None,
        hostname=None,
        unixname=None,
        pid=None,
        reason="it was cleared",
        error=None,
        updated_at=now,
        pokes=0,
        reschedules=0,
        reschedule_date=None,
        first_poke_at=None,
        output_length=None,
        rendered_map_index=None,
        deferral=None,
        dataset_changes=None,
    )


def marked(item: TaskInstance, state: TaskInstanceState, now: datetime) -> TaskInstanceChange:
    """A task instance that was set to a final state by hand; a worker that runs it has lost its lease.

    Dates are kept where there are some, as in Airflow.
    """
    begun, ended = item.start_date or now, item.end_date or now
    return TaskInstanceChange(
        state=state,
        clears=item.clears + 1,
        is_withheld=False,
        lease_token=None,
        lease_until=None,
        retry_at=None,
        reschedule_date=None,
        deferral=None,
        pool_parts=(),
        places=(),
        skips=(),
        start_date=begun,
        end_date=ended,
        duration=(ended - begun).total_seconds(),
        reason=f"it was marked {state} by hand",
        updated_at=now,
        **_mapping_of(item),
    )


def beyond_length(item: TaskInstance, now: datetime) -> TaskInstanceChange:
    """An instance of a mapped task that is beyond the length of what the task is mapped over by now."""
    change = marked(item, TaskInstanceState.REMOVED, now)
    change["reason"] = "what its task is mapped over is shorter by now"
    return change


def ended_from_outside(
    item: TaskInstance, state: TaskInstanceState, reason: str, now: datetime
) -> TaskInstanceChange:
    """A task instance that was not over when its run was ended, or another stopped it.

    It gives its lease and slots back. Without a ``lease_token``: nothing calls back, and no worker's end
    of it counts.
    """
    change = TaskInstanceChange(
        state=state,
        pool_parts=(),
        places=(),
        lease_token=None,
        lease_until=None,
        retry_at=None,
        deferral=None,
        reason=reason,
        updated_at=now,
        **_mapping_of(item),
    )
    if item.state in (TaskInstanceState.RUNNING, TaskInstanceState.DEFERRED) and item.start_date is not None:
        change["end_date"] = now
        change["duration"] = (now - item.start_date).total_seconds()
    return change


def withheld(item: TaskInstance, reason: str, now: datetime) -> TaskInstanceChange:
    """A task instance that had not begun when its run timed out: it keeps no state, as in Airflow."""
    return TaskInstanceChange(is_withheld=True, reason=reason, updated_at=now, **_mapping_of(item))


def let_begin(now: datetime) -> TaskInstanceChange:
    """A task instance that was withheld, and whose run goes on since."""
    return TaskInstanceChange(is_withheld=False, reason=None, updated_at=now)


def unclaimed(now: datetime) -> TaskInstanceChange:
    """A claimed try whose worker could not begin; its message comes again."""
    return TaskInstanceChange(
        state=TaskInstanceState.QUEUED,
        lease_token=None,
        lease_until=None,
        start_date=None,
        updated_at=now,
    )


def asleep(item: TaskInstance, now: datetime) -> TaskInstanceChange:
    """A sensor that was woken to poke, and whose worker could not begin; its message comes again."""
    return TaskInstanceChange(lease_token=asleep_token(item.pokes), lease_until=None, updated_at=now)


def max_tries(task: Task, item: TaskInstance) -> int:
    """Retries allowed: the task's, unless this instance was granted more."""
    return task.retries if item.max_tries is None else item.max_tries


def end_of_try(
    run: RunRef,
    task: Task,
    item: TaskInstance,
    outcome: TryOutcome,
    now: datetime,
    dataset_changes: Payload | None = None,
) -> TaskInstanceChange:
    """What a try that ended makes of its task instance, as in Airflow.

    A failed try is followed by another while ``try_number <= max_tries``; a rescheduled one goes on.
    ``dataset_changes``: the kept text of those of the outcome.
    """
    if outcome.result is TryResult.RESCHEDULED:
        return rescheduled(item, outcome, now)
    if outcome.deferring is not None:
        return deferred(item, outcome.deferring, now)
    begun = began_at(item)
    change = TaskInstanceChange(
        state=_ENDS[outcome.result],
        end_date=now,
        duration=(now - begun).total_seconds() if begun else None,
        lease_token=item.lease_token,
        lease_until=None,
        skips=tuple(sorted(outcome.skip)),
        output_length=outcome.output_length,
        rendered_map_index=outcome.rendered_map_index,
        dataset_changes=dataset_changes,
        reason=outcome.reason or None,
        error=outcome.error,
        updated_at=now,
    )
    if item.deferral is not None:
        change["start_date"], change["deferral"] = begun, None
    if outcome.result is TryResult.FAILED and item.try_number <= max_tries(task, item):
        change["state"] = TaskInstanceState.UP_FOR_RETRY
        change["retry_at"] = retry_at(task, run.dag_id, run.execution_date, item.try_number, now)
    return change


def rescheduled(item: TaskInstance, outcome: TryOutcome, now: datetime) -> TaskInstanceChange:
    """What a poke in vain makes of its task instance: it waits for the next one.

    In mode ``poke`` it shows as ``running`` and keeps its slots; its lease is no worker's. In mode
    ``reschedule`` its timeout goes on from try to try, in mode ``poke`` each try has its own, as in
    Airflow.
    """
    pokes = item.pokes + max(outcome.pokes, 1)
    date = outcome.reschedule_date or now
    is_first = item.first_poke_at is None or (outcome.keeps_slots and item.pokes == 0)
    change = TaskInstanceChange(
        lease_until=None,
        pokes=pokes,
        reschedule_date=date,
        first_poke_at=item.start_date if is_first else item.first_poke_at,
        deferral=None,
        reason=f"pokes again at {date.isoformat(timespec='seconds')}",
        updated_at=now,
    )
    if outcome.keeps_slots:
        change["lease_token"] = asleep_token(pokes)
        return change
    change["state"] = TaskInstanceState.UP_FOR_RESCHEDULE
    change["end_date"] = now
    change["duration"] = (now - item.start_date).total_seconds() if item.start_date else None
    return change


def began_at(item: TaskInstance) -> datetime | None:
    """When the present try began; one that was deferred goes on with its first date, as in Airflow."""
    return item.deferral.began_at if item.deferral else item.start_date


def deferred(item: TaskInstance, asked: Deferring, now: datetime) -> TaskInstanceChange:
    """A try that waits for a trigger; what it holds is given back after this."""
    window = item.deferral.window + 1 if item.deferral else 1
    deferral = Deferral(
        trigger_id=_trigger_id(item, window),
        window=window,
        classpath=asked.classpath,
        kwargs=asked.kwargs,
        method_name=asked.method_name,
        method_kwargs=asked.method_kwargs,
        created_at=now,
        began_at=began_at(item) or now,
        due_at=now,
        timeout_at=asked.timeout_at,
    )
    return TaskInstanceChange(
        state=TaskInstanceState.DEFERRED,
        deferral=deferral,
        start_date=deferral.began_at,
        lease_token=deferred_token(window),
        lease_until=None,
        reason=f"waits for {asked.classpath}",
        updated_at=now,
    )


def _trigger_id(item: TaskInstance, window: int) -> int:
    """An integer that JSON readers of any language hold exactly."""
    name = f"{item.run_uid}/{item.key}/{item.clears}/{item.try_number}/{window}"
    return int.from_bytes(sha256(name.encode()).digest()[:6])


def next_window(
    item: TaskInstance, due_at: datetime, now: datetime, rounds: str | None = None
) -> TaskInstanceChange:
    """A deferred task whose trigger goes on in another window, at the latest when its time is over.

    ``rounds`` is what the last window handed on; None: it came to no end.
    """
    deferral = _deferral(item)
    window = deferral.window + 1
    due_at = max(now, min(due_at, deferral.timeout_at or due_at))
    return TaskInstanceChange(
        deferral=replace(
            deferral, window=window, due_at=due_at, rounds=deferral.rounds if rounds is None else rounds
        ),
        lease_token=deferred_token(window),
        lease_until=None,
        updated_at=now,
    )


def fired(item: TaskInstance, outcome: WindowOutcome, now: datetime) -> TaskInstanceChange:
    """A deferred task whose trigger has fired or failed: its try goes on, with slots that it takes anew."""
    has_fired = outcome.result is WindowResult.FIRED
    deferral = replace(
        _deferral(item),
        event=outcome.event if has_fired else None,
        error=None if has_fired else TRIGGER_FAILED,
        traceback=None if has_fired else outcome.traceback,
    )
    return _goes_on(item, deferral, "its trigger has fired" if has_fired else "its trigger failed", now)


def timed_out(item: TaskInstance, now: datetime) -> TaskInstanceChange:
    """A deferred task whose time is over: its try goes on, and fails."""
    return _goes_on(item, replace(_deferral(item), error=TIMED_OUT), "its deferral took too long", now)


def _goes_on(item: TaskInstance, deferral: Deferral, reason: str, now: datetime) -> TaskInstanceChange:
    return TaskInstanceChange(
        state=TaskInstanceState.SCHEDULED,
        deferral=deferral,
        lease_token=None,
        lease_until=None,
        pool_parts=(),
        places=(),
        reschedules=item.reschedules + 1,
        reason=reason,
        updated_at=now,
    )


def ended_by_trigger(item: TaskInstance, result: WindowResult, now: datetime) -> TaskInstanceChange:
    """A deferred task that its trigger ended; for good, also where there are tries left, as in Airflow.

    One that is skipped so is not called back, as in Airflow: it has no lease.
    """
    begun = began_at(item) or now
    return TaskInstanceChange(
        state=TaskInstanceState(result),
        deferral=None,
        start_date=begun,
        end_date=now,
        duration=(now - begun).total_seconds(),
        lease_token=None if result is WindowResult.SKIPPED else item.lease_token,
        lease_until=None,
        reason="its trigger ended it",
        updated_at=now,
    )


def _deferral(item: TaskInstance) -> Deferral:
    if item.deferral is None:
        raise ValueError(f"{item.name} is not deferred")
    return item.deferral


def interrupted(run: RunRef, item: TaskInstance, task: Task, now: datetime) -> TaskInstanceChange:
    """A try whose worker was stopped with the whole server: it is tried again, at no cost of retries."""
    outcome = TryOutcome(result=TryResult.FAILED, reason="the server stopped while the task ran")
    change = end_of_try(run, task, item, outcome, now)
    change["state"] = TaskInstanceState.UP_FOR_RETRY
    change["retry_at"] = now
    change["max_tries"] = max_tries(task, item) + 1
    return change


def ended_untried(
    item: TaskInstance,
    judgement: Judgement,
    *,
    skip_ordered: bool,
    skips: tuple[str, ...] = (),
    now: datetime,
) -> TaskInstanceChange:
    """A task instance that ends without a worker: skipped, upstream_failed, or an empty task's success.

    Airflow shows no duration for what a branch skipped, and a try for an empty task. ``skips`` are the tasks
    to which it passes on an order to be skipped.
    """
    change = TaskInstanceChange(
        state=_UNTRIED_ENDS[judgement.verdict],
        start_date=now,
        end_date=now,
        duration=None if skip_ordered else 0.0,
        reason=judgement.reason,
        updated_at=now,
        **_mapping_of(item),
    )
    if skips:
        change["skips"] = skips
    if judgement.verdict is Verdict.RUN:
        change["try_number"] = item.try_number + 1
    return change


def skipped_by_order(item: TaskInstance, skips: tuple[str, ...], now: datetime) -> TaskInstanceChange:
    """A task instance that had ended, or waited to be tried, when another ordered it to be skipped.

    As in Airflow the order overwrites its state. What it has told of its end is void.
    """
    return TaskInstanceChange(
        state=TaskInstanceState.SKIPPED,
        clears=item.clears + 1,
        lease_token=None,
        lease_until=None,
        retry_at=None,
        reschedule_date=None,
        deferral=None,
        pool_parts=(),
        places=(),
        skips=skips,
        start_date=now,
        end_date=now,
        duration=None,
        reason="an upstream task chose another path",
        updated_at=now,
    )


def finished_try(item: TaskInstance) -> FinishedTry:
    """The record of a try that ended and will be followed by another."""
    return FinishedTry(
        run_uid=item.run_uid,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        state=TaskInstanceState.FAILED,
        start_date=item.start_date,
        end_date=item.end_date,
        duration=item.duration,
        hostname=item.hostname,
        reason=item.reason,
    )


def cleared_try(item: TaskInstance, now: datetime) -> FinishedTry | None:
    """The record of a try that is cleared; None if there was none. One that is not over counts as failed."""
    if item.state is None or item.try_number == 0:
        return None
    record = finished_try(item)
    if item.state.is_final:
        return replace(record, state=item.state)
    begun = item.start_date
    return replace(record, end_date=now, duration=(now - begun).total_seconds() if begun else None)


_AT_WORK = frozenset(
    {TaskInstanceState.RUNNING, TaskInstanceState.UP_FOR_RESCHEDULE, TaskInstanceState.DEFERRED}
)


def end_of(run: DagRun, item: TaskInstance) -> TaskInstanceState:
    """How a task instance that is not over ends with its run, as in Airflow.

    (None of those that have not begun is asked for when a run times out: they are ``withheld``.) All are
    skipped, but those at work while the run is cancelled (deferred tasks and sensors between two pokes are,
    too): these fail.
    """
    if run.state is DagRunState.SUCCESS:
        return TaskInstanceState.SUCCESS
    if run.reason == MARKED_FAILED and item.state in _AT_WORK:
        return TaskInstanceState.FAILED
    return TaskInstanceState.SKIPPED
