"""One try of one task: claim it, run it, write its end, do what follows.

Invariant I2: a try runs under one live lease. The claim writes the invocation's token, and only the
holder of that token can write the end (fencing), so a worker that was given up for dead changes nothing.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import RescueRun, RunTask
from chalicelib.domain.observations import TryStarted
from chalicelib.domain.plans.steps import Ignore, Redo, WorkerGone, refused_claim_step
from chalicelib.domain.runs.dag_runs import RunFacts
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.runs.task_logs import continued_log
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.keys import asleep_token, task_key
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.engine.engine import Engine
from chalicelib.engine.lookup import find_run
from chalicelib.engine.ports.store import Write
from chalicelib.engine.ports.worker import Invocation, RunTry
from chalicelib.engine.tasks.advance import RunInProgress
from chalicelib.engine.tasks.altered_runs import Crowd, crowd_around, wait_for_one_of
from chalicelib.engine.tasks.inputs import task_xcoms, try_request
from chalicelib.engine.tasks.try_end import change_running, finish
from chalicelib.engine.worker.other_runs import RunsForTry
from chalicelib.engine.worker.stopped_tries import watch_over

log = logging.getLogger(__name__)


REDONE_WITHIN = timedelta(minutes=5)
"""How long after its end a run's duplicate messages still repeat something: some sweeps have been by then.

Well below the time (``deletion.LONGEST_INVOCATION``) after which a deletion takes it that no worker is
left.
"""

CLOCK_MARGIN = timedelta(seconds=30)
"""A lease outlives its invocation by this: the clocks of Lambdas differ a little."""


def execute(engine: Engine, message: RunTask, invocation: Invocation, run_try: RunTry) -> None:
    """Handle the message of a queued try.

    A duplicate of a running try costs one request and has no effect; one of a try that has ended only
    repeats what a crash may have left undone. Raises ``StoreUnavailable``: the message comes again.
    """
    progress = RunInProgress.of(engine, message.run)
    _execute(progress, message, invocation, run_try)
    progress.flush()


def execute_together(
    engine: Engine, messages: Iterable[RunTask], new_invocation: Callable[[], Invocation], run_try: RunTry
) -> None:
    """Handle the messages of queued tries of one run as if all of the tries ended at the same moment.

    Nothing follows from any of them before the last has ended, as between two passes of Airflow's scheduler
    and in its ``dag.test()``.
    """
    progress: RunInProgress | None = None
    for message in messages:
        progress = progress or replace(RunInProgress.of(engine, message.run), held_back=[])
        _execute(progress, message, new_invocation(), run_try)
    if progress is not None:
        progress.let_follow()
        progress.flush()


def _execute(progress: RunInProgress, message: RunTask, invocation: Invocation, run_try: RunTry) -> None:
    claim = _claim(progress.engine, message, invocation)
    if claim.applied:
        _run_claimed(progress, message, claim.item, invocation, run_try)
    else:
        _on_refused_claim(progress, message, claim.item)


def _run_claimed(
    progress: RunInProgress, message: RunTask, item: TaskInstance, invocation: Invocation, run_try: RunTry
) -> None:
    try:
        prepared = _prepare(progress, message, item)
    except StoreUnavailable:
        change_running(progress, item, _unclaimed(message, item, progress.engine.now()))
        raise
    match prepared:
        case TryRequest():
            _observe_start(progress, message, item)
            prepared = replace(
                prepared,
                time_left=invocation.ends_at - progress.engine.now(),
                other_runs=RunsForTry(engine=progress.engine, request=prepared),
                why_stopped=watch_over(progress, item),
            )
            finish(progress, item, _run(progress.engine, prepared, item, message.run, run_try))
        case Crowd():
            _put_back(progress, item, prepared.reason)
            wait_for_one_of(progress, prepared)
        case str():
            _hold_back(progress, item, prepared)


def _observe_start(progress: RunInProgress, message: RunTask, item: TaskInstance) -> None:
    if message.begun_at is not None or item.queued_dttm is None or item.start_date is None:
        return  # it goes on: a sensor that kept its slots was not queued
    started = TryStarted(
        dag_id=progress.facts.ref.dag_id,
        run_id=progress.facts.run_id,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        waited=item.start_date - item.queued_dttm,
    )
    progress.engine.observe(started)


def _prepare(progress: RunInProgress, message: RunTask, item: TaskInstance) -> TryRequest | Crowd | str:
    """What the user's code is given, or why the try may not start after all."""
    dag = progress.engine.store.dags.get(message.run.ref.dag_id)
    if dag is None or dag.is_deleted or dag.generation != message.run.ref.generation:
        return "its DAG was deleted"
    if dag.is_paused_for(message.run.run_type) and message.begun_at is None:  # what runs already goes on
        return "its DAG is paused"
    if message.begun_at is None and (crowd := crowd_around(progress, dag, item)):
        return crowd
    if message.begun_at is None and item.deferral is None and (message.try_number > 1 or item.pokes):
        progress.engine.store.xcoms.clear(item.run_uid, item.task_id, item.map_index)
    return try_request(progress.engine, message, item, dag.fileloc)


