"""What the ports promise of users, tries at their passwords and Kerberos authenticators, over each store."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib import aws
from chalicelib.auth.logins import (
    BETWEEN_CHECKS,
    CHECKS_AT_ONCE,
    MOST_ADDRESSES,
    PROVEN_FOR,
    Login,
    Proof,
)
from chalicelib.auth.users import User
from chalicelib.engine.ports.store import Store
from chalicelib.store.dynamodb import DynamoStore
from chalicelib.store.s3 import Bucket, S3ProofKey
from tests.conformance.faults import LOST, NONE, THROTTLED, faults
from tests.meter import Meter
from tests.scripted.examples import HOUR, NOON, SECOND

ADA = User(username="ada", password_hash="$2b$04$hash", created_at=NOON, password_set_at=NOON)


def test_a_user_is_kept_until_it_is_deleted(store: Store) -> None:
    assert store.users.get("ada") is None
    assert store.users.create(ADA)
    assert store.users.get("ada") == ADA
    store.users.delete("ada")
    store.users.delete("ada")
    assert store.users.get("ada") is None


def test_a_name_is_taken_once(store: Store) -> None:
    assert store.users.create(ADA)
    assert not store.users.create(replace(ADA, password_hash="$2b$04$other"))
    assert store.users.get("ada") == ADA


def test_users_are_listed(store: Store) -> None:
    zoe = replace(ADA, username="zoë")
    for user in (ADA, zoe):
        store.users.create(user)
    assert sorted(store.users.list(), key=lambda user: user.username) == [ADA, zoe]


def test_a_password_is_renewed_and_nothing_else(store: Store) -> None:
    store.users.create(ADA)
    assert store.users.set_password("ada", "$2b$04$new", NOON + HOUR)
    renewed = replace(ADA, password_hash="$2b$04$new", password_set_at=NOON + HOUR)
    assert store.users.get("ada") == renewed
    assert not store.users.set_password("eve", "$2b$04$new", NOON)
    assert store.users.get("eve") is None


AS_MANY_AS_THERE_ARE = [True] * CHECKS_AT_ONCE + [False]
NAMES = ["ada", "eve", "日本:\N{NULL}", "x" * 250]


def login_of(store: Store, name: str) -> Login:
    return store.users.for_login(name)[1]


def begin(store: Store, name: str, now: datetime) -> bool:
    """Whether a check of a name begins, by a process that reads and then writes."""
    return store.users.begin_check(name, login_of(store, name), now)[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_for_a_login_is_the_user_and_the_tries(store: Store, name: str) -> None:
    store.users.create(ADA)
    assert store.users.for_login(name) == (ADA if name == "ada" else None, Login())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_its_checks_and_one_more_each_time(store: Store, name: str) -> None:
    assert [begin(store, name, NOON) for _ in range(CHECKS_AT_ONCE + 2)] == [True] * CHECKS_AT_ONCE + [
        False
    ] * 2
    assert login_of(store, name).wait(NOON) == BETWEEN_CHECKS.seconds
    assert begin(store, name + "x", NOON)
    later = NOON + BETWEEN_CHECKS
    assert not begin(store, name, later - SECOND)
    assert [begin(store, name, later) for _ in range(2)] == [True, False]
    rested = NOON + HOUR
    assert [begin(store, name, rested) for _ in range(CHECKS_AT_ONCE + 1)] == [True] * CHECKS_AT_ONCE + [
        False
    ]


def test_the_login_is_given_back_as_it_is_then(store: Store) -> None:
    began, login = store.users.begin_check("ada", Login(), NOON)
    assert (began, login) == (True, login_of(store, "ada"))
    assert login.busy_until == NOON + BETWEEN_CHECKS
    store.users.keep_proof("ada", "d1", NOON)
    for _ in range(CHECKS_AT_ONCE - 1):
        begin(store, "ada", NOON)
    refused, login = store.users.begin_check("ada", Login(), NOON)  # as it was read long ago
    assert (refused, login) == (False, login_of(store, "ada"))
    assert login.proof == Proof(digest="d1", proven_at=NOON)


def test_what_was_read_may_be_out_of_date(store: Store) -> None:
    busy = store.users.begin_check("ada", Login(), NOON)[1]
    assert store.users.begin_check("ada", Login(), NOON)[0]
    assert login_of(store, "ada").busy_until == NOON + 2 * BETWEEN_CHECKS
    assert store.users.begin_check("ada", busy, NOON + HOUR)[0]
    assert login_of(store, "ada").busy_until == NOON + HOUR + BETWEEN_CHECKS
    assert store.users.begin_check("eve", busy, NOON)[0]  # and gone since


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=365)])
def test_what_a_clock_far_ahead_has_written_does_not_count(store: Store, ahead: timedelta) -> None:
    for _ in range(CHECKS_AT_ONCE):
        begin(store, "ada", NOON + ahead)
    assert begin(store, "ada", NOON)
    assert login_of(store, "ada").busy_until == NOON + BETWEEN_CHECKS


def test_a_clock_a_little_ahead_or_behind_counts_with_the_others(store: Store) -> None:
    began = sum(begin(store, "ada", NOON + SECOND * (30 if step % 2 else -30)) for step in range(100))
    assert CHECKS_AT_ONCE <= began <= CHECKS_AT_ONCE + 60 // BETWEEN_CHECKS.seconds


def test_a_proof_is_kept_for_its_credentials(store: Store) -> None:
    store.users.keep_proof("ada", "d1", NOON)
    begin(store, "ada", NOON)
    login = login_of(store, "ada")
    assert login.proof == Proof(digest="d1", proven_at=NOON)
    assert login.busy_until == NOON + BETWEEN_CHECKS
    assert login_of(store, "eve") == Login()


def test_proven_again_nothing_changes_until_a_day_is_over(store: Store) -> None:
    store.users.keep_proof("ada", "d1", NOON)
    store.users.come_from("ada", "a1", NOON, was_checked=True)
    store.users.keep_proof("ada", "d1", NOON + HOUR)
    assert login_of(store, "ada").proof == Proof(digest="d1", proven_at=NOON, addresses=frozenset({"a1"}))
    store.users.keep_proof("ada", "d1", NOON + PROVEN_FOR)
    assert login_of(store, "ada").proof == Proof(digest="d1", proven_at=NOON + PROVEN_FOR)


def test_other_credentials_take_the_place_of_a_proof_and_of_its_addresses(store: Store) -> None:
    store.users.keep_proof("ada", "d1", NOON)
    store.users.come_from("ada", "a1", NOON, was_checked=True)
    store.users.keep_proof("ada", "d2", NOON + SECOND)
    assert login_of(store, "ada").proof == Proof(digest="d2", proven_at=NOON + SECOND)


def test_a_proof_is_renewed_while_it_is_the_names(store: Store) -> None:
    store.users.keep_proof("ada", "d1", NOON)
    store.users.come_from("ada", "a1", NOON, was_checked=True)
    for digest in ("d1", "d2"):
        store.users.renew_proof("ada", digest, NOON + HOUR)
        store.users.renew_proof("eve", digest, NOON + HOUR)
    renewed = Proof(digest="d1", proven_at=NOON + HOUR, addresses=frozenset({"a1"}))
    assert login_of(store, "ada").proof == renewed
    assert login_of(store, "eve") == Login()


def test_a_caller_may_come_from_anywhere_while_there_is_a_check_and_then_from_where_it_came(
    store: Store,
) -> None:
    def come(address: str, now: datetime, *, was_checked: bool = False) -> bool:
        return store.users.come_from("ada", address, now, was_checked=was_checked)[0]

    store.users.keep_proof("ada", "d1", NOON)
    assert come("a1", NOON)
    for step in range(CHECKS_AT_ONCE):
        assert come(f"b{step % 3}", NOON)
        assert begin(store, "ada", NOON)
    assert not come("a2", NOON)
    assert come("a1", NOON)
    assert come("a3", NOON, was_checked=True)
    assert addresses(store) == {"a1", "a3", "b0", "b1", "b2"}
    refused, login = store.users.come_from("ada", "a2", NOON + SECOND, was_checked=False)
    assert (refused, login.wait(NOON + SECOND)) == (False, BETWEEN_CHECKS.seconds - 1)
    assert come("a2", NOON + BETWEEN_CHECKS)


def test_one_address_too_many_takes_the_place_of_all(store: Store) -> None:
    store.users.keep_proof("ada", "d1", NOON)
    for number in range(MOST_ADDRESSES):
        assert store.users.come_from("ada", f"a{number}", NOON, was_checked=False)[0]
    assert len(addresses(store)) == MOST_ADDRESSES
    assert store.users.come_from("ada", "a0", NOON, was_checked=False)[0]
    assert len(addresses(store)) == MOST_ADDRESSES
    assert store.users.come_from("ada", "new", NOON, was_checked=False)[0]
    assert addresses(store) == {"new"}


def addresses(store: Store) -> frozenset[str]:
    proof = login_of(store, "ada").proof
    assert proof
    return proof.addresses


def test_the_key_of_the_digests_is_one(store: Store) -> None:
    key = store.proof_key.read()
    assert len(key) == 32
    assert store.proof_key.read() == key


def test_whoever_makes_the_key_first_has_made_it_for_all(dynamo: DynamoStore) -> None:
    """Also where it was made between another's look and write."""
    first = dynamo.proof_key.read()
    late = S3ProofKey(BlindOnce(dynamo.proof_key._bucket))
    assert late.read() == first


