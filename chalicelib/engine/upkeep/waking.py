"""Woken waiters of a pool or a limit: tasks by priority, runs by execution date."""

from collections.abc import Sequence

from chalicelib.domain.messages import WakePool
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, sees
from chalicelib.domain.slots.pools import PoolShard, Waiter, plan_take
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.start import in_progress, start_run
from chalicelib.engine.slots import waiting

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
        engine.send(WakePool(pool=name))


def _nobody_waits(engine: Engine, shards: Sequence[PoolShard]) -> None:
    for shard in shards:
        if shard.waiting is not None:
            engine.store.pools.clear_waiting(shard)


def _let_go(engine: Engine, waiter: Waiter) -> bool:
    """Start what waits and take it off, unless it has to wait on here; what left is taken off."""
    dag, run = engine.store.dag_runs.get_with_dag(waiter.dag_id, waiter.execution_date)
    waits_for = None
    if dag and run and run.run_uid == waiter.run_uid and _goes_on(dag, run):
        is_run = waiter.task_id == waiting.THE_RUN
        waits_for = start_run(engine, dag, run) if is_run else _start_task(engine, run, waiter)
    if waits_for == waiter:
        return False
    engine.store.pools.remove_waiter(waiter)
    return True


def _goes_on(dag: Dag, run: DagRun) -> bool:
    return sees(dag, run) and not (dag.is_deleted or dag.is_paused_for(run.run_type))


def _start_task(engine: Engine, run: DagRun, waiter: Waiter) -> Waiter | None:
    """Start the try of a waiter; the entry under which it waits on, if it has to."""
    if run.state is not DagRunState.RUNNING:
        return None
    item = engine.store.task_instances.get(run.run_uid, task_key(waiter.task_id, waiter.map_index))
    if item is None or item.try_number != waiter.try_number or item.state not in _WAITING_OR_UNSENT:
        return None
    progress = in_progress(engine, run)
    waits_for = None
    if item.state is TaskInstanceState.QUEUED:
        progress.tries.send(item)
    else:
        task = progress.graph.task(item.task_id)
        waits_for = progress.tries.start(task, item, item.try_number, is_its_turn=True)
    progress.flush()
    return waits_for