def _claim(engine: Engine, message: RunTask, invocation: Invocation) -> Write[TaskInstance]:
    now = engine.now()
    if message.begun_at is None:
        expected = Expected(states=frozenset({TaskInstanceState.QUEUED}), try_number=message.try_number)
    else:
        expected = Expected(
            states=frozenset({TaskInstanceState.RUNNING}),
            try_number=message.try_number,
            lease_token=asleep_token(message.pokes),
        )
    change = TaskInstanceChange(
        state=TaskInstanceState.RUNNING,
        lease_token=invocation.token,
        lease_until=invocation.ends_at + CLOCK_MARGIN,
        start_date=message.begun_at or message.deferred_since or now,
        end_date=None,
        duration=None,
        hostname=invocation.hostname,
        unixname=invocation.unixname,
        pid=invocation.pid,
        updated_at=now,
    )
    key = task_key(message.task_id, message.map_index)
    return engine.store.task_instances.transition(message.run.ref.run_uid, key, expected, change)


def _on_refused_claim(progress: RunInProgress, message: RunTask, item: TaskInstance) -> None:
    match refused_claim_step(item, message.try_number, progress.engine.now()):
        case Redo():
            redo_what_follows(progress, item)
        case WorkerGone(reason=reason):
            finish(progress, item, TryOutcome(result=TryResult.FAILED, reason=reason))
        case Ignore():
            return


def redo_what_follows(progress: RunInProgress, item: TaskInstance) -> None:
    """Repeat what a crash may have left undone after a try, unless its run is gone or long over.

    The sweep has done it for such a run; and once its DAG is deleted, nothing removes what is written of it.
    """
    found = find_run(progress.engine, progress.facts.ref)
    if found is None or found[1].is_over_for(REDONE_WITHIN, progress.engine.now()):
        return
    progress.after_try(item, redo=True)


def _unclaimed(message: RunTask, item: TaskInstance, now: datetime) -> TaskInstanceChange:
    return changes.unclaimed(now) if message.begun_at is None else changes.asleep(item, now)


def _hold_back(progress: RunInProgress, item: TaskInstance, reason: str) -> None:
    """Put a claimed try back; unpausing looks after it (of a deleted DAG, the sweep)."""
    _put_back(progress, item, reason)
    ref = progress.facts.ref
    dag = progress.engine.store.dags.get(ref.dag_id)
    if dag is not None and not dag.is_paused:
        # Unpaused since it was read: the message of that may have found the try still running.
        progress.outbox.post(RescueRun.of(ref))


def _put_back(progress: RunInProgress, item: TaskInstance, reason: str) -> None:
    """Put a claimed try back to ``scheduled``.

    Its slots go first: once it is ``scheduled``, another handler may take slots in the same name.
    """
    try:
        progress.tries.give_back(progress.graph.task(item.task_id), item)
    finally:
        change_running(progress, item, changes.held_back(reason, progress.engine.now()))


def _run(
    engine: Engine, request: TryRequest, item: TaskInstance, facts: RunFacts, run_try: RunTry
) -> TryOutcome:
    report = run_try(request, task_xcoms(engine, item, facts.ref.execution_date))
    outcome = report.outcome
    try:
        earlier = _earlier_log(engine, facts, item) if item.pokes or item.deferral else b""
        text = continued_log(earlier, report.log)
        engine.store.task_logs.save(facts.ref, facts.run_id, item.key, item.try_number, text)
    except StoreUnavailable:
        # The task has facts: its end counts more than its log, which CloudWatch has too.
        log.warning("the log of try %s of %s was not kept", item.try_number, item.key, exc_info=True)
    try:
        if outcome.inlets or outcome.outlets:
            engine.store.lineage.save(
                item.run_uid, item.task_id, item.map_index, outcome.inlets, outcome.outlets
            )
    except StoreUnavailable:
        log.warning("the lineage of try %s of %s was not kept", item.try_number, item.key, exc_info=True)
    return outcome


def _earlier_log(engine: Engine, facts: RunFacts, item: TaskInstance) -> bytes:
    """What the earlier pokes of a try have logged."""
    return engine.store.task_logs.read(facts.ref, facts.run_id, item.key, item.try_number) or b""