class BlindOnce(Bucket):
    """A bucket in which an object is there, but not at the first look."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket._name)
        self._looks = 0

    def get(self, key: str) -> bytes | None:
        """See ``Bucket``."""
        self._looks += 1
        return super().get(key) if self._looks > 1 else None


def test_lost_replies_take_a_check_more_and_prove_nothing_more(dynamo: DynamoStore) -> None:
    with faults(NONE, LOST):
        assert begin(dynamo, "ada", NOON)
    assert login_of(dynamo, "ada").busy_until == NOON + 2 * BETWEEN_CHECKS
    with faults(LOST, THROTTLED, LOST):
        dynamo.users.keep_proof("ada", "d1", NOON)
    with faults(LOST):
        dynamo.users.renew_proof("ada", "d1", NOON + HOUR)
    with faults(LOST):
        assert dynamo.users.come_from("ada", "a1", NOON, was_checked=False)[0]
    renewed = Proof(digest="d1", proven_at=NOON + HOUR, addresses=frozenset({"a1"}))
    assert login_of(dynamo, "ada").proof == renewed


def test_an_authenticator_is_new_once(store: Store) -> None:
    until = NOON + timedelta(minutes=15)
    assert store.replays.claim("digest", "request-1", NOON, until)
    assert store.replays.claim("digest", "request-1", NOON, until)  # whose reply was lost
    assert not store.replays.claim("digest", "request-2", NOON + SECOND, until)
    assert store.replays.claim("other digest", "request-2", NOON, until)
    assert not store.replays.claim("digest", "request-3", until - SECOND, until + HOUR)
    assert store.replays.claim("digest", "request-4", until, until + HOUR)


def test_lost_replies_change_nothing(dynamo: DynamoStore) -> None:
    with faults(LOST, THROTTLED, LOST):
        assert dynamo.users.create(ADA)
    with faults(LOST):
        assert dynamo.replays.claim("digest", "request-1", NOON, NOON + HOUR)
    with faults(THROTTLED, LOST):
        assert dynamo.users.for_login("ada") == (ADA, Login())


def test_what_a_login_costs(dynamo: DynamoStore) -> None:
    login = Login()
    with Meter() as meter:
        login = dynamo.users.for_login("ada")[1]
    assert meter.dynamodb == {("BatchGetItem", "logins+users"): 1}
    for _ in range(CHECKS_AT_ONCE):
        with Meter() as meter:
            _, login = dynamo.users.begin_check("ada", login, NOON)
        assert meter.dynamodb == {("UpdateItem", "logins"): 1}
    with Meter() as meter:
        assert not dynamo.users.begin_check("ada", login, NOON)[0]
    assert meter.dynamodb_requests == 0
    with Meter() as meter:
        assert not dynamo.users.begin_check("ada", Login(), NOON)[0]  # seen before all others began
    assert meter.dynamodb_requests == 1
    with Meter() as meter:
        dynamo.users.keep_proof("ada", "d1", NOON)
        dynamo.users.renew_proof("ada", "d1", NOON)
        dynamo.users.come_from("ada", "a1", NOON, was_checked=True)
        dynamo.replays.claim("digest", "request", NOON, NOON + HOUR)
    assert meter.dynamodb_requests == 4
    assert meter.write_units == 4


def test_what_is_counted_goes_by_itself(dynamo: DynamoStore) -> None:
    begin(dynamo, "ada", NOON - HOUR)
    dynamo.users.keep_proof("ada", "d1", NOON)
    dynamo.replays.claim("digest", "request", NOON, NOON + HOUR)
    client = aws.client("dynamodb")
    ends = {}
    for name in client.list_tables()["TableNames"]:
        if name.endswith(("logins", "kerberos_replays")):
            (item,) = client.scan(TableName=name)["Items"]
            ends[name.rpartition("-")[2]] = int(item["expires_at"]["N"])
            assert client.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {
                "TimeToLiveStatus": "ENABLED",
                "AttributeName": "expires_at",
            }
    assert ends == {
        "logins": (NOON + PROVEN_FOR).timestamp(),
        "kerberos_replays": (NOON + HOUR).timestamp(),
    }


def test_no_name_or_password_is_in_the_table_of_logins(dynamo: DynamoStore) -> None:
    begin(dynamo, "swordfish", NOON)
    name = next(
        name for name in aws.client("dynamodb").list_tables()["TableNames"] if name.endswith("logins")
    )
    assert "swordfish" not in str(aws.client("dynamodb").scan(TableName=name)["Items"])
