"""Creating a stage's resources, against moto's AWS in this process."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.deploy.description.resources import Bucket, Key, Table, stage_resources
from chalicelib.deploy.provisioning.before_chalice import configure, create_missing
from chalicelib.deploy.provisioning.bucket import BucketNameTaken, create_missing_bucket
from chalicelib.deploy.provisioning.tables import configure_table, create_missing_tables
from chalicelib.settings import Settings
from tests.unit.deploy.aws_in_memory import PLACE

REGION = "eu-west-1"
RESOURCES = stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"}))
TABLE_NAMES = [table.name for table in RESOURCES.tables]

ClientFactory = Callable[[str], Any]


class CountingClients:
    """Clients of moto's AWS that count the requests they send, by operation."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._session = botocore.session.get_session()
        self._session.register("before-send.*.*", self._count)
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self._session.create_client(
                service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
            )
        return self._made[service]

    def _count(self, event_name: str, **_: object) -> None:
        self.calls.append(event_name.rpartition(".")[2])


class SeesNothing:
    """A DynamoDB client whose listing is from before anything was made: a caller in a race."""

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamodb, name)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_tables"
        return self

    def paginate(self) -> Any:
        return self

    def search(self, _: str) -> list[str]:
        return []


@pytest.fixture
def clients() -> Iterator[CountingClients]:
    with mock_aws():
        yield CountingClients()


def queue_attributes(clients: ClientFactory, name: str) -> dict[str, str]:
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def recovery_status(clients: ClientFactory, table: str) -> str:
    backups = clients("dynamodb").describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    status: str = recovery["PointInTimeRecoveryStatus"]
    return status


def test_it_makes_all_that_a_stage_needs_and_says_so(clients: CountingClients) -> None:
    made = create_missing(RESOURCES, client=clients)

    queues = {name for queue in RESOURCES.queues for name in (queue.name, queue.dead_letters)}
    assert set(made) == {*TABLE_NAMES, *queues, "updraft-dev-bucket", "updraft-dev-fernet_key"}


