"""Taking, handing over and giving back the slots of pools.

Invariant I3: a pool never gives out more slots than it has. Every step is one conditional write in
the holder's name, so a step that is repeated changes nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.dag_runs import RunRef
from chalicelib.domain.graph import Task
from chalicelib.domain.pools import (
    Pool,
    PoolShard,
    Waiter,
    held_parts,
    plan_take,
    preferred_shard,
    shard_capacities,
)
from chalicelib.domain.task_instances import Parts, TaskInstance, holder_name, task_key
from chalicelib.engine.core import Engine

_STALE = timedelta(minutes=5)
"""A holding of this age is taken anew before it is relied on: the audit of pools may be about to drop it."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_ATTEMPTS = 4
"""Tries to take slots that others take at the same moment; after that the task waits its turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What came of asking for slots: the parts taken (none of an unlimited pool), or why not."""

    parts: Parts = ()
    refusal: str | None = None


def take(engine: Engine, task: Task, holder: str, *, first_attempt: bool) -> Grant:
    """Take a task's slots in the name of ``holder``.

    One request when it is the holder's first attempt and the shard it knocks at has room; otherwise
    the pool is read and the slots are taken wherever they are, unless the holder has them already.
    """
    parts = _knock(engine, task, holder) if first_attempt else ()
    if parts and engine.store.pools.take(task.pool, holder, parts, engine.now()):
        return Grant(parts=parts)
    pool = engine.store.pools.get(task.pool)
    if pool is None:
        engine.pools_seen.pop(task.pool, None)
        return Grant(refusal=f"pool {task.pool} does not exist")
    engine.pools_seen[task.pool] = pool
    if pool.is_unlimited:
        return Grant()
    return _take_anywhere(engine, task, holder, pool)


def _knock(engine: Engine, task: Task, holder: str) -> Parts:
    hint = engine.pools_seen.get(task.pool)
    if hint is None or hint.slots < 1:
        return ()
    return ((preferred_shard(holder, len(shard_capacities(hint.slots))), task.pool_slots),)


def _take_anywhere(engine: Engine, task: Task, holder: str, pool: Pool) -> Grant:
    for _ in range(_ATTEMPTS):
        shards = engine.store.pools.shards(task.pool)
        held = held_parts(shards, holder)
        if held and (_is_stale(engine, shards, holder) or _slots_of(held) < task.pool_slots):
            # As they were read only: another handler may have taken them anew meanwhile.
            for shard in shards:
                engine.store.pools.drop_holder(shard, holder)
            continue
        parts = held or plan_take(shards, task.pool_slots)
        if parts is None:
            break
        if engine.store.pools.take(task.pool, holder, parts, engine.now()):
            return Grant(parts=parts)
    slots = f"{task.pool_slots} slot{'s' if task.pool_slots > 1 else ''}"
    return Grant(refusal=f"waits for {slots} of pool {task.pool}, which has {pool.slots}")


def _slots_of(parts: Parts) -> int:
    return sum(slots for _, slots in parts)


def _is_stale(engine: Engine, shards: Sequence[PoolShard], holder: str) -> bool:
    since = min(shard.holders[holder].since for shard in shards if holder in shard.holders)
    return engine.now() - since > _STALE


def hand_over(engine: Engine, task: Task, item: TaskInstance, successor: Task) -> Parts:
    """Hand a finished try's slots to the first try of a successor; the parts, or none if it can't be.

    Saves a request per task of a chain. It can't be where another task waits for the pool: that one
    may come first.
    """
    if successor.pool != task.pool or len(item.pool_parts) != 1:
        return ()
    ((shard, slots),) = item.pool_parts
    if slots != successor.pool_slots:
        return ()
    entering = holder_name(item.run_uid, task_key(successor.task_id), 1)
    handed = engine.store.pools.swap(task.pool, shard, item.holder, entering, slots, engine.now())
    return item.pool_parts if handed else ()


def waiter_of(run: RunRef, task: Task, item: TaskInstance) -> Waiter:
    """The entry under which a ``scheduled`` task instance waits for its pool."""
    return Waiter(
        pool=task.pool,
        priority_weight=task.priority_weight,
        since=item.updated_at or _LONG_AGO,
        slots=task.pool_slots,
        dag_id=run.dag_id,
        execution_date=run.execution_date,
        run_uid=run.run_uid,
        task_id=task.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
    )


def enter_waiter(engine: Engine, waiter: Waiter) -> bool:
    """Enter a waiter; whether slots became free meanwhile, so that the pool must be woken.

    The waiter is entered before the shards are marked and looked at again: whoever gives slots back
    either did so before (then they are seen free here) or sees the mark.
    """
    engine.store.pools.add_waiter(waiter)
    pool = engine.store.pools.get(waiter.pool)
    if pool is None:
        return False
    return pool.is_unlimited or plan_take(engine.store.pools.shards(waiter.pool), waiter.slots) is not None
