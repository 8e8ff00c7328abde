"""The audit of pools: slots whose holders are gone are freed, waiters whose wake was lost are woken."""

import logging
from collections.abc import Iterable
from datetime import timedelta

from chalicelib.domain.slots.limits import parse_run_holder
from chalicelib.domain.slots.pools import PoolShard
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import parse_holder_name
from chalicelib.engine.engine import Engine

log = logging.getLogger(__name__)

TICK_INTERVAL = timedelta(seconds=60)


AUDIT_INTERVAL = timedelta(minutes=10)
"""A holding of pool slots is compared with its task instance this often, the first time at this age."""


_HOLDING_STATES = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})


def pools_to_wake(engine: Engine, shards: Iterable[PoolShard]) -> set[str]:
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
        # A queued run is about to start: no other run of its DAG is kept from anything for long.
        return run is not None and is_same and not run.state.is_final
    item = engine.store.task_instances.get(*parse_holder_name(holder))
    return item is not None and item.holder == holder and item.state in _HOLDING_STATES
