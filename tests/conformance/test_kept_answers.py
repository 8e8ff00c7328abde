"""What the ports promise of answers that are kept with what they are the answer to, over each store."""

from dataclasses import replace

from chalicelib import aws
from chalicelib.domain.idempotency import KEPT_FOR
from chalicelib.domain.slots.pools import Pool
from chalicelib.engine.ports.store import Store
from chalicelib.store.dynamodb import DynamoStore
from tests.conformance.faults import LOST, THROTTLED, faults
from tests.scripted.examples import HOUR, NOON, SECOND, a_kept_answer, a_pool, a_run

LATER = NOON + KEPT_FOR


def test_an_answer_is_kept_with_its_run(store: Store) -> None:
    assert store.kept_answers.get("key") is None
    assert store.dag_runs.create(a_run(), NOON, a_kept_answer())
    assert store.kept_answers.get("key") == a_kept_answer()


def test_a_refused_run_keeps_no_answer(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    assert not store.dag_runs.create(a_run("another"), NOON, a_kept_answer())
    assert store.kept_answers.get("key") is None


def test_a_key_makes_one_run(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON, a_kept_answer(answer="first"))
    second = a_run("second", NOON + HOUR)
    assert not store.dag_runs.create(second, NOON, a_kept_answer(answer="second", kept_at=LATER - SECOND))
    assert [run.run_uid for run in store.dag_runs.list("sales")] == ["01RUN"]
    assert [entry.run.run_uid for entry in store.dag_runs.unfinished("sales")] == ["01RUN"]
    assert store.kept_answers.get("key") == a_kept_answer(answer="first")


def test_an_expired_answer_makes_room_whether_it_was_deleted_or_not(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON, a_kept_answer(answer="first"))
    anew = a_kept_answer(answer="second", kept_at=LATER)
    assert store.dag_runs.create(a_run("second", NOON + HOUR), NOON, anew)
    assert store.kept_answers.get("key") == anew


def test_the_same_run_may_be_created_again_with_its_answer(store: Store) -> None:
    assert store.dag_runs.create(a_run(), NOON, a_kept_answer())
    assert store.dag_runs.create(a_run(), NOON + HOUR, a_kept_answer())


def test_an_answer_is_made_of_the_pool_as_it_becomes(store: Store) -> None:
    store.pools.save(a_pool(id=7))
    wanted = a_pool(slots=40, id=8)
    saved = store.pools.save_once(wanted, lambda pool: a_kept_answer(answer=f"id {pool.id}"))
    assert saved == store.pools.get("gpu") == a_pool(slots=40, id=7)
    assert len(store.pools.shards("gpu")) == 3
    assert store.kept_answers.get("key") == a_kept_answer(answer="id 7")


def test_a_pool_that_stays_as_it_is_keeps_its_answer_too(store: Store) -> None:
    store.pools.save(a_pool())
    assert store.pools.save_once(a_pool(), lambda _: a_kept_answer()) == a_pool()
    assert store.kept_answers.get("key") == a_kept_answer()


def test_a_key_changes_a_pool_once(store: Store) -> None:
    store.pools.save_once(a_pool(), lambda _: a_kept_answer(answer="first"))
    again = a_pool(slots=40)
    assert store.pools.save_once(again, lambda _: a_kept_answer(answer="second")) is None
    assert store.pools.get("gpu") == a_pool()
    late = a_kept_answer(answer="second", kept_at=LATER)
    assert store.pools.save_once(again, lambda _: late) == again


def test_a_large_answer_is_kept(store: Store) -> None:
    large = a_kept_answer(answer="\\u0000" * 16 * 1024)
    store.pools.save_once(a_pool(), lambda _: large)
    assert store.kept_answers.get("key") == large


def test_the_time_to_live_is_in_whole_seconds_and_not_before_the_end(dynamo: DynamoStore) -> None:
    dynamo.dag_runs.create(a_run(), NOON, a_kept_answer(kept_at=NOON + SECOND / 2))
    client = aws.client("dynamodb")
    (table,) = (name for name in client.list_tables()["TableNames"] if name.endswith("kept_answers"))
    (item,) = client.scan(TableName=table)["Items"]
    assert int(item["expires_at"]["N"]) == int(LATER.timestamp()) + 1
    assert client.describe_time_to_live(TableName=table)["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires_at",
    }


def test_a_lost_reply_is_told_from_a_key_that_is_taken(dynamo: DynamoStore) -> None:
    with faults(LOST, THROTTLED, LOST):
        assert dynamo.dag_runs.create(a_run(), NOON, a_kept_answer())
    ids = iter(range(10))

    def keep(pool: Pool) -> str:
        return f"{pool.id} {next(ids)}"

    with faults(LOST, LOST, THROTTLED):
        saved = dynamo.pools.save_once(a_pool(), lambda pool: replace(a_kept_answer("p"), answer=keep(pool)))
    assert saved == a_pool()
    assert dynamo.kept_answers.get("p") == a_kept_answer("p", "7 0")
