"""What ``engine.ports.store.Pools`` promises, over each store."""

from dataclasses import replace

import pytest

from chalicelib.domain.slots.pools import Holding, Pool, PoolShard, shard_capacities
from chalicelib.engine.ports.store import Store
from tests.scripted.examples import HOUR, NOON, SECOND, a_pool, a_waiter


def test_an_unknown_pool_has_nothing(store: Store) -> None:
    assert store.pools.get("gpu") is None
    assert store.pools.shards("gpu") == []
    assert store.pools.delete("gpu") is None
    assert not store.pools.take("gpu", "a", ((0, 1),), NOON)
    assert not store.pools.give("gpu", "a", ((0, 1),))
    assert not store.pools.swap("gpu", 0, "a", "b", 1, NOON)


@pytest.mark.parametrize("slots", [-1, 0, 1, 16, 17, 128, 2000])
def test_a_new_pool_is_kept_in_empty_shards(store: Store, slots: int) -> None:
    pool = a_pool(slots=slots, include_deferred=True)
    assert store.pools.save(pool) == pool
    assert store.pools.get("gpu") == pool
    assert store.pools.shards("gpu") == [
        PoolShard(name="gpu", number=number, capacity=capacity, free=capacity)
        for number, capacity in enumerate(shard_capacities(slots))
    ]


def test_saving_a_known_pool_changes_all_but_its_id(store: Store) -> None:
    store.pools.save(a_pool(id=7))
    changed = store.pools.save(a_pool(slots=3, description=None, include_deferred=True, id=8))
    assert changed == Pool(name="gpu", slots=3, description=None, include_deferred=True, id=7)
    assert store.pools.get("gpu") == changed
    assert store.pools.save(a_pool(slots=3, description=None, include_deferred=True, id=9)) == changed


