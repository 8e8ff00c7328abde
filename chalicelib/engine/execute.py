"""One try of one task: claim it, run it, write its end, do what follows.

Invariant I2: a try runs under one live lease. The claim writes the invocation's token, and only the
holder of that token can write the end (fencing), so a worker that was given up for dead changes nothing.
"""

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.messages import FollowTask, RescueRun, RunTask
from chalicelib.domain.observations import TaskEnded, TryStarted
from chalicelib.domain.runs.dag_runs import RunFacts
from chalicelib.domain.runs.dags import holds_back
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.runs.task_logs import continued_log
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.keys import asleep_token, task_key
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.engine import pokes, runs
from chalicelib.engine.altered_runs import Crowd, crowd_around, wait_for_one_of
from chalicelib.engine.core import Engine
from chalicelib.engine.ports import Invocation, RunTry, Write, XComs
from chalicelib.engine.progress import RunInProgress

log = logging.getLogger(__name__)

PUT_OFF_SECONDS = 5
"""When what a worker could not do after its task is tried again, by a message of its own."""

TRY_ENDS = FINAL_STATES | {TaskInstanceState.UP_FOR_RETRY}
"""What a try ends as; a sensor that waits for its next poke goes on."""

REDONE_WITHIN = timedelta(minutes=5)
"""How long after its end a run's duplicate messages still repeat something: some sweeps have been by then.

Well below the time (``deletion.LONGEST_INVOCATION``) after which a deletion takes it that nobody is at work.
"""

CLOCK_MARGIN = timedelta(seconds=30)
"""A lease outlives its invocation by this: the clocks of Lambdas differ a little."""


def execute(engine: Engine, message: RunTask, invocation: Invocation, run_try: RunTry) -> None:
    """Handle the message of a queued try.

    A duplicate of a running try costs one request and has no effect; one of a try that has ended only
    repeats what a crash may have left undone. Raises ``StoreUnavailable``: the message comes again.
    """
    run = RunInProgress.of(engine, message.run)
    claim = _claim(engine, message, invocation)
    if claim.applied:
        _run_claimed(run, message, claim.item, invocation, run_try)
    else:
        _on_refused_claim(run, message, claim.item)
    run.flush()


def _run_claimed(
    run: RunInProgress, message: RunTask, item: TaskInstance, invocation: Invocation, run_try: RunTry
) -> None:
    try:
        prepared = _prepare(run, message, item)
    except StoreUnavailable:
        _change(run, item, _unclaimed(message, item, run.engine.now()))
        raise
    match prepared:
        case TryRequest():
            _observe_start(run, message, item)
            prepared = replace(prepared, time_left=invocation.ends_at - run.engine.now())
            finish(run, item, _run(run.engine, prepared, item, message.run, run_try))
        case Crowd():
            _put_back(run, item, prepared.reason)
            wait_for_one_of(run, prepared)
        case str():
            _hold_back(run, item, prepared)


def _observe_start(run: RunInProgress, message: RunTask, item: TaskInstance) -> None:
    if message.begun_at is not None or item.queued_dttm is None or item.start_date is None:
        return  # it goes on: a sensor that kept its slots was not queued
    started = TryStarted(
        dag_id=run.facts.ref.dag_id,
        run_id=run.facts.run_id,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        waited=item.start_date - item.queued_dttm,
    )
    run.engine.observe(started)


def _prepare(run: RunInProgress, message: RunTask, item: TaskInstance) -> TryRequest | Crowd | str:
    """What the user's code is given, or why the try may not start after all."""
    dag = run.engine.store.dags.get(message.run.ref.dag_id)
    if dag is None or dag.is_deleted or dag.generation != message.run.ref.generation:
        return "its DAG was deleted"
    if holds_back(dag, message.run.run_type) and message.begun_at is None:  # what runs already goes on
        return "its DAG is paused"
    if message.begun_at is None and (crowd := crowd_around(run, dag, item)):
        return crowd
    if message.begun_at is None and (message.try_number > 1 or item.pokes):
        run.engine.store.xcoms.clear(item.run_uid, item.task_id, item.map_index)
    return try_request(run.engine, message, item, dag.fileloc)


def finish(run: RunInProgress, item: TaskInstance, outcome: TryOutcome) -> None:
    """Write the end of a try that ``item`` shows running, and do what follows from it.

    Does nothing if the lease has passed on: whoever took it has decided about the task.
    """
    task = run.graph.task(item.task_id)
    write_end(run, item, changes.end_of_try(run.facts.ref, task, item, outcome, run.engine.now()))


def write_end(run: RunInProgress, item: TaskInstance, change: TaskInstanceChange) -> None:
    """Write a decided end of the try that ``item`` shows running, and do what follows from it."""
    write = _change(run, item, change)
    if not write.applied:
        log.warning("the lease of try %s of %s has passed on", item.try_number, item.key)
        return
    if write.item.state in TRY_ENDS:
        run.engine.observe(TaskEnded.of(run.facts.ref.dag_id, run.facts.run_id, write.item))
    try:
        run.after_try(write.item, redo=False)
    except StoreUnavailable:
        # The message of a task comes again only when the longest task would be over: this one sooner.
        log.warning("what follows from try %s of %s is put off", item.try_number, item.key, exc_info=True)
        follow = FollowTask(run=run.facts.ref, task_id=item.task_id, map_index=item.map_index)
        run.outbox.post(follow, PUT_OFF_SECONDS)


