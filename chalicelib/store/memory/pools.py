"""Pools: their shards, holders and waiters."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from threading import RLock

from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.slots.pools import Holding, Parts, Pool, PoolShard, Waiter
from chalicelib.store.memory.kept_answers import MemoryKeptAnswers
from chalicelib.store.pool_resizing import resized, resizing


class MemoryPools:
    """Implements ``engine.ports.store.Pools``."""

    def __init__(self, lock: RLock, kept_answers: MemoryKeptAnswers) -> None:
        self._lock = lock
        self._kept_answers = kept_answers
        self._pools: dict[str, Pool] = {}
        self._shards: defaultdict[str, dict[int, PoolShard]] = defaultdict(dict)
        self._waiters: defaultdict[str, dict[str, Waiter]] = defaultdict(dict)
        self._flags = count(1)

    def get(self, name: str) -> Pool | None:
        return self._pools.get(name)

    def list(self) -> Iterator[Pool]:
        with self._lock:
            return iter([*self._pools.values()])

    def save(self, pool: Pool) -> Pool:
        with self._lock:
            known = self._pools.get(pool.name)
            saved = replace(pool, id=known.id) if known else pool
            shards = self._shards[pool.name]
            plan = resizing(pool.name, pool.slots, shards.values())
            shards.update({shard.number: shard for shard in plan.added})
            shards.update({shard.number: resized(shard, capacity) for shard, capacity in plan.changed})
            for shard in plan.removed:
                del shards[shard.number]
            self._pools[pool.name] = saved
            return saved

    def save_once(self, pool: Pool, keep: Callable[[Pool], KeptAnswer]) -> Pool | None:
        with self._lock:
            known = self._pools.get(pool.name)
            becoming = replace(pool, id=known.id) if known else pool
            return self.save(becoming) if self._kept_answers.keep(keep(becoming)) else None

    def delete(self, name: str) -> Pool | None:
        with self._lock:
            self._shards.pop(name, None)
            return self._pools.pop(name, None)

    def shards(self, name: str) -> Sequence[PoolShard]:
        with self._lock:
            return [shard for _, shard in sorted(self._shards[name].items())]

    def all_shards(self) -> Iterator[PoolShard]:
        with self._lock:
            return iter([shard for shards in self._shards.values() for shard in shards.values()])

    def take(self, name: str, holder: str, parts: Parts, now: datetime, *, in_turn: bool = False) -> bool:
        with self._lock:
            shards = self._shards[name]
            if all(_has_taken(shards.get(number), holder, slots, now) for number, slots in parts):
                return True
            if not all(_has_room(shards.get(number), holder, slots) for number, slots in parts):
                return False
            if in_turn and any(_is_waited_for(shards.get(number)) for number, _ in parts):
                return False
            for number, slots in parts:
                self._put(_taken(shards[number], holder, slots, now))
            return True

    def give(self, name: str, holder: str, parts: Parts) -> bool:
        with self._lock:
            waited_for = False
            for number, slots in parts:
                shard = self._shards[name].get(number)
                if shard and _holds(shard, holder, slots):
                    self._put(_given(shard, holder))
                waited_for = waited_for or _is_waited_for(shard)
            return waited_for

    def swap(self, name: str, shard: int, leaving: str, entering: str, slots: int, now: datetime) -> bool:
        with self._lock:
            item = self._shards[name].get(shard)
            if item is None:
                return False
            if not _holds(item, leaving, slots):
                return leaving not in item.holders and _has_taken(item, entering, slots, now)
            if entering in item.holders or item.free < 0 or item.waiting:
                return False
            self._put(_taken(_given(item, leaving), entering, slots, now))
            return True

    def add_waiter(self, waiter: Waiter) -> None:
        with self._lock:
            self._waiters[waiter.pool][waiter.key] = waiter
            flag = str(next(self._flags))
            for shard in self.shards(waiter.pool):
                self._put(replace(shard, waiting=flag))

    def waiters(self, name: str, limit: int) -> Sequence[Waiter]:
        with self._lock:
            return [waiter for _, waiter in sorted(self._waiters[name].items(), key=_key)[:limit]]

    def remove_waiter(self, waiter: Waiter) -> None:
        with self._lock:
            self._waiters[waiter.pool].pop(waiter.key, None)

    def clear_waiting(self, shard: PoolShard) -> None:
        with self._lock:
            item = self._shards[shard.name].get(shard.number)
            if item and item.waiting == shard.waiting:
                self._put(replace(item, waiting=None))

    def drop_holder(self, shard: PoolShard, holder: str) -> bool:
        with self._lock:
            holding = shard.holders.get(holder)
            if holding is None:
                return shard.waiting is not None
            item = self._shards[shard.name].get(shard.number)
            if item and item.holders.get(holder) == holding:
                self._put(_given(item, holder))
            return _is_waited_for(item)

    def _put(self, shard: PoolShard) -> None:
        self._shards[shard.name][shard.number] = shard


def _holds(shard: PoolShard | None, holder: str, slots: int) -> bool:
    return shard is not None and holder in shard.holders and shard.holders[holder].slots == slots


def _has_taken(shard: PoolShard | None, holder: str, slots: int, since: datetime) -> bool:
    return shard is not None and shard.holders.get(holder) == Holding(slots=slots, since=since)


def _has_room(shard: PoolShard | None, holder: str, slots: int) -> bool:
    return shard is not None and holder not in shard.holders and shard.free >= slots


def _is_waited_for(shard: PoolShard | None) -> bool:
    return shard is not None and shard.waiting is not None


def _taken(shard: PoolShard, holder: str, slots: int, now: datetime) -> PoolShard:
    holders = {**shard.holders, holder: Holding(slots=slots, since=now)}
    return replace(shard, free=shard.free - slots, holders=holders)


def _given(shard: PoolShard, holder: str) -> PoolShard:
    holders = {name: holding for name, holding in shard.holders.items() if name != holder}
    return replace(shard, free=shard.free + shard.holders[holder].slots, holders=holders)


def _key(entry: tuple[str, object]) -> str:
    return entry[0]
