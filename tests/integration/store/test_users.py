"""What the ports promise of users, failed tries and Kerberos authenticators, over each store."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import aws
from chalicelib.auth.users import WINDOW, LoginRecord, User, end_of, window_at
from chalicelib.engine.ports import Store
from chalicelib.store.dynamodb import DynamoStore
from tests.budgets.meter import Meter
from tests.integration.store.examples import HOUR, NOON, SECOND
from tests.integration.store.faults import LOST, THROTTLED, faults

ADA = User(username="ada", password_hash="$2b$04$hash", created_at=NOON, password_set_at=NOON)
NOW = window_at(NOON)
NEXT = window_at(NOON + WINDOW)


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


@pytest.mark.parametrize("name", ["ada", "eve", "日本:\N{NULL}", "x" * 250])
def test_failed_tries_count_for_a_name_and_a_window(store: Store, name: str) -> None:
    store.users.create(ADA)
    user = ADA if name == "ada" else None
    assert store.users.for_login(name, NOW) == LoginRecord(user=user, failures=0)
    for _ in range(3):
        store.users.note_failure(name, NOW)
    assert store.users.for_login(name, NOW) == LoginRecord(user=user, failures=3)
    assert store.users.for_login(name, NEXT) == LoginRecord(user=user, failures=0)
    assert store.users.for_login(name + "x", NOW) == LoginRecord(user=None, failures=0)


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
        assert dynamo.users.for_login("ada", NOW).user == ADA


def test_a_login_is_one_request_and_a_failed_one_two(dynamo: DynamoStore) -> None:
    with Meter() as meter:
        dynamo.users.for_login("ada", NOW)
    assert meter.dynamodb_requests == 1
    with Meter() as meter:
        dynamo.users.note_failure("ada", NOW)
        dynamo.replays.claim("digest", "request", NOON, NOON + HOUR)
    assert meter.dynamodb_requests == 2


def test_what_is_counted_goes_by_itself(dynamo: DynamoStore) -> None:
    dynamo.users.note_failure("ada", NOW)
    dynamo.replays.claim("digest", "request", NOON, NOON + HOUR)
    client = aws.client("dynamodb")
    ends = {}
    for name in client.list_tables()["TableNames"]:
        if name.endswith(("failed_logins", "kerberos_replays")):
            (item,) = client.scan(TableName=name)["Items"]
            ends[name.rpartition("-")[2]] = int(item["expires_at"]["N"])
            assert client.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {
                "TimeToLiveStatus": "ENABLED",
                "AttributeName": "expires_at",
            }
    assert ends == {
        "failed_logins": end_of(NOW).timestamp(),
        "kerberos_replays": (NOON + HOUR).timestamp(),
    }