def _change(run: RunInProgress, item: TaskInstance, change: TaskInstanceChange) -> Write[TaskInstance]:
    """Change a running try, provided that its lease is still the one that ``item`` shows."""
    expected = Expected(
        states=frozenset({TaskInstanceState.RUNNING}),
        try_number=item.try_number,
        lease_token=item.lease_token,
    )
    return run.engine.store.task_instances.transition(item.run_uid, item.key, expected, change)


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
        start_date=message.begun_at or now,
        end_date=None,
        duration=None,
        hostname=invocation.hostname,
        unixname=invocation.unixname,
        pid=invocation.pid,
        updated_at=now,
    )
    key = task_key(message.task_id, message.map_index)
    return engine.store.task_instances.transition(message.run.ref.run_uid, key, expected, change)


def _on_refused_claim(run: RunInProgress, message: RunTask, item: TaskInstance) -> None:
    if item.try_number != message.try_number or item.state is None:
        return
    if pokes.is_waiting(item):
        if not pokes.is_news(run.engine, item):
            _redo(run, item)
        return
    if item.state is not TaskInstanceState.RUNNING:
        if item.lease_token is not None:  # else it was not ended by a worker: nothing follows from it
            _redo(run, item)
        return
    if item.lease_until is not None and item.lease_until <= run.engine.now():
        finish(run, item, TryOutcome(result=TryResult.FAILED, reason="its worker is gone"))


def _redo(run: RunInProgress, item: TaskInstance) -> None:
    """Repeat what a crash may have left undone after a try, unless its run is gone or long over.

    Of such a run the sweep has done it; and what is written of it once its DAG is deleted nobody removes.
    """
    found = runs.find_run(run.engine, run.facts.ref)
    if found is None or found[1].is_over_for(REDONE_WITHIN, run.engine.now()):
        return
    run.after_try(item, redo=True)


def _unclaimed(message: RunTask, item: TaskInstance, now: datetime) -> TaskInstanceChange:
    return changes.unclaimed(now) if message.begun_at is None else changes.asleep(item, now)


def _hold_back(run: RunInProgress, item: TaskInstance, reason: str) -> None:
    """Put a claimed try back; unpausing looks after it (of a deleted DAG, the sweep)."""
    _put_back(run, item, reason)
    ref = run.facts.ref
    dag = run.engine.store.dags.get(ref.dag_id)
    if dag is not None and not dag.is_paused:
        # Unpaused since it was read: the message of that may have found the try still running.
        run.outbox.post(RescueRun(dag_id=ref.dag_id, execution_date=ref.execution_date))


def _put_back(run: RunInProgress, item: TaskInstance, reason: str) -> None:
    """Put a claimed try back to ``scheduled``.

    Its slots go first: once it is ``scheduled``, another handler may take slots in the same name.
    """
    try:
        run.tries.give_back(run.graph.task(item.task_id), item)
    finally:
        _change(run, item, changes.held_back(reason, run.engine.now()))


def _run(
    engine: Engine, request: TryRequest, item: TaskInstance, run: RunFacts, run_try: RunTry
) -> TryOutcome:
    report = run_try(request, TaskXComs(xcoms=engine.store.xcoms, run_uid=item.run_uid, item=item))
    outcome = report.outcome
    try:
        earlier = _earlier_log(engine, run, item) if item.pokes else b""
        text = continued_log(earlier, report.log)
        engine.store.task_logs.save(run.ref, run.run_id, item.key, item.try_number, text)
    except StoreUnavailable:
        # The task has run: its end counts more than its log, which CloudWatch has too.
        log.warning("the log of try %s of %s was not kept", item.try_number, item.key, exc_info=True)
    try:
        if outcome.inlets or outcome.outlets:
            engine.store.lineage.save(item.run_uid, item.task_id, outcome.inlets, outcome.outlets)
    except StoreUnavailable:
        log.warning("the lineage of try %s of %s was not kept", item.try_number, item.key, exc_info=True)
    return outcome


def _earlier_log(engine: Engine, run: RunFacts, item: TaskInstance) -> bytes:
    """What the earlier pokes of a try have logged."""
    return engine.store.task_logs.read(run.ref, run.run_id, item.key, item.try_number) or b""


def try_request(engine: Engine, message: RunTask, item: TaskInstance, fileloc: str) -> TryRequest:
    """What the user's code is given in the try of a message, whose task instance is ``item``."""
    run = message.run
    return TryRequest(
        dag_id=run.ref.dag_id,
        fileloc=fileloc,
        run_id=run.run_id,
        run_uid=run.ref.run_uid,
        run_type=run.run_type,
        task_id=message.task_id,
        map_index=message.map_index,
        try_number=message.try_number,
        max_tries=message.max_tries,
        execution_date=run.ref.execution_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_start_date=run.start_date,
        start_date=item.start_date or run.start_date,
        external_trigger=run.external_trigger,
        conf=json.loads(engine.store.payloads.read(run.conf)),
        find_previous_success=partial(runs.previous_success, engine, run.ref),
        pokes=item.pokes,
        first_poke_at=item.first_poke_at,
        goes_on=message.begun_at is not None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskXComs:
    """The XComs of a run as a running try sees them (``ports.RunningXComs``)."""

    xcoms: XComs
    run_uid: str
    item: TaskInstance

    def push(self, key: str, value: str) -> None:
        """Keep a JSON text as this task's value of that key."""
        self.xcoms.push(self.run_uid, self.item.task_id, self.item.map_index, key, value)

    def pull(self, task_id: str, key: str, map_index: int = NOT_MAPPED) -> str | None:
        """Another task's value of that key as JSON text, or None."""
        return self.xcoms.pull(self.run_uid, task_id, map_index, key)
