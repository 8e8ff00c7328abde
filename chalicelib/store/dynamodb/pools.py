"""Pools: their shards, holders and waiters."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.slots.pools import Holding, Parts, Pool, PoolShard, Waiter
from chalicelib.store.dynamodb.attributes import holding_value
from chalicelib.store.dynamodb.connection import DynamoDB, Refusal, Request
from chalicelib.store.dynamodb.kept_answers import is_standing, keeping
from chalicelib.store.dynamodb.models import PoolShardItem, PoolWaiterItem
from chalicelib.store.dynamodb.table import transact
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.pool_resizing import Resizing, resizing

_ROUNDS = 40
"""Attempts at a change of a whole pool while others change it too; each round, one of them gets through."""


class DynamoPools:
    """Implements ``engine.ports.store.Pools``.

    ``free`` and ``holders`` of a shard change in the same update, so that each can be told from the
    other. What changes the set of shards is conditional on shard 0's ``revision`` as read, and counts
    it up.
    """

    def __init__(self, dynamodb: DynamoDB, tables: Tables) -> None:
        self._dynamodb = dynamodb
        self._shards = tables.pools
        self._waiters = tables.pool_waiters
        self._kept_answers = tables.kept_answers

    def get(self, name: str) -> Pool | None:
        item = self._shards.get(name, 0)
        return _as_pool(item) if item else None

    def list(self) -> Iterator[Pool]:
        return map(_as_pool, self._shards.scan(PoolShardItem.shard == 0))

    def save(self, pool: Pool) -> Pool:
        """1 request when nothing changes, else 2, and 2 more when others change it too."""
        for _ in range(_ROUNDS):
            saved, writes = self._saving(pool)
            if not writes or not transact(self._dynamodb, writes):
                return saved
        raise StoreUnavailable(f"pool {pool.name} is changed by others all the time")

    def save_once(self, pool: Pool, keep: Callable[[Pool], KeptAnswer]) -> Pool | None:
        """2 requests, and 2 more when others change the pool too."""
        for _ in range(_ROUNDS):
            saved, writes = self._saving(pool)
            kept = keep(saved)
            refusals = transact(self._dynamodb, [*writes, keeping(self._kept_answers, kept)])
            if not refusals:
                return saved
            *_, of_the_key = refusals
            if of_the_key.failed:
                # Ours stands after a request whose reply was lost.
                return saved if is_standing(self._kept_answers, of_the_key, kept) else None
        raise StoreUnavailable(f"pool {pool.name} is changed by others all the time")

    def _saving(self, pool: Pool) -> tuple[Pool, Sequence[Request]]:
        """What a pool becomes when it is saved, and the writes that make it so; 1 request."""
        items = self._items(pool.name)
        saved = replace(pool, id=items[0].id) if items else pool
        return saved, self._resize(saved, items) if items else self._create(saved)

    def delete(self, name: str) -> Pool | None:
        """2 requests, and 2 more when others change it too."""
        found: Pool | None = None
        for _ in range(_ROUNDS):
            items = self._items(name)
            if not items:
                # Gone since it was found: by the request whose reply was lost, or by another caller's.
                return found
            found = _as_pool(items[0])
            conditions = [_is_unchanged(items[0]), *(None for _ in items[1:])]
            writes = [
                {"Delete": self._shards.delete_request((name, item.shard), condition)}
                for item, condition in zip(items, conditions, strict=True)
            ]
            if not transact(self._dynamodb, writes):
                return found
        raise StoreUnavailable(f"pool {name} is changed by others all the time")

    def shards(self, name: str) -> Sequence[PoolShard]:
        return [_as_shard(item) for item in self._items(name)]

    def all_shards(self) -> Iterator[PoolShard]:
        """1 request per MB."""
        return map(_as_shard, self._shards.scan())

    def take(self, name: str, holder: str, parts: Parts, now: datetime, *, in_turn: bool = False) -> bool:
        if len(parts) == 1:
            ((shard, slots),) = parts
            taking = _taking(holder, slots, now, in_turn=in_turn)
            written = self._shards.update((name, shard), *taking)
            return written.applied or _holds(written.item, holder, slots, now)
        writes = [
            {
                "Update": self._shards.update_request(
                    (name, shard), *_taking(holder, slots, now, in_turn=in_turn)
                )
            }
            for shard, slots in parts
        ]
        refusals = transact(self._dynamodb, writes) if writes else ()
        return all(
            self._shows_part(refusal, holder, slots, now)
            for refusal, (_, slots) in zip(refusals, parts, strict=False)
        )

    def give(self, name: str, holder: str, parts: Parts) -> bool:
        waited_for = False
        for shard, slots in parts:
            written = self._shards.update(
                (name, shard), _giving(holder, slots), Path(["holders", holder, "slots"]) == slots
            )
            waited_for = waited_for or _is_waited_for(written.item)
        return waited_for

    def swap(self, name: str, shard: int, leaving: str, entering: str, slots: int, now: datetime) -> bool:
        condition = (
            (Path(["holders", leaving, "slots"]) == slots)
            & Path(["holders", entering]).does_not_exist()
            & (PoolShardItem.free >= 0)
            & PoolShardItem.waiting.does_not_exist()
        )
        actions = [_enter(entering, slots, now), Path(["holders", leaving]).remove()]
        written = self._shards.update((name, shard), actions, condition)
        if written.applied or written.item is None:
            return written.applied
        # As after a swap whose reply was lost.
        return leaving not in written.item.holders and _holds(written.item, entering, slots, now)

    def add_waiter(self, waiter: Waiter) -> None:
        """2 requests, and 1 per shard; more when the pool is resized meanwhile."""
        self._waiters.put(_waiter_item(waiter))
        flag = uuid4().hex
        for _ in range(_ROUNDS):
            items = self._items(waiter.pool)
            # Shard 0 first: once it is flagged at the revision that was read, a resizing that does not
            # know of the flag is refused, and one that does hands it on to new shards.
            flagged = [self._flag(item, flag) for item in items]
            if not items or (flagged[0] and flagged[0].revision == items[0].revision):
                return
        raise StoreUnavailable(f"pool {waiter.pool} is changed by others all the time")

    def _flag(self, item: PoolShardItem, flag: str) -> PoolShardItem | None:
        actions = [PoolShardItem.waiting.set(flag)]
        return self._shards.update((item.name, item.shard), actions, PoolShardItem.name.exists()).item

    def waiters(self, name: str, limit: int) -> Sequence[Waiter]:
        return [_as_waiter(item) for item in self._waiters.query(PoolWaiterItem.name == name, limit=limit)]

    def remove_waiter(self, waiter: Waiter) -> None:
        self._waiters.delete((waiter.pool, waiter.key))

    def clear_waiting(self, shard: PoolShard) -> None:
        """1 request, 0 if the shard was not flagged."""
        if shard.waiting is None:
            return
        is_same = PoolShardItem.waiting == shard.waiting
        self._shards.update((shard.name, shard.number), [PoolShardItem.waiting.remove()], is_same)

    def drop_holder(self, shard: PoolShard, holder: str) -> bool:
        """1 request, 0 if the shard did not show the holder."""
        holding = shard.holders.get(holder)
        if holding is None:
            return shard.waiting is not None
        condition = Path(["holders", holder]) == holding_value(holding)
        written = self._shards.update((shard.name, shard.number), _giving(holder, holding.slots), condition)
        return _is_waited_for(written.item)

    def _items(self, name: str) -> Sequence[PoolShardItem]:
        """The shards by number; empty, or shard 0 comes first."""
        return [*self._shards.query(PoolShardItem.name == name)]

    def _create(self, pool: Pool) -> Sequence[Request]:
        plan = resizing(pool.name, pool.slots, ())
        writes = []
        for shard in plan.added:
            item = _shard_item(shard)
            if shard.number == 0:
                item.id, item.slots, item.revision = pool.id, pool.slots, 0
                item.description, item.include_deferred = pool.description, pool.include_deferred
            writes.append({"Put": self._shards.put_request(item, PoolShardItem.name.does_not_exist())})
        return writes

    def _resize(self, pool: Pool, items: Sequence[PoolShardItem]) -> Sequence[Request]:
        plan = resizing(pool.name, pool.slots, map(_as_shard, items))
        if plan == Resizing() and pool == _as_pool(items[0]):
            return ()
        grown = {shard.number: capacity - shard.capacity for shard, capacity in plan.changed}
        first = [*_grow(grown.pop(0, 0)), *_describe(pool), PoolShardItem.revision.add(1)]
        table = self._shards
        return [
            {"Update": table.update_request((pool.name, 0), first, _is_unchanged(items[0]))},
            *(
                {"Update": table.update_request((pool.name, number), _grow(slots))}
                for number, slots in grown.items()
            ),
            *({"Put": table.put_request(_shard_item(shard))} for shard in plan.added),
            *(
                {"Delete": table.delete_request((pool.name, shard.number), _IS_EMPTY)}
                for shard in plan.removed
            ),
        ]

    def _shows_part(self, refusal: Refusal, holder: str, slots: int, since: datetime) -> bool:
        return refusal.failed and _holds(self._shards.read(refusal.item), holder, slots, since)


_IS_EMPTY = PoolShardItem.holders == {}


def _is_unchanged(first: PoolShardItem) -> Condition:
    """Whether the set of shards is as it was read with this shard 0, and waited for as then."""
    waiting = PoolShardItem.waiting
    same_waiting = waiting.does_not_exist() if first.waiting is None else waiting == first.waiting
    same_pool = (PoolShardItem.id == first.id) & (PoolShardItem.revision == first.revision)
    condition: Condition = same_pool & same_waiting
    return condition


def _taking(holder: str, slots: int, now: datetime, *, in_turn: bool) -> tuple[list[Action], Condition]:
    has_room = (PoolShardItem.free >= slots) & Path(["holders", holder]).does_not_exist()
    if in_turn:
        has_room &= PoolShardItem.waiting.does_not_exist()
    return [_enter(holder, slots, now), PoolShardItem.free.add(-slots)], has_room


def _giving(holder: str, slots: int) -> list[Action]:
    return [Path(["holders", holder]).remove(), PoolShardItem.free.add(slots)]


def _enter(holder: str, slots: int, now: datetime) -> Action:
    return Path(["holders", holder]).set(holding_value(Holding(slots=slots, since=now)))


def _grow(slots: int) -> list[Action]:
    return [PoolShardItem.capacity.add(slots), PoolShardItem.free.add(slots)]


def _describe(pool: Pool) -> list[Action]:
    description = PoolShardItem.description
    return [
        PoolShardItem.slots.set(pool.slots),
        description.remove() if pool.description is None else description.set(pool.description),
        PoolShardItem.include_deferred.set(pool.include_deferred),
    ]


def _holds(item: PoolShardItem | None, holder: str, slots: int, since: datetime) -> bool:
    """Whether the holder has these slots since that instant: by this call, whose reply was lost."""
    return item is not None and item.holders.get(holder) == Holding(slots=slots, since=since)


def _is_waited_for(item: PoolShardItem | None) -> bool:
    return item is not None and item.waiting is not None


def _shard_item(shard: PoolShard) -> PoolShardItem:
    return PoolShardItem(
        shard.name,
        shard.number,
        capacity=shard.capacity,
        free=shard.free,
        holders=shard.holders,
        waiting=shard.waiting,
    )


def _as_shard(item: PoolShardItem) -> PoolShard:
    return PoolShard(
        name=item.name,
        number=item.shard,
        capacity=item.capacity,
        free=item.free,
        holders=item.holders,
        waiting=item.waiting,
    )


def _as_pool(item: PoolShardItem) -> Pool:
    return Pool(
        name=item.name,
        slots=item.slots,
        description=item.description,
        id=item.id,
        include_deferred=item.include_deferred,
    )


def _waiter_item(waiter: Waiter) -> PoolWaiterItem:
    return PoolWaiterItem(
        waiter.pool,
        waiter.key,
        priority_weight=waiter.priority_weight,
        since=waiter.since,
        slots=waiter.slots,
        dag_id=waiter.dag_id,
        execution_date=waiter.execution_date,
        run_uid=waiter.run_uid,
        task_id=waiter.task_id,
        map_index=waiter.map_index,
        try_number=waiter.try_number,
    )


def _as_waiter(item: PoolWaiterItem) -> Waiter:
    return Waiter(
        pool=item.name,
        priority_weight=item.priority_weight,
        since=item.since,
        slots=item.slots,
        dag_id=item.dag_id,
        execution_date=item.execution_date,
        run_uid=item.run_uid,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
    )
