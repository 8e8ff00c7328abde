"""DynamoDB tables, made as ``description`` has them."""

import logging
import time
from functools import partial
from typing import Any

from chalicelib.deploy.aws_errors import PAUSE_S, Sleep, when_not_busy
from chalicelib.deploy.description.resources import Index, Key, Table

log = logging.getLogger(__name__)

_TOO_MANY_AT_ONCE = "LimitExceededException"
"""Too many tables, or tables with an index, are being made or deleted at this moment (AWS: for the latter
``CreateTable`` says one, the error's description 250)."""

_NOT_READY = ("ResourceInUseException", "ResourceNotFoundException", "TableNotFoundException")
"""Of a table that another caller has asked for a moment ago."""


def create_missing_tables(
    tables: tuple[Table, ...], dynamodb: Any, *, sleep: Sleep = time.sleep
) -> list[str]:
    """Create the tables that are not listed and wait until all are active; the names made here.

    A table that an older version made gets the indexes that it lacks.
    """
    existing = set(dynamodb.get_paginator("list_tables").paginate().search("TableNames"))
    for table in tables:
        if table.indexes and table.name in existing:
            _create_missing_indexes(table, dynamodb, sleep)
    missing = [table for table in tables if table.name not in existing]
    if not missing:
        return []
    made = [table for table in missing if _create(table, dynamodb, sleep)]
    for table in tables:  # all, not only ours: another caller may have asked for them a moment ago
        _wait_until_active(table, dynamodb)
    for table in made:
        configure_table(table, dynamodb, sleep=sleep)
    return [table.name for table in made]


def configure_table(table: Table, dynamodb: Any, *, sleep: Sleep = time.sleep) -> None:
    """Turn on what CreateTable cannot: point-in-time recovery and the time to live.

    What is on stays as it is: switched on again, recovery would go back to AWS's 35 days from whatever
    period a team has set.
    """
    if not when_not_busy(partial(recovery_is_on, table.name, dynamodb), busy=_NOT_READY, sleep=sleep):
        when_not_busy(
            lambda: dynamodb.update_continuous_backups(
                TableName=table.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            ),
            # For some seconds after a table became active, AWS is still enabling its backups.
            busy=("ContinuousBackupsUnavailableException", *_NOT_READY),
            sleep=sleep,
        )
    if table.expires_at:
        expire = partial(_expire_items, table.name, table.expires_at, dynamodb)
        when_not_busy(expire, busy=(_TOO_MANY_AT_ONCE, *_NOT_READY), sleep=sleep)


def recovery_is_on(table: str, dynamodb: Any) -> bool:
    """Whether the table can be restored to any point in time, of however many days. 1 request."""
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _create_missing_indexes(table: Table, dynamodb: Any, sleep: Sleep) -> None:
    known = _index_states(table, dynamodb)
    for index in table.indexes:
        if index.name not in known:
            log.info("Creating index %s of table %s", index.name, table.name)
            create = partial(_create_index, table, index, dynamodb)
            when_not_busy(create, busy=("ResourceInUseException", _TOO_MANY_AT_ONCE), sleep=sleep)
            while _index_states(table, dynamodb).get(index.name) != "ACTIVE":
                sleep(PAUSE_S)


def _create_index(table: Table, index: Index, dynamodb: Any) -> None:
    dynamodb.update_table(
        TableName=table.name,
        AttributeDefinitions=_attribute_definitions(table),
        GlobalSecondaryIndexUpdates=[{"Create": _index(index)}],
    )


def _index_states(table: Table, dynamodb: Any) -> dict[str, str]:
    described = dynamodb.describe_table(TableName=table.name)["Table"]
    return {index["IndexName"]: index["IndexStatus"] for index in described.get("GlobalSecondaryIndexes", [])}


def _expire_items(table: str, attribute: str, dynamodb: Any) -> None:
    status = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
    if status in ("ENABLED", "ENABLING"):  # asking again would be an error (AWS)
        return
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
    )


def _create(table: Table, dynamodb: Any, sleep: Sleep) -> bool:
    """Ask for the table; false when another caller just did."""
    create = partial(dynamodb.create_table, **table_definition(table))
    try:
        when_not_busy(create, busy=_TOO_MANY_AT_ONCE, sleep=sleep)
    except dynamodb.exceptions.ResourceInUseException:
        return False
    log.info("Creating table %s", table.name)
    return True


def _wait_until_active(table: Table, dynamodb: Any) -> None:
    # The waiter's own pace is a look every 20 seconds; a table takes about five.
    pace = {"Delay": 1, "MaxAttempts": 300}
    dynamodb.get_waiter("table_exists").wait(TableName=table.name, WaiterConfig=pace)


def table_definition(table: Table) -> dict[str, Any]:
    """The table as DynamoDB and CloudFormation write it: all but backups and the time to live."""
    request: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key_schema(table.hash_key, table.range_key),
        "AttributeDefinitions": _attribute_definitions(table),
    }
    if table.indexes:  # an empty list is refused
        request["GlobalSecondaryIndexes"] = [_index(index) for index in table.indexes]
    return request


def _index(index: Index) -> dict[str, Any]:
    return {
        "IndexName": index.name,
        "KeySchema": key_schema(index.hash_key, index.range_key),
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


def key_schema(hash_key: Key, range_key: Key | None) -> list[dict[str, str]]:
    """Keys as DynamoDB writes them."""
    schema = [{"AttributeName": hash_key.name, "KeyType": "HASH"}]
    if range_key:
        schema.append({"AttributeName": range_key.name, "KeyType": "RANGE"})
    return schema


def _attribute_definitions(table: Table) -> list[dict[str, str]]:
    return [{"AttributeName": key.name, "AttributeType": key.type} for key in _key_attributes(table)]


def _key_attributes(table: Table) -> list[Key]:
    """The key attributes of the table and its indexes, each once: CreateTable takes no others."""
    keys = [table.hash_key, table.range_key]
    for index in table.indexes:
        keys += [index.hash_key, index.range_key]
    return list(dict.fromkeys(key for key in keys if key))
