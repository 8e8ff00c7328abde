"""The tick: everything that the clock starts, once a minute."""

from collections.abc import Iterable, Iterator
from itertools import islice

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import RescueRun, WakePool
from chalicelib.domain.observations import PoolUse
from chalicelib.domain.slots.limits import is_reserved
from chalicelib.domain.slots.pools import PoolShard
from chalicelib.engine.engine import Engine
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.schedule.clock import post_due
from chalicelib.engine.slots.audit import pools_to_wake

MOST_PER_TICK = 1000
"""Runs that one tick has looked after: sent again each minute until they are, they must not outrun it."""


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
    post_due(engine, outbox)
    for dag_id, execution_date in islice(engine.store.dag_runs.due(engine.now()), MOST_PER_TICK):
        outbox.post(RescueRun(dag_id=dag_id, execution_date=execution_date))
    shards = list(engine.store.pools.all_shards())
    for pool in sorted(pools_to_wake(engine, shards)):
        outbox.post(WakePool(pool=pool))
    return shards


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
