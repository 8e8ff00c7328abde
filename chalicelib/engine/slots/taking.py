"""Slots of pools and places under limits: taken, handed over, given back.

Invariant I3: a pool never gives out more slots than it has. Every step is one conditional write in
the holder's name, so a step that is repeated changes nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.domain.graph.graph import NOT_MAPPED, Task
from chalicelib.domain.runs.dag_runs import DagRun, new_id
from chalicelib.domain.slots.limits import Limit, run_holder
from chalicelib.domain.slots.pools import (
    Parts,
    Places,
    Pool,
    PoolShard,
    held_parts,
    plan_take,
    preferred_shard,
    shard_capacities,
)
from chalicelib.domain.tasks.keys import holder_name, parse_holder_name, run_of_holder, task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine

_STALE = timedelta(minutes=5)
"""A holding of this age is taken anew before it is relied on: the audit of pools may be about to drop it.

(The audit drops none that is younger than ``audit.AUDIT_INTERVAL``, 10 minutes.)
"""


_ATTEMPTS = 4
"""Tries to take slots that others take at the same moment; after that the task waits its turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why slots were not given."""

    pool: str
    """The pool to wait for."""
    slots: int
    """How many of its slots are wanted."""
    text: str
    """For people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What came of asking for slots."""

    parts: Parts = ()
    """Slots taken of the pool (none of an unlimited one)."""
    places: Places = ()
    """Places taken under limits."""
    refusal: Refusal | None = None
    """Why slots were not given; None: they were."""


WAITERS_SEEN = 10
"""How many waiters are looked at before a task takes what they may want; they are those that come first."""


def take_for(
    engine: Engine, task: Task, holder: str, *, first_attempt: bool = False, is_its_turn: bool = False
) -> Grant:
    """Take a place under each of a task's limits, and its pool's slots.

    Not where a task waits that has at least the same priority and fits, unless ``is_its_turn``: where any
    waits, that is 1 request more.

    A refusal leaves the holder with the ``places`` taken before it, which are the caller's to give back
    once no other handler can rely on them. One request for each when it is the holder's first attempt and
    the shard it knocks at has room; otherwise the pool is read and the slots are taken wherever they
    are, unless the holder has them already.

    Limits come first: a try that waits for one holds no slots of a pool that others could use.
    """
    weight = None if is_its_turn else task.priority_weight
    places: list[tuple[int, int]] = []
    for number, limit in enumerate(task.limits_in(run_of_holder(holder))):
        grant = _take(engine, wanted_of_limit(limit), holder, first_attempt=first_attempt, weight=weight)
        if grant.refusal is not None:
            return Grant(places=tuple(places), refusal=grant.refusal)
        places += [(number, shard) for shard, _ in grant.parts]
    grant = _take(engine, wanted_of_pool(task), holder, first_attempt=first_attempt, weight=weight)
    return replace(grant, places=tuple(places))


def take_for_run(engine: Engine, run: DagRun, limit: Limit) -> Grant:
    """Take a run's place among the active runs of its DAG.

    1 request where this process has seen the limit before. A place that the run has from a handler that
    died is as good: the audit of pools leaves it alone until the run is over.
    """
    holder = run_holder(run.ref, run.clear_number)
    return _take(engine, wanted_of_limit(limit), holder, first_attempt=True)


def give(engine: Engine, task: Task, holder: str, parts: Parts, places: Places) -> list[str]:
    """Give back what a try has; the pools among them that have waiters."""
    limits = task.limits_in(run_of_holder(holder))
    held: list[tuple[str, Parts]] = [(limits[number].pool, ((shard, 1),)) for number, shard in places]
    if parts:
        held.append((task.pool, parts))
    return [pool for pool, slots in held if engine.store.pools.give(pool, holder, slots)]


def give_for_run(engine: Engine, run: DagRun, limit: Limit) -> bool:
    """Give back a run's place among the active runs of its DAG; whether another run waits for it."""
    holder, pools = run_holder(run.ref, run.clear_number), engine.store.pools
    return pools.give(limit.pool, holder, held_parts(pools.shards(limit.pool), holder))


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Slots of a pool, or one place under a limit."""

    pool: str
    slots: int
    limit: Limit | None = None
    """The limit, where the pool is one."""

    def refusal(self, pool: Pool | None) -> Refusal:
        """Why these slots are not given; ``pool`` is the pool as it was read, None if it does not exist."""
        if self.limit is not None:
            text = self.limit.text
        elif pool is None:
            text = f"pool {self.pool} does not exist"
        else:
            slots = f"{self.slots} slot{'s' if self.slots > 1 else ''}"
            text = f"waits for {slots} of pool {self.pool}, which has {pool.slots}"
        return Refusal(pool=self.pool, slots=self.slots, text=text)


def wanted_of_limit(limit: Limit) -> Wanted:
    """One place under a limit."""
    return Wanted(pool=limit.pool, slots=1, limit=limit)


def wanted_of_pool(task: Task) -> Wanted:
    """The slots of its pool that a try of a task takes."""
    return Wanted(pool=task.pool, slots=task.pool_slots)


def _take(
    engine: Engine, wanted: Wanted, holder: str, *, first_attempt: bool, weight: int | None = None
) -> Grant:
    """``weight``: the priority of a task that waits its turn behind others; None: it does not."""
    parts = _knock(engine, wanted, holder) if first_attempt else ()
    in_turn = weight is not None
    if parts and engine.store.pools.take(wanted.pool, holder, parts, engine.now(), in_turn=in_turn):
        return Grant(parts=parts)
    pool = engine.store.pools.get(wanted.pool) or _new_limit(engine, wanted)
    if pool is None:
        engine.pools_seen.pop(wanted.pool, None)
        return Grant(refusal=wanted.refusal(pool))
    if wanted.limit is None or not wanted.limit.is_of_run:
        engine.pools_seen[wanted.pool] = pool
    if pool.is_unlimited:
        return Grant()
    return _take_anywhere(engine, wanted, holder, pool, weight)


def _new_limit(engine: Engine, wanted: Wanted) -> Pool | None:
    """A limit comes to be when it is first asked for; its size follows the DAG file (``sync``)."""
    if wanted.limit is None:
        return None
    return save_limit(engine, wanted.limit)


def save_limit(engine: Engine, limit: Limit) -> Pool:
    """Create a limit, or give it its present size."""
    number = new_id(engine.now(), engine.entropy)
    return engine.store.pools.save(Pool(name=limit.pool, slots=limit.slots, description=None, id=number))


def _knock(engine: Engine, wanted: Wanted, holder: str) -> Parts:
    slots = _slots_expected(engine, wanted)
    if slots is None or slots < 1:
        return ()
    return ((preferred_shard(holder, len(shard_capacities(slots))), wanted.slots),)


def _slots_expected(engine: Engine, wanted: Wanted) -> int | None:
    """How many slots a pool has as far as this process knows; of a limit of a run, as the DAG says."""
    if wanted.limit is not None and wanted.limit.is_of_run:
        return wanted.limit.slots
    hint = engine.pools_seen.get(wanted.pool)
    return None if hint is None else hint.slots


def _take_anywhere(engine: Engine, wanted: Wanted, holder: str, pool: Pool, weight: int | None) -> Grant:
    for _ in range(_ATTEMPTS):
        shards = engine.store.pools.shards(wanted.pool)
        held = held_parts(shards, holder)
        if held and (_is_stale(engine, shards, holder) or _slots_of(held) < wanted.slots):
            # As they were read only: another handler may have taken them anew meanwhile.
            for shard in shards:
                engine.store.pools.drop_holder(shard, holder)
            continue
        if held:
            return Grant(parts=held)
        parts = plan_take(shards, wanted.slots)
        if parts is None or (weight is not None and _overtakes(engine, shards, holder, weight)):
            break
        if engine.store.pools.take(wanted.pool, holder, parts, engine.now()):
            return Grant(parts=parts)
    return Grant(refusal=wanted.refusal(pool))


def _overtakes(engine: Engine, shards: Sequence[PoolShard], holder: str, weight: int) -> bool:
    """Whether a task of that priority would take what another that waits may want first.

    0 requests where none waits. One too wide for what is free lets others pass, as in Airflow.
    """
    if not any(shard.waiting for shard in shards):
        return False
    for waiter in engine.store.pools.waiters(shards[0].name, WAITERS_SEEN):
        if (waiter.run_uid, task_key(waiter.task_id, waiter.map_index)) == parse_holder_name(holder):
            return False  # none that fits comes before it
        if waiter.priority_weight >= weight and plan_take(shards, waiter.slots) is not None:
            return True
    return False


def _slots_of(parts: Parts) -> int:
    return sum(slots for _, slots in parts)


def _is_stale(engine: Engine, shards: Sequence[PoolShard], holder: str) -> bool:
    since = min(shard.holders[holder].since for shard in shards if holder in shard.holders)
    return engine.now() - since > _STALE


def hand_over(
    engine: Engine, task: Task, item: TaskInstance, successor: Task, *, map_index: int = NOT_MAPPED
) -> Parts:
    """Hand a finished try's slots to the first try of a successor; the parts, or none if it can't be.

    Saves a request per task of a chain. It can't be where another task waits for the pool: that one
    may come first. Tasks under limits give back and take.
    """
    if successor.pool != task.pool or successor.limits or item.places or len(item.pool_parts) != 1:
        return ()
    ((shard, slots),) = item.pool_parts
    if slots != successor.pool_slots:
        return ()
    entering = holder_name(item.run_uid, task_key(successor.task_id, map_index), 1)
    handed = engine.store.pools.swap(task.pool, shard, item.holder, entering, slots, engine.now())
    return item.pool_parts if handed else ()
