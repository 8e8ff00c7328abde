"""The net below: the minute tick, and the sweep of a run that finds what was lost.

Invariant I4: nothing waits for ever. Each unfinished run has a due time; the tick sends one message
for each run that is due, and its handler compares the whole run with what should be so.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import RescueRun, WakePool
from chalicelib.domain.observations import PoolUse
from chalicelib.domain.plans.repairs import (
    SWEEP_INTERVAL,
    Repair,
    RepairKind,
    end_is_due,
    next_look,
    repairs,
)
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, holds_back, sees
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.runs.timeout import TIMED_OUT
from chalicelib.domain.slots.limits import is_reserved, parse_run_holder
from chalicelib.domain.slots.pools import PoolShard
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.keys import END_OF_RUN_KEY, parse_holder_name
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine import (
    altering,
    callbacks,
    deletion,
    execute,
    run_end,
    run_timeout,
    runs,
    schedules,
)
from chalicelib.engine.core import Engine
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.progress import RunInProgress

log = logging.getLogger(__name__)

TICK_INTERVAL = timedelta(seconds=60)

AUDIT_INTERVAL = timedelta(minutes=10)
"""A holding of pool slots is compared with its task instance this often, the first time at this age."""

MOST_PER_TICK = 1000
"""Runs that one tick has looked after: sent again each minute until they are, they must not outrun it."""

_HOLDING_STATES = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})


def tick(engine: Engine) -> None:
    """What the clock starts, once a minute: runs that schedules make, sweeps of runs, the audit of pools.

    Raises ``StoreUnavailable``; what was found until then is sent for nevertheless.
    """
    outbox = Outbox(sender=engine.sender)
    try:
        shards = _post_what_is_due(engine, outbox)
    except StoreUnavailable:
        outbox.flush()
        raise
    outbox.flush()
    for use in _use_of_pools(shards):
        engine.observe(use)


def _post_what_is_due(engine: Engine, outbox: Outbox) -> list[PoolShard]:
    """Post a message for each DAG, run and pool that something is due of; the shards of all pools."""
    schedules.post_due(engine, outbox)
    for dag_id, execution_date in islice(engine.store.dag_runs.due(engine.now()), MOST_PER_TICK):
        outbox.post(RescueRun(dag_id=dag_id, execution_date=execution_date))
    shards = list(engine.store.pools.all_shards())
    for pool in sorted(_pools_to_wake(engine, shards)):
        outbox.post(WakePool(pool=pool))
    return shards


def resume(engine: Engine) -> None:
    """After the whole server was stopped: no worker of before is alive, every unfinished run goes on.

    To be called before anything of the new server runs.
    """
    outbox = Outbox(sender=engine.sender)
    now = engine.now()
    for dag in engine.store.dags.list():
        for date in _going_on(engine, dag):
            outbox.post(RescueRun(dag_id=dag.dag_id, execution_date=date, stopped_at=now))
    outbox.flush()


def _going_on(engine: Engine, dag: Dag) -> Iterator[datetime]:
    """The unfinished runs of a DAG, without those that it keeps queued while it is paused."""
    dates = (entry.run.execution_date for entry in engine.store.dag_runs.unfinished(dag.dag_id))
    if not dag.is_paused:
        return dates
    found = engine.store.dag_runs.get_many(dag.dag_id, dates)
    return (run.execution_date for run in found if not _is_kept_queued(dag, run))


def _is_kept_queued(dag: Dag, run: DagRun) -> bool:
    return run.state is DagRunState.QUEUED and holds_back(dag, run.run_type)


def look_after(engine: Engine, message: RescueRun) -> None:
    """Compare a run with what should be so, and make good what was lost."""
    dag, run = engine.store.dag_runs.get_with_dag(message.dag_id, message.execution_date)
    if run is None:
        return
    if dag is None or dag.is_deleted or not sees(dag, run):
        deletion.erase_run(engine, run)
        return
    if run.state.is_final:
        run_end.end_tasks_of(engine, run)
        return
    if run.state is DagRunState.QUEUED:
        engine.store.dag_runs.move_due(run.ref, engine.now() + SWEEP_INTERVAL)
        runs.start_run(engine, dag, run)
        return
    if not dag.is_paused and run_timeout.is_timed_out(engine, run):
        run_end.fail_run(engine, run, TIMED_OUT)
        return
    _sweep(engine, dag, run, message.stopped_at)


def _sweep(engine: Engine, dag: Dag, run: DagRun, stopped_at: datetime | None) -> None:
    progress = runs.in_progress(engine, run)
    items = dict(engine.store.task_instances.list(run.run_uid))
    now = engine.now()
    found = repairs(progress.graph, run.run_uid, items, now, stopped_at)
    if holds_back(dag, run.run_type) and not any(
        item.state is TaskInstanceState.RUNNING for item in items.values()
    ):
        runs.put_off(engine, run.ref)
    else:
        due_at = run_timeout.next_look(engine, run, otherwise=next_look(items, found, now))
        engine.store.dag_runs.move_due(run.ref, due_at)
    if being_cleared := {r.task.task_id: r.item.clears for r in found if r.kind is RepairKind.CLEAR}:
        altering.finish_clearing(progress, run, items, being_cleared)
    for repair in found:
        if repair.kind is RepairKind.TAKE_SLOTS:
            progress.flush()  # there may be too many of these for one invocation: what is due first goes out
        if not holds_back(dag, run.run_type) or repair.kind in _DONE_WHILE_PAUSED:
            names = {"run_id": run.run_id, "task_id": repair.task.task_id}
            log.info("run %s of %s: %s %s", run.run_id, run.dag_id, repair.kind, repair.item.key, extra=names)
            _carry_out(progress, repair)
    if end_is_due(progress.graph, items):
        progress.close_if_over(items.get(END_OF_RUN_KEY) or TaskInstance(run_uid=run.run_uid, task_id=""))
    progress.flush()


_DONE_WHILE_PAUSED = frozenset({RepairKind.LOST, RepairKind.INTERRUPTED, RepairKind.POKE, RepairKind.FOLLOW})
"""A paused DAG starts nothing, but what ran may end."""


def _carry_out(progress: RunInProgress, repair: Repair) -> None:
    task, item = repair.task, repair.item
    match repair.kind:
        case RepairKind.OPEN:
            progress.open(task, item, redo=True)
        case RepairKind.RESEND:
            progress.tries.resend(item)
        case RepairKind.TAKE_SLOTS:
            progress.tries.start(task, item, item.try_number)
        case RepairKind.RETRY:
            callbacks.after_try(progress.engine, progress.graph, progress.facts, item, redo=True)
            progress.tries.close(task, item)
            progress.tries.start(task, item, item.try_number + 1)
        case RepairKind.RESCHEDULE:
            progress.tries.give_back(task, item)
            progress.tries.start(task, item, item.try_number)
        case RepairKind.POKE:
            progress.tries.send(item)
        case RepairKind.LOST:
            outcome = TryOutcome(result=TryResult.FAILED, reason="its worker is gone")
            execute.finish(progress, item, outcome)
        case RepairKind.INTERRUPTED:
            run = progress.facts.ref
            change = changes.interrupted(run, item, task, progress.engine.now())
            execute.write_end(progress, item, change)
        case RepairKind.FOLLOW:
            progress.after_try(item, redo=True)


def _use_of_pools(shards: Iterable[PoolShard]) -> Iterator[PoolUse]:
    """The use of each pool that users know and that is in use, as its shards were read.

    Nothing is told of one that is not: CloudWatch charges for each hour in which a metric has a value.
    """
    pools: dict[str, list[PoolShard]] = {}
    for shard in shards:
        if not is_reserved(shard.name):
            pools.setdefault(shard.name, []).append(shard)
    for pool, parts in sorted(pools.items()):
        slots, free = sum(shard.capacity for shard in parts), sum(shard.free for shard in parts)
        if free < slots:
            yield PoolUse(pool=pool, slots=slots, used=slots - free)


def _pools_to_wake(engine: Engine, shards: Iterable[PoolShard]) -> set[str]:
    """Frees what dead holders hold; the pools that tasks wait for, in case a wake was lost."""
    pools = set()
    now = engine.now()
    for shard in shards:
        if shard.waiting is not None:
            pools.add(shard.name)
        for holder, holding in shard.holders.items():
            if _is_audited_now(now - holding.since) and not _holds_rightly(engine, shard.name, holder):
                log.warning("%s held slots of pool %s for nothing", holder, shard.name)
                engine.store.pools.drop_holder(shard, holder)
    return pools


def _is_audited_now(age: timedelta) -> bool:
    return age >= AUDIT_INTERVAL and age % AUDIT_INTERVAL < TICK_INTERVAL


def _holds_rightly(engine: Engine, pool: str, holder: str) -> bool:
    of_run = parse_run_holder(pool, holder)
    if of_run is not None:
        run = engine.store.dag_runs.get(of_run.dag_id, of_run.execution_date)
        is_same = run is not None and (run.run_uid, run.clear_number) == (of_run.run_uid, of_run.clear_number)
        # A queued run is about to start: nobody else of its DAG is kept from anything for long.
        return run is not None and is_same and not run.state.is_final
    item = engine.store.task_instances.get(*parse_holder_name(holder))
    return item is not None and item.holder == holder and item.state in _HOLDING_STATES
