"""Where threads meet: over the emulator, which (unlike moto) keeps transactions whole among threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import TypeVar

from chalicelib.auth.logins import BETWEEN_CHECKS, CHECKS_AT_ONCE, Login
from chalicelib.domain.runs.dag_runs import DagRunChange
from chalicelib.domain.slots.pools import PoolShard
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.task_instances import Expected, TaskInstanceChange
from chalicelib.store.dynamodb import DynamoStore
from tests.scripted.examples import (
    HOUR,
    NOON,
    SECOND,
    a_dag,
    a_kept_answer,
    a_pool,
    a_run,
    a_waiter,
)

THREADS = 16

T = TypeVar("T")


def test_takers_never_get_more_slots_than_there_are(emulated: DynamoStore) -> None:
    emulated.pools.save(a_pool(slots=20))

    def take_what_fits(number: int) -> int:
        parts = (((number % 2, 2),), ((0, 1), (1, 1)))[number % 3 == 0]
        taken = [emulated.pools.take("gpu", f"{number}/{n}", parts, NOON) for n in range(4)]
        return 2 * sum(taken)

    granted = sum(_together(take_what_fits))

    shards = emulated.pools.shards("gpu")
    assert granted == sum(map(_held, shards)) <= 20
    assert all(shard.free == shard.capacity - _held(shard) >= 0 for shard in shards)


def test_of_checks_that_begin_in_one_moment_no_more_begin_than_there_are(emulated: DynamoStore) -> None:
    """By processes that have all read the login before the first of them writes."""
    for now in (NOON, NOON + HOUR):  # of a name that nobody gave, and of one that rested
        seen = emulated.users.for_login("ada")[1]

        def begin(_number: int, seen: Login = seen, now: datetime = now) -> int:
            return sum(emulated.users.begin_check("ada", seen, now)[0] for _ in range(3))

        assert sum(_together(begin)) == CHECKS_AT_ONCE
        login = emulated.users.for_login("ada")[1]
        assert login.busy_until == now + CHECKS_AT_ONCE * BETWEEN_CHECKS


def test_processes_that_need_the_key_at_once_have_the_same(emulated: DynamoStore) -> None:
    assert len(set(_together(lambda _number: emulated.proof_key.read()))) == 1


def test_a_run_that_many_clear_at_once_is_put_back_once(emulated: DynamoStore) -> None:
    run = a_run(state=DagRunState.FAILED)
    emulated.dag_runs.create(run, NOON)
    emulated.dag_runs.remove_unfinished(run.ref)

    def put_back(number: int) -> bool:
        change: DagRunChange = {"state": DagRunState.QUEUED, "clear_number": 1, "fence": number + 1}
        return emulated.dag_runs.requeue(run, change, NOON)

    answers = _together(put_back)

    assert answers.count(True) == 1
    standing = emulated.dag_runs.get("sales", NOON)
    assert standing is not None
    assert standing.fence == answers.index(True) + 1
    assert len([*emulated.dag_runs.unfinished("sales")]) == 1


def test_slots_that_come_and_go_add_up_while_the_pool_changes(emulated: DynamoStore) -> None:
    emulated.pools.save(a_pool(slots=40))

    def come_and_go(number: int) -> None:
        for round_ in range(4):
            if number == 0:
                emulated.pools.save(a_pool(slots=(8, 64, 24, 40)[round_]))
            elif emulated.pools.take("gpu", f"{number}", ((number % 3, 2),), NOON):
                emulated.pools.give("gpu", f"{number}", ((number % 3, 2),))

    _together(come_and_go)

    assert [(s.capacity, s.free, dict(s.holders)) for s in emulated.pools.shards("gpu")] == [
        (14, 14, {}),
        (13, 13, {}),
        (13, 13, {}),
    ]


def test_a_pool_made_twice_at_once_is_one_pool(emulated: DynamoStore) -> None:
    saved = _together(lambda number: emulated.pools.save(a_pool(slots=40, id=number)))
    kept = emulated.pools.get("gpu")
    assert kept
    assert {pool.id for pool in saved} == {kept.id}
    assert len(emulated.pools.shards("gpu")) == 3


def test_slots_are_handed_on_to_one_only(emulated: DynamoStore) -> None:
    emulated.pools.save(a_pool())
    emulated.pools.take("gpu", "leaving", ((0, 16),), NOON)
    swapped = _together(lambda n: emulated.pools.swap("gpu", 0, "leaving", f"{n}", 16, NOON + SECOND))
    assert sum(swapped) == 1
    (shard,) = emulated.pools.shards("gpu")
    assert [*shard.holders] == [f"{swapped.index(True)}"]


def test_no_new_shard_forgets_who_waits(emulated: DynamoStore) -> None:
    emulated.pools.save(a_pool(slots=16))

    def wait_or_grow(number: int) -> None:
        if number % 4:
            emulated.pools.add_waiter(a_waiter(f"t{number}"))
        else:
            emulated.pools.save(a_pool(slots=32 + 16 * number))

    _together(wait_or_grow)

    assert all(shard.waiting for shard in emulated.pools.shards("gpu"))
    assert len(emulated.pools.waiters("gpu", 100)) == 12


def test_the_last_of_the_upstreams_to_arrive_sees_all(emulated: DynamoStore) -> None:
    states = ("failed", "skipped", "success")

    def arrive(number: int) -> tuple[bool, int]:
        written = emulated.task_instances.arrive("01RUN", "join#-1", {states[number % 3]: number})
        return written.applied, sum(map(len, written.item.notes.values()))

    arrivals = _together(arrive)

    assert all(applied for applied, _ in arrivals)
    assert sorted(count for _, count in arrivals) == [*range(1, THREADS + 1)], "each sees those before it"


def test_one_of_many_claims_wins(emulated: DynamoStore) -> None:
    def claim(number: int) -> bool:
        change: TaskInstanceChange = {
            "state": TaskInstanceState.RUNNING,
            "lease_token": f"token-{number}",
            "updated_at": NOON,
        }
        untouched = Expected(states=frozenset({None}))
        return emulated.task_instances.transition("01RUN", "t#-1", untouched, change).applied

    assert sum(_together(claim)) == 1


def test_one_of_many_rivals_creates_the_run(emulated: DynamoStore) -> None:
    """Half want the same instant, half the same run id."""

    def create(number: int) -> bool:
        date = NOON if number % 2 else NOON + (number + 1) * HOUR
        run_id = f"run-{number}" if number % 2 else "daily"
        return emulated.dag_runs.create(a_run(f"uid-{number}", date, run_id=run_id), NOON)

    created = _together(create)

    assert sum(created[1::2]) == 1, "one at the instant"
    assert sum(created[0::2]) == 1, "one of the run id"
    assert len([*emulated.dag_runs.list("sales")]) == 2
    assert len([*emulated.dag_runs.unfinished("sales")]) == 2


def test_many_who_create_the_same_run_all_succeed(emulated: DynamoStore) -> None:
    assert all(_together(lambda _: emulated.dag_runs.create(a_run(), NOON)))
    assert [*emulated.dag_runs.list("sales")] == [a_run()]


def test_one_of_many_finishes_a_run_and_the_latest_run_is_right(emulated: DynamoStore) -> None:
    emulated.dags.save(a_dag())
    emulated.dag_runs.create(a_run(), NOON)

    def finish(number: int) -> bool:
        emulated.dags.set_latest_run(a_run(f"uid-{number}", NOON + number * HOUR))
        queued = frozenset({DagRunState.QUEUED})
        change: DagRunChange = {"state": DagRunState.SUCCESS, "end_date": NOON + number * SECOND}
        return emulated.dag_runs.transition(a_run().ref, queued, change).applied

    assert sum(_together(finish)) == 1
    dag = emulated.dags.get("sales")
    assert dag
    assert dag.latest_run
    assert dag.latest_run.run_uid == f"uid-{THREADS - 1}"


def test_a_dag_deleted_by_many_loses_one_life(emulated: DynamoStore) -> None:
    emulated.dags.save(a_dag())
    deleted = [dag for dag in _together(lambda _: emulated.dags.mark_deleted("sales")) if dag]
    assert {dag.generation for dag in deleted} == {2}


def test_requests_of_one_key_at_once_make_one_run(emulated: DynamoStore) -> None:
    def create(number: int) -> bool:
        run = a_run(f"uid-{number}", NOON + number * HOUR)
        return emulated.dag_runs.create(run, NOON, a_kept_answer(answer=f"{number}"))

    created = [number for number, is_created in enumerate(_together(create)) if is_created]

    kept = emulated.kept_answers.get("key")
    assert kept
    assert [kept.answer] == [f"{number}" for number in created]
    assert [run.run_uid for run in emulated.dag_runs.list("sales")] == [f"uid-{kept.answer}"]


def test_requests_of_one_key_at_once_save_a_pool_once(emulated: DynamoStore) -> None:
    def save(number: int) -> int | None:
        wanted = a_pool(slots=number + 1, id=number)
        saved = emulated.pools.save_once(wanted, lambda pool: a_kept_answer(answer=f"{pool.slots}"))
        return saved.slots if saved else None

    saved = [slots for slots in _together(save) if slots is not None]

    kept = emulated.kept_answers.get("key")
    pool = emulated.pools.get("gpu")
    assert kept
    assert pool
    assert saved == [pool.slots] == [int(kept.answer)]


def _together(work: Callable[[int], T]) -> Sequence[T]:
    """What the work of each thread came to; all begin at once."""
    barrier = Barrier(THREADS)

    def begin(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [*pool.map(begin, range(THREADS))]


def _held(shard: PoolShard) -> int:
    return sum(holding.slots for holding in shard.holders.values())
