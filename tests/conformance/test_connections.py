"""What the port promises of connections, over each store; of DynamoDB's, what is encrypted, and how."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from chalicelib import aws
from chalicelib.domain.connections import (
    LARGEST_CONNECTION,
    LONGEST_CONN_ID,
    FernetKeyUnusable,
    StoredConnection,
    checked_connection,
)
from chalicelib.domain.errors import InvalidRequest
from chalicelib.engine.ports.store import Store
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import DynamoStore
from tests.conformance.faults import LOST, THROTTLED, faults
from tests.meter import Meter
from tests.moto_aws import no_sleep

DB = StoredConnection(
    conn_id="db",
    id=7,
    conn_type="postgres",
    description="of the shop",
    host="db.example",
    login="ada",
    password="tolstoy-1869",
    schema="sales",
    port=5432,
    extra='{"token": "dostoevsky-1866"}',
)
BARE = StoredConnection(conn_id="bare", id=8)
EMPTY = StoredConnection(conn_id="empty", id=9, host="", password="", extra="")


def test_a_connection_is_kept_until_it_is_deleted(store: Store) -> None:
    assert store.connections.get("db") is None
    store.connections.save(DB)
    assert store.connections.get("db") == DB
    store.connections.delete("db")
    store.connections.delete("db")
    assert store.connections.get("db") is None


def test_a_new_connection_takes_no_others_place(store: Store) -> None:
    assert store.connections.add(DB)
    assert store.connections.add(DB), "the same one twice is one delivery more"
    assert not store.connections.add(replace(BARE, conn_id="db"))
    assert store.connections.get("db") == DB


def test_another_one_of_the_same_id_takes_the_place_of_the_first(store: Store) -> None:
    store.connections.save(DB)
    store.connections.save(replace(BARE, conn_id="db"))
    assert store.connections.get("db") == replace(BARE, conn_id="db")


def test_connections_are_listed(store: Store) -> None:
    for connection in (DB, BARE, EMPTY):
        store.connections.save(connection)
    assert sorted(store.connections.list(), key=lambda each: each.id) == [DB, BARE, EMPTY]


def test_ids_are_told_apart_by_case(store: Store) -> None:
    store.connections.save(DB)
    assert store.connections.get("DB") is None


def test_the_largest_that_is_taken_fits(store: Store) -> None:
    conn_id = "c" * LONGEST_CONN_ID
    extra = "é" * ((LARGEST_CONNECTION - LONGEST_CONN_ID) // 2)
    largest = checked_connection(StoredConnection(conn_id=conn_id, id=1, extra=extra))
    store.connections.save(largest)
    assert store.connections.get(conn_id) == largest
    with pytest.raises(InvalidRequest, match=f"takes up to {LARGEST_CONNECTION}"):
        checked_connection(replace(largest, host="one more"))


def test_a_new_key_changes_no_connection(store: Store) -> None:
    for connection in (DB, BARE, EMPTY):
        store.connections.save(connection)
    store.connections.rotate_fernet_key()
    assert sorted(store.connections.list(), key=lambda each: each.id) == [DB, BARE, EMPTY]


def test_lost_replies_change_nothing(dynamo: DynamoStore) -> None:
    with faults(LOST, THROTTLED, LOST):
        assert dynamo.connections.add(DB)
    with faults(THROTTLED, LOST):
        assert dynamo.connections.get("db") == DB
    with faults(LOST):
        dynamo.connections.delete("db")
    assert dynamo.connections.get("db") is None


# -- encrypted --------------------------------------------------------------------------------------


def scanned(settings: Settings) -> dict[str, dict[str, Any]]:
    """The items of the table as DynamoDB has them, by their ids."""
    items = aws.client("dynamodb").scan(TableName=settings.resource("connections"))["Items"]
    return {item["conn_id"]["S"]: item for item in items}


def set_keys(settings: Settings, *keys: str) -> None:
    aws.client("ssm").put_parameter(
        Name=settings.fernet_key_parameter, Value=",".join(keys), Type="SecureString", Overwrite=True
    )


def keys_of(settings: Settings) -> list[str]:
    answer = aws.client("ssm").get_parameter(Name=settings.fernet_key_parameter, WithDecryption=True)
    found: str = answer["Parameter"]["Value"]
    return found.split(",")


def in_another_process(settings: Settings) -> DynamoStore:
    return DynamoStore(settings, sleep=no_sleep)


def test_a_scan_of_the_table_shows_no_secret(dynamo: DynamoStore, moto_settings: Settings) -> None:
    dynamo.connections.save(DB)
    item = scanned(moto_settings)["db"]
    text = json.dumps(item)
    assert "tolstoy" not in text
    assert "dostoevsky" not in text
    assert item["login"] == {"S": "ada"}
    key = Fernet(keys_of(moto_settings)[0])
    assert key.decrypt(item["password"]["S"]) == b"tolstoy-1869"
    assert key.decrypt(item["extra"]["S"]) == b'{"token": "dostoevsky-1866"}'


def test_the_repr_shows_no_secret() -> None:
    assert "ada" in repr(DB)
    assert "tolstoy" not in repr(DB)
    assert "dostoevsky" not in repr(DB)


def test_a_key_is_changed_in_three_steps(dynamo: DynamoStore, moto_settings: Settings) -> None:
    """As the page on operating tells it; another process notices by itself."""
    for connection in (DB, BARE):
        dynamo.connections.save(connection)
    worker = in_another_process(moto_settings)
    assert worker.connections.get("db") == DB
    old, new = keys_of(moto_settings)[0], Fernet.generate_key().decode()

    set_keys(moto_settings, new, old)
    dynamo.connections.rotate_fernet_key()
    assert Fernet(new).decrypt(scanned(moto_settings)["db"]["password"]["S"]) == b"tolstoy-1869"
    set_keys(moto_settings, new)
    assert worker.connections.get("db") == DB
    assert in_another_process(moto_settings).connections.get("bare") == BARE


def test_secrets_are_encrypted_anew_with_a_request_each(dynamo: DynamoStore) -> None:
    for connection in (DB, replace(DB, conn_id="other"), BARE, EMPTY):
        dynamo.connections.save(connection)
    with Meter() as meter:
        dynamo.connections.rotate_fernet_key()
    assert meter.dynamodb == {("Scan", "connections"): 1, ("PutItem", "connections"): 2}


def test_a_key_that_is_gone_is_told_by_the_connections_name(
    dynamo: DynamoStore, moto_settings: Settings
) -> None:
    dynamo.connections.save(DB)
    before = keys_of(moto_settings)
    set_keys(moto_settings, Fernet.generate_key().decode())
    try:
        with pytest.raises(FernetKeyUnusable, match=r"^The connection db cannot be read.*put the old key"):
            in_another_process(moto_settings).connections.get("db")
        with pytest.raises(FernetKeyUnusable, match=r"^The connection db"):
            dynamo.connections.rotate_fernet_key()
    finally:
        set_keys(moto_settings, *before)
    assert dynamo.connections.get("db") == DB


@pytest.mark.parametrize("key", ["s3cr3t", "s3cr3t,", "é"])
def test_what_is_no_key_is_told_without_it(moto_settings: Settings, key: str) -> None:
    before = keys_of(moto_settings)
    set_keys(moto_settings, key)
    try:
        with pytest.raises(FernetKeyUnusable, match="32 bytes in URL-safe base64") as caught:
            in_another_process(moto_settings).connections.save(DB)
        assert key not in str(caught.value)
    finally:
        set_keys(moto_settings, *before)


def test_a_stage_without_a_key_keeps_only_what_has_no_secrets(
    dynamo: DynamoStore, moto_settings: Settings
) -> None:
    before = keys_of(moto_settings)
    aws.client("ssm").delete_parameter(Name=moto_settings.fernet_key_parameter)
    try:
        with pytest.raises(
            FernetKeyUnusable, match=f"{moto_settings.fernet_key_parameter}.*ParameterNotFound"
        ):
            dynamo.connections.save(DB)
        dynamo.connections.save(BARE)
        assert dynamo.connections.get("bare") == BARE
    finally:
        set_keys(moto_settings, *before)


def test_the_local_stage_has_its_keys_from_its_settings(dynamo: DynamoStore, moto_settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    local = DynamoStore(replace(moto_settings, fernet_key=f" {new} , {old} "), sleep=no_sleep)
    local.connections.save(DB)
    assert Fernet(new).decrypt(scanned(moto_settings)["db"]["password"]["S"]) == b"tolstoy-1869"
    assert local.connections.get("db") == DB


def test_what_is_changed_while_a_key_is_changed_stays(
    dynamo: DynamoStore, moto_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is changed between its scan and its write is encrypted anew already; so is one deleted."""
    dynamo.connections.save(DB)
    dynamo.connections.save(replace(DB, conn_id="gone"))
    dynamo.connections.save(BARE)
    other, table = in_another_process(moto_settings), type(dynamo.connections._table)
    scan = table.scan

    def scan_and_others_come(*args: Any, **kwargs: Any) -> Any:
        found = [*scan(*args, **kwargs)]
        other.connections.save(replace(DB, password="gogol-1842"))
        other.connections.delete("gone")
        other.connections.save(replace(BARE, host="new.example"))
        return iter(found)

    monkeypatch.setattr(table, "scan", scan_and_others_come)
    dynamo.connections.rotate_fernet_key()
    assert dynamo.connections.get("db") == replace(DB, password="gogol-1842")
    assert dynamo.connections.get("gone") is None
    assert dynamo.connections.get("bare") == replace(BARE, host="new.example")
