"""How slots are spread over shards, and planned to be taken."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.slots.pools import (
    MAX_SHARDS,
    PoolShard,
    Waiter,
    plan_take,
    preferred_shard,
    shard_capacities,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slots", "capacities"),
    [(-5, (0,)), (-1, (0,)), (0, (0,)), (1, (1,)), (16, (16,)), (17, (9, 8)), (128, (16,) * 8)],
)
def test_slots_are_spread_evenly_over_shards(slots: int, capacities: tuple[int, ...]) -> None:
    assert shard_capacities(slots) == capacities


@given(st.integers(1, 2**31 - 1))
def test_no_slot_is_lost_and_one_transaction_can_resize_all_shards(slots: int) -> None:
    capacities = shard_capacities(slots)
    assert sum(capacities) == slots
    assert len(capacities) <= MAX_SHARDS


@given(st.lists(st.integers(-3, 16), min_size=1, max_size=10), st.integers(1, 40))
def test_a_plan_takes_exactly_what_is_asked_for_and_only_what_is_free(free: list[int], slots: int) -> None:
    shards = [PoolShard(name="p", number=n, capacity=16, free=room) for n, room in enumerate(free)]
    parts = plan_take(shards, slots)
    room = sum(max(0, one) for one in free)
    if parts is None:
        assert room < slots
        return
    assert sum(taken for _, taken in parts) == slots
    assert all(0 < taken <= free[number] for number, taken in parts)
    assert len(parts) == 1 or all(one < slots for one in free)


def test_holders_spread_over_the_shards() -> None:
    used = {preferred_shard(f"01JD{n:022d}/task#-1/1", 8) for n in range(100)}
    assert used == set(range(8))


def waiter(priority_weight: int, minute: int) -> Waiter:
    return Waiter(
        pool="p",
        priority_weight=priority_weight,
        since=NOW.replace(minute=minute),
        slots=1,
        dag_id="d",
        execution_date=NOW,
        run_uid="uid",
        task_id="t",
        map_index=-1,
        try_number=1,
    )


def test_waiters_sort_by_priority_then_by_the_longest_wait() -> None:
    waiters = [waiter(1, 0), waiter(100, 5), waiter(100, 1), waiter(-3, 0), waiter(20, 0)]
    ordered = sorted(waiters, key=lambda one: one.key)
    assert [(one.priority_weight, one.since.minute) for one in ordered] == [
        (100, 1),
        (100, 5),
        (20, 0),
        (1, 0),
        (-3, 0),
    ]