def test_a_second_time_it_makes_nothing_and_only_lists(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    clients.calls.clear()

    assert create_missing(RESOURCES, client=clients) == ()
    looks = ["ListTables", "DescribeTable", "DescribeTable", *(["ListQueues"] * 4)]
    assert clients.calls == [*looks, "HeadBucket", "GetParameter"]


def test_it_makes_only_what_is_missing(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    sqs = clients("sqs")
    clients("dynamodb").delete_table(TableName="updraft-dev-pools")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"])

    assert create_missing(RESOURCES, client=clients) == ("updraft-dev-pools", "updraft-dev-tasks")


def test_another_stage_has_resources_of_its_own(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    prod = stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": "prod"}))

    assert len(create_missing(prod, client=clients)) == len(prod.tables) + 8 + 1 + 1


def test_losing_a_race_for_the_tables_is_no_error(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)

    assert create_missing_tables(RESOURCES.tables, SeesNothing(clients("dynamodb"))) == []


def test_a_table_of_an_older_version_gets_the_index_that_it_lacks(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    dynamodb = clients("dynamodb")
    deletion = {"Delete": {"IndexName": "due"}}
    dynamodb.update_table(TableName="updraft-dev-dags", GlobalSecondaryIndexUpdates=[deletion])

    assert create_missing(RESOURCES, client=clients) == ()
    (index,) = dynamodb.describe_table(TableName="updraft-dev-dags")["Table"]["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["IndexStatus"]) == ("due", "ACTIVE")
    assert create_missing(RESOURCES, client=clients) == ()


def test_unfinished_runs_can_be_found_by_when_they_are_due(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)

    table = clients("dynamodb").describe_table(TableName="updraft-dev-unfinished_runs")["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [
        {"AttributeName": "dag_id", "KeyType": "HASH"},
        {"AttributeName": "execution_date", "KeyType": "RANGE"},
    ]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "due"
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert index["KeySchema"] == [
        {"AttributeName": "due_shard", "KeyType": "HASH"},
        {"AttributeName": "due_at", "KeyType": "RANGE"},
    ]
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert types == {"dag_id": "S", "execution_date": "S", "due_shard": "N", "due_at": "S"}


def test_every_table_can_be_restored_to_any_point_in_time(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)

    assert {recovery_status(clients, name) for name in TABLE_NAMES} == {"ENABLED"}


def test_recovery_that_is_on_stays_as_a_team_has_set_it(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    off = {"PointInTimeRecoveryEnabled": False}
    clients("dynamodb").update_continuous_backups(
        TableName="updraft-dev-pools", PointInTimeRecoverySpecification=off
    )
    clients.calls.clear()

    configure(RESOURCES, place=PLACE, client=clients)

    # The days of a period go back to AWS's 35 with each request that does not name them.
    assert clients.calls.count("UpdateContinuousBackups") == 1
    assert {recovery_status(clients, name) for name in TABLE_NAMES} == {"ENABLED"}


def test_a_table_expires_its_items_where_it_says_so_and_can_be_told_twice(clients: CountingClients) -> None:
    table = Table(name="updraft-dev-tokens", hash_key=Key(name="digest"), expires_at="expires_at")
    dynamodb = clients("dynamodb")

    create_missing_tables((table,), dynamodb)
    configure_table(table, dynamodb)

    ttl = dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_message_that_nobody_can_handle_is_put_aside(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)

    attributes = queue_attributes(clients, "updraft-dev-tasks")
    dead_letters = queue_attributes(clients, "updraft-dev-tasks-dead-letters")
    assert attributes["VisibilityTimeout"] == "1860"
    assert attributes["MessageRetentionPeriod"] == str(4 * 24 * 3600)
    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead_letters["QueueArn"],
        "maxReceiveCount": 5,
    }
    assert dead_letters["MessageRetentionPeriod"] == str(14 * 24 * 3600)


def test_the_bucket_is_closed_and_encrypted(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)

    s3 = clients("s3")
    access = s3.get_public_access_block(Bucket="updraft-dev-bucket")["PublicAccessBlockConfiguration"]
    encryption = s3.get_bucket_encryption(Bucket="updraft-dev-bucket")["ServerSideEncryptionConfiguration"]
    assert set(access.values()) == {True}
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_bucket_name_of_another_account_is_refused_with_advice(clients: CountingClients) -> None:
    class NotOurs:
        def __init__(self, s3: Any) -> None:
            self.exceptions = s3.exceptions

        def head_bucket(self, **_: object) -> None:
            raise self.exceptions.ClientError(
                {"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket"
            )

    with pytest.raises(BucketNameTaken, match="UPDRAFT__AWS__BUCKET"):
        create_missing_bucket(Bucket(name="updraft-dev-bucket"), NotOurs(clients("s3")))


def test_losing_a_race_for_the_bucket_is_no_error(clients: CountingClients) -> None:
    class NotThereYet:
        def __init__(self, s3: Any) -> None:
            self._s3 = s3

        def __getattr__(self, name: str) -> Any:
            return getattr(self._s3, name)

        def head_bucket(self, **_: object) -> None:
            raise self.exceptions.ClientError(
                {"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket"
            )

    create_missing(RESOURCES, client=clients)

    assert create_missing_bucket(RESOURCES.bucket, NotThereYet(clients("s3"))) == []


def test_configuring_mends_a_creation_that_died_halfway(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    clients("dynamodb").update_continuous_backups(
        TableName="updraft-dev-dags", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    clients("s3").delete_public_access_block(Bucket="updraft-dev-bucket")

    configure(RESOURCES, place=PLACE, client=clients)

    assert recovery_status(clients, "updraft-dev-dags") == "ENABLED"
    access = clients("s3").get_public_access_block(Bucket="updraft-dev-bucket")
    assert set(access["PublicAccessBlockConfiguration"].values()) == {True}


def test_configuring_carries_a_changed_timeout_to_an_existing_queue(clients: CountingClients) -> None:
    create_missing(RESOURCES, client=clients)
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})

    configure(RESOURCES, place=PLACE, client=clients)

    assert queue_attributes(clients, "updraft-dev-tasks")["VisibilityTimeout"] == "1860"
