"""Waiters for slots: entered, found again, taken off."""

from datetime import UTC, datetime

from chalicelib.domain.graph.graph import NOT_MAPPED, Task
from chalicelib.domain.runs.dag_runs import RunRef
from chalicelib.domain.slots.pools import (
    Waiter,
    plan_take,
)
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.slots.taking import Refusal, wanted_of_limit, wanted_of_pool

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


THE_RUN = ""
"""The task id of a waiter that is a run."""


def waiter_of(run: RunRef, task: Task, item: TaskInstance, refusal: Refusal) -> Waiter:
    """The entry under which a ``scheduled`` task instance waits for slots."""
    return Waiter(
        pool=refusal.pool,
        priority_weight=task.priority_weight,
        since=item.updated_at or _LONG_AGO,
        slots=refusal.slots,
        dag_id=run.dag_id,
        execution_date=run.execution_date,
        run_uid=run.run_uid,
        task_id=task.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
    )


def waiters_of(run: RunRef, task: Task, item: TaskInstance) -> list[Waiter]:
    """The entries that a ``scheduled`` task instance may have, whatever it waits for."""
    wanted = (*map(wanted_of_limit, task.limits_in(run.run_uid)), wanted_of_pool(task))
    return [waiter_of(run, task, item, each.refusal(None)) for each in wanted]


def waiting_run(run: RunRef, pool: str) -> Waiter:
    """The entry under which a ``queued`` run waits; the earliest execution date comes first."""
    return Waiter(
        pool=pool,
        priority_weight=0,
        since=run.execution_date,
        slots=1,
        dag_id=run.dag_id,
        execution_date=run.execution_date,
        run_uid=run.run_uid,
        task_id=THE_RUN,
        map_index=NOT_MAPPED,
        try_number=0,
    )


def enter_waiter(engine: Engine, waiter: Waiter) -> bool:
    """Enter a waiter; whether slots became free meanwhile, so that the pool must be woken.

    The waiter is entered before the shards are flagged and looked at again: slots are given
    back either before (then they are seen free here), or by a handler that sees the flag.
    """
    engine.store.pools.add_waiter(waiter)
    pool = engine.store.pools.get(waiter.pool)
    if pool is None:
        return False
    return pool.is_unlimited or plan_take(engine.store.pools.shards(waiter.pool), waiter.slots) is not None