def test_pools_and_all_their_shards_are_listed(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.save(a_pool("cpu", slots=-1, description=None))
    assert sorted(pool.name for pool in store.pools.list()) == ["cpu", "gpu"]
    shards = sorted((shard.name, shard.number) for shard in store.pools.all_shards())
    assert shards == [("cpu", 0), ("gpu", 0), ("gpu", 1), ("gpu", 2)]


def test_deleting_a_pool_takes_its_shards_along(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((2, 5),), NOON)
    assert store.pools.delete("gpu") == a_pool(slots=40)
    assert store.pools.get("gpu") is None
    assert [*store.pools.all_shards()] == []
    assert store.pools.save(a_pool(id=9)).id == 9


def test_taken_slots_are_held_since_then(store: Store) -> None:
    store.pools.save(a_pool())
    assert store.pools.take("gpu", "01RUN/t.x#-1/1", ((0, 5),), NOON)
    assert store.pools.shards("gpu") == [
        PoolShard(
            name="gpu",
            number=0,
            capacity=16,
            free=11,
            holders={"01RUN/t.x#-1/1": Holding(slots=5, since=NOON)},
        )
    ]


def test_taking_again_takes_nothing_more(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    for _ in range(2):
        assert store.pools.take("gpu", "a", ((0, 5),), NOON)
        assert store.pools.take("gpu", "b", ((1, 5), (2, 4)), NOON)
    assert _free(store) == [9, 8, 9]


def test_what_a_holder_has_from_before_is_not_taken_again_for_it_may_be_dropped(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((0, 5),), NOON)
    store.pools.take("gpu", "b", ((1, 5), (2, 4)), NOON)
    assert not store.pools.take("gpu", "a", ((0, 5),), NOON + HOUR)
    assert not store.pools.take("gpu", "b", ((1, 5), (2, 4)), NOON + HOUR)
    assert _free(store) == [9, 8, 9]


def test_a_holder_of_other_parts_takes_nothing(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((0, 5),), NOON)
    assert not store.pools.take("gpu", "a", ((0, 4),), NOON)
    assert not store.pools.take("gpu", "a", ((0, 5), (1, 1)), NOON)
    assert _free(store) == [9, 13, 13]


def test_more_than_there_is_cannot_be_taken(store: Store) -> None:
    store.pools.save(a_pool(slots=20))
    assert not store.pools.take("gpu", "a", ((0, 11),), NOON)
    assert not store.pools.take("gpu", "a", ((0, 10), (1, 11)), NOON)
    assert not store.pools.take("gpu", "a", ((0, 1), (2, 1)), NOON), "there is no shard 2"
    assert _free(store) == [10, 10]
    assert store.pools.take("gpu", "a", ((0, 10), (1, 10)), NOON)
    assert _free(store) == [0, 0]


def test_given_slots_are_free_again(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((0, 3), (1, 4)), NOON)
    assert not store.pools.give("gpu", "a", ((0, 3), (1, 4)))
    assert not store.pools.give("gpu", "a", ((0, 3), (1, 4))), "again gives nothing more"
    assert _free(store) == [14, 13, 13]
    assert all(not shard.holders for shard in store.pools.shards("gpu"))


def test_only_what_is_held_is_given(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((0, 3),), NOON)
    assert not store.pools.give("gpu", "a", ((0, 2), (1, 3), (9, 1)))
    assert not store.pools.give("gpu", "b", ((0, 3),))
    assert _free(store) == [11, 13, 13]


def test_giving_tells_whether_tasks_wait(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((1, 3),), NOON)
    store.pools.add_waiter(a_waiter())
    assert store.pools.give("gpu", "a", ((1, 3),))
    assert store.pools.give("gpu", "a", ((1, 3),)), "again answers the same"


def test_slots_are_handed_on(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.take("gpu", "a", ((0, 3),), NOON)
    assert store.pools.swap("gpu", 0, "a", "b", 3, NOON + SECOND)
    assert store.pools.swap("gpu", 0, "a", "b", 3, NOON + SECOND), "again answers the same"
    assert not store.pools.swap("gpu", 0, "a", "b", 3, NOON + HOUR), "b has them from before"
    (shard,) = store.pools.shards("gpu")
    assert shard.free == 13
    assert shard.holders == {"b": Holding(slots=3, since=NOON + SECOND)}


def test_slots_are_not_handed_on_past_those_who_wait(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.take("gpu", "a", ((0, 3),), NOON)
    store.pools.add_waiter(a_waiter())
    assert not store.pools.swap("gpu", 0, "a", "b", 3, NOON)


def test_slots_are_not_handed_on_when_the_pool_has_become_too_small(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.take("gpu", "a", ((0, 3),), NOON)
    store.pools.save(a_pool(slots=2))
    assert not store.pools.swap("gpu", 0, "a", "b", 3, NOON)
    assert store.pools.swap("gpu", 0, "a", "b", 3, NOON) is False
    store.pools.save(a_pool(slots=3))
    assert store.pools.swap("gpu", 0, "a", "b", 3, NOON)


def test_only_exactly_what_is_held_is_handed_on(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.take("gpu", "a", ((0, 3),), NOON)
    store.pools.take("gpu", "b", ((0, 2),), NOON)
    assert not store.pools.swap("gpu", 0, "a", "c", 2, NOON)
    assert not store.pools.swap("gpu", 0, "x", "c", 3, NOON)
    assert not store.pools.swap("gpu", 0, "a", "b", 3, NOON), "b holds some by itself"
    assert not store.pools.swap("gpu", 1, "a", "c", 3, NOON)
    (shard,) = store.pools.shards("gpu")
    assert {name: holding.slots for name, holding in shard.holders.items()} == {"a": 3, "b": 2}


def test_a_pool_can_grow_while_slots_are_held(store: Store) -> None:
    store.pools.save(a_pool(slots=10))
    store.pools.take("gpu", "a", ((0, 4),), NOON)
    store.pools.save(a_pool(slots=40))
    assert _free(store) == [10, 13, 13]


def test_a_pool_can_shrink_below_what_is_held(store: Store) -> None:
    store.pools.save(a_pool(slots=48))
    store.pools.take("gpu", "a", ((0, 10),), NOON)
    store.pools.take("gpu", "b", ((2, 16),), NOON)

    store.pools.save(a_pool(slots=4))

    shards = {shard.number: (shard.capacity, shard.free) for shard in store.pools.shards("gpu")}
    assert shards == {0: (4, -6), 2: (0, -16)}, "a shard that nobody holds slots of is gone"
    assert not store.pools.take("gpu", "c", ((0, 1),), NOON)

    store.pools.give("gpu", "b", ((2, 16),))
    store.pools.give("gpu", "a", ((0, 10),))
    assert [(shard.number, shard.free) for shard in store.pools.shards("gpu")] == [(0, 4), (2, 0)]
    store.pools.save(a_pool(slots=5))
    assert [(shard.number, shard.free) for shard in store.pools.shards("gpu")] == [(0, 5)]


def test_closing_and_opening_a_pool_keeps_count(store: Store) -> None:
    store.pools.save(a_pool(slots=16))
    store.pools.take("gpu", "a", ((0, 4),), NOON)
    store.pools.save(a_pool(slots=0))
    assert _free(store) == [-4]
    store.pools.save(a_pool(slots=-1))
    assert _free(store) == [-4]
    store.pools.give("gpu", "a", ((0, 4),))
    store.pools.save(a_pool(slots=16))
    assert _free(store) == [16]


def test_waiters_come_by_weight_then_by_time(store: Store) -> None:
    light = a_waiter("light", priority_weight=-5)
    early = a_waiter("early", priority_weight=3)
    late = a_waiter("late", priority_weight=3, since=NOON + SECOND)
    heavy = a_waiter("heavy", priority_weight=100, since=NOON + HOUR)
    for waiter in (light, late, heavy, early, a_waiter("other", pool="cpu")):
        store.pools.add_waiter(waiter)
    assert store.pools.waiters("gpu", 10) == [heavy, early, late, light]
    assert store.pools.waiters("gpu", 2) == [heavy, early]

    store.pools.remove_waiter(heavy)
    store.pools.remove_waiter(heavy)
    store.pools.add_waiter(early)
    assert store.pools.waiters("gpu", 10) == [early, late, light]


def test_a_waiter_marks_every_shard(store: Store) -> None:
    store.pools.save(a_pool(slots=40))
    assert [shard.waiting for shard in store.pools.shards("gpu")] == [None] * 3
    store.pools.add_waiter(a_waiter())
    assert all(shard.waiting for shard in store.pools.shards("gpu"))


def test_new_shards_are_waited_for_as_the_others(store: Store) -> None:
    store.pools.save(a_pool(slots=1))
    store.pools.add_waiter(a_waiter())
    store.pools.save(a_pool(slots=40))
    assert all(shard.waiting for shard in store.pools.shards("gpu"))


def test_a_mark_is_cleared_unless_a_waiter_came_since(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.add_waiter(a_waiter("a"))
    (seen,) = store.pools.shards("gpu")
    store.pools.add_waiter(a_waiter("a"))
    store.pools.clear_waiting(seen)
    (shard,) = store.pools.shards("gpu")
    assert shard.waiting

    store.pools.clear_waiting(shard)
    store.pools.clear_waiting(shard)
    (cleared,) = store.pools.shards("gpu")
    assert cleared.waiting is None


def test_an_old_look_never_clears_a_mark(store: Store) -> None:
    store.pools.save(a_pool())
    (unmarked,) = store.pools.shards("gpu")
    store.pools.add_waiter(a_waiter())
    store.pools.clear_waiting(unmarked)
    store.pools.clear_waiting(replace(unmarked, name="nothing", waiting="mark"))
    (shard,) = store.pools.shards("gpu")
    assert shard.waiting


def test_the_slots_of_a_lost_holder_are_freed(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.take("gpu", "a", ((0, 5),), NOON)
    (seen,) = store.pools.shards("gpu")
    assert not store.pools.drop_holder(seen, "a")
    assert not store.pools.drop_holder(seen, "a"), "again frees nothing more"
    assert not store.pools.drop_holder(seen, "b")
    assert _free(store) == [16]


def test_a_holder_that_took_anew_is_not_dropped(store: Store) -> None:
    store.pools.save(a_pool())
    store.pools.take("gpu", "a", ((0, 5),), NOON)
    (seen,) = store.pools.shards("gpu")
    store.pools.give("gpu", "a", ((0, 5),))
    store.pools.take("gpu", "a", ((0, 5),), NOON + SECOND)
    store.pools.add_waiter(a_waiter())
    assert store.pools.drop_holder(seen, "a"), "tells that tasks wait"
    assert _free(store) == [11]


def _free(store: Store) -> list[int]:
    return [shard.free for shard in store.pools.shards("gpu")]
