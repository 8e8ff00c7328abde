"""Pools: slots spread over shards, and their holders.

A pool is kept as shards of at most 16 slots, so that an item stays near 1 kB and many takers do not
meet at one item. Shard 0 also carries the pool's own fields and always exists.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

Parts = tuple[tuple[int, int], ...]
"""Slots held of a pool: pairs of shard number and slots."""

Places = tuple[tuple[int, int], ...]
"""Places held under limits: pairs of the limit's number among the task's, and shard number."""

DEFAULT_POOL = "default_pool"
DEFAULT_POOL_SLOTS = 128
UNLIMITED = -1
SHARD_SLOTS = 16
MAX_SHARDS = 64
"""All shards are resized in one transaction (DynamoDB allows 100 items); larger pools get wider shards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """A pool as the API shows it."""

    name: str
    slots: int
    """-1 is no limit."""
    description: str | None
    id: int
    """The integer that the API shows, made once."""
    include_deferred: bool = False

    @property
    def is_unlimited(self) -> bool:
        """Whether tasks run without holding slots."""
        return self.slots == UNLIMITED


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """Slots of one shard held by a try, since when."""

    slots: int
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolShard:
    """One shard of a pool."""

    name: str
    number: int
    capacity: int
    free: int
    """Capacity less what is held; below 0 after the pool was made smaller."""
    holders: Mapping[str, Holding] = field(default_factory=lambda: MappingProxyType({}))
    waiting: str | None = None
    """Set while tasks wait for the pool: a text that changes with each waiter, so that it can be cleared
    without losing one that came meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiter:
    """A task instance that waits for slots; the highest weight comes first, then the longest wait."""

    pool: str
    priority_weight: int
    since: datetime
    slots: int
    dag_id: str
    execution_date: datetime
    run_uid: str
    task_id: str
    map_index: int
    try_number: int

    @property
    def key(self) -> str:
        """Sort key: inverted priority, then time, then who."""
        inverted = 10**10 - self.priority_weight
        since = self.since.isoformat(timespec="microseconds")
        return f"{inverted:011d}#{since}#{self.run_uid}#{self.task_id}#{self.map_index}"


def shard_capacities(slots: int) -> tuple[int, ...]:
    """Slots of each shard. ``slots`` below 1 (closed, or no limit) is one shard without slots."""
    if slots < 1:
        return (0,)
    count = min(-(-slots // SHARD_SLOTS), MAX_SHARDS)
    base, extra = divmod(slots, count)
    return tuple(base + (number < extra) for number in range(count))


def preferred_shard(holder: str, count: int) -> int:
    """The shard a holder tries first; spreads holders evenly and is the same at every attempt."""
    # A plain checksum: hash() differs from process to process.
    return sum(holder.encode()[-24:]) % count


def held_parts(shards: Iterable[PoolShard], holder: str) -> Parts:
    """The slots that a holder has by now."""
    return tuple((shard.number, shard.holders[holder].slots) for shard in shards if holder in shard.holders)


def plan_take(shards: Iterable[PoolShard], slots: int) -> Parts | None:
    """Which shards to take slots from: one if one has enough, else as few as do; None if they lack."""
    by_room = sorted(shards, key=lambda shard: shard.free, reverse=True)
    fitting = [shard for shard in by_room if shard.free >= slots]
    if fitting:
        return ((fitting[-1].number, slots),)
    parts: list[tuple[int, int]] = []
    missing = slots
    for shard in by_room:
        if shard.free < 1 or missing < 1:
            break
        parts.append((shard.number, min(shard.free, missing)))
        missing -= parts[-1][1]
    return tuple(parts) if missing < 1 else None
