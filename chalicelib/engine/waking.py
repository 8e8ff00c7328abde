"""Waking the tasks that wait for a pool, those of the highest priority first."""

from collections.abc import Sequence

from chalicelib.domain.dags import holds_back, sees
from chalicelib.domain.messages import Outgoing, WakePool
from chalicelib.domain.pools import PoolShard, Waiter, plan_take
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.task_instances import TaskInstance, task_key
from chalicelib.engine import runs
from chalicelib.engine.core import Engine
from chalicelib.engine.progress import RunInProgress

_WAITING_OR_UNSENT = frozenset({TaskInstanceState.SCHEDULED, TaskInstanceState.QUEUED})

WAITERS_SEEN = 100
"""How many waiters are looked at when a pool is woken; more than that many may be too wide to fit."""


def wake_pool(engine: Engine, name: str) -> None:
    """Start the waiting tasks that fit, by priority, then by time; one too wide lets others pass.

    (As Airflow does. It keeps its place in front, so it goes as soon as it fits.)
    """
    pool = engine.store.pools.get(name)
    if pool is None:
        return
    shards = engine.store.pools.shards(name)
    waiters = engine.store.pools.waiters(name, WAITERS_SEEN)
    if not waiters:
        _nobody_waits(engine, shards)
    gone = 0
    for waiter in waiters:
        if pool.is_unlimited or plan_take(shards, waiter.slots) is not None:
            gone += _let_go(engine, waiter)
            shards = engine.store.pools.shards(name)
    if gone and len(waiters) == WAITERS_SEEN:
        engine.sender.send([Outgoing(message=WakePool(pool=name))])


def _nobody_waits(engine: Engine, shards: Sequence[PoolShard]) -> None:
    for shard in shards:
        if shard.waiting is not None:
            engine.store.pools.clear_waiting(shard)


def _let_go(engine: Engine, waiter: Waiter) -> bool:
    """Start the try of a waiter and take it off, unless it has to wait on; one that left is taken off."""
    found = _waiting_task(engine, waiter)
    if found is not None:
        progress, item = found
        task = progress.graph.task(waiter.task_id)
        if item.state is TaskInstanceState.QUEUED:
            progress.tries.send(item)
        elif not progress.tries.start(task, item, item.try_number):
            progress.flush()
            return False
        progress.flush()
    engine.store.pools.remove_waiter(waiter)
    return True


def _waiting_task(engine: Engine, waiter: Waiter) -> tuple[RunInProgress, TaskInstance] | None:
    dag, run = engine.store.dag_runs.get_with_dag(waiter.dag_id, waiter.execution_date)
    if dag is None or run is None or run.run_uid != waiter.run_uid or not sees(dag, run):
        return None
    if dag.is_deleted or holds_back(dag, run.run_type) or run.state is not DagRunState.RUNNING:
        return None
    item = engine.store.task_instances.get(run.run_uid, task_key(waiter.task_id, waiter.map_index))
    if item is None or item.try_number != waiter.try_number or item.state not in _WAITING_OR_UNSENT:
        return None
    return runs.in_progress(engine, run), item
