"""The shards of a pool after its slots have changed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chalicelib.domain.slots.pools import PoolShard, shard_capacities


@dataclass(frozen=True, kw_only=True, slots=True)
class Resizing:
    """Shards by what is to be done; ``changed`` pairs a shard as it is with its new capacity."""

    added: tuple[PoolShard, ...] = ()
    changed: tuple[tuple[PoolShard, int], ...] = ()
    removed: tuple[PoolShard, ...] = ()


def resizing(name: str, slots: int, shards: Iterable[PoolShard]) -> Resizing:
    """Plan the shards of a pool of that many slots.

    A shard that is no longer needed goes once nobody holds slots of it; until then its capacity is 0.
    New shards are waited for as the others are. Shard 0 always stays.
    """
    existing = {shard.number: shard for shard in shards}
    wanted = dict(enumerate(shard_capacities(slots)))
    waiting = next((shard.waiting for shard in existing.values() if shard.waiting), None)
    removed = tuple(shard for shard in existing.values() if shard.number not in wanted and not shard.holders)
    kept = (shard for shard in existing.values() if shard not in removed)
    changes = ((shard, wanted.get(shard.number, 0)) for shard in kept)
    return Resizing(
        added=tuple(
            PoolShard(name=name, number=number, capacity=capacity, free=capacity, waiting=waiting)
            for number, capacity in wanted.items()
            if number not in existing
        ),
        changed=tuple((shard, capacity) for shard, capacity in changes if shard.capacity != capacity),
        removed=removed,
    )


def resized(shard: PoolShard, capacity: int) -> PoolShard:
    """The shard with another capacity; what is held stays held."""
    return replace(shard, capacity=capacity, free=shard.free + capacity - shard.capacity)
