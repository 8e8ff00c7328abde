"""The tables, queues, bucket and Fernet key of a stage compared with their description. Changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import error_code
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.resource_policy import bucket_statement, says, tls_only
from chalicelib.deploy.description.resources import Bucket, KeyParameter, Queue, StageResources, Table
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.provisioning.bucket import bucket_policy, expecting
from chalicelib.deploy.provisioning.fernet_key import SECURE, key_type
from chalicelib.deploy.provisioning.queues import dead_letter_attributes, queue_attributes, queue_url
from chalicelib.deploy.provisioning.tables import key_schema, recovery_is_on

WITHOUT_TLS = "takes requests without TLS"
"""What is wrong with a bucket or queue whose policy does not refuse them."""


def check_resources(
    resources: StageResources, *, place: Place, client: aws.ClientFactory = aws.client
) -> Iterator[Finding]:
    """One finding each; about 3 requests per table and queue."""
    for table in resources.tables:
        yield _table(table, client("dynamodb"))
    for queue in resources.queues:
        yield from _queue(queue, client("sqs"))
    yield _bucket(resources.bucket, place, client("s3"))
    if resources.fernet_key:
        yield _fernet_key(resources.fernet_key, client("ssm"))


def _table(table: Table, dynamodb: Any) -> Finding:
    subject = f"table {table.name}"
    try:
        described = dynamodb.describe_table(TableName=table.name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return gone(subject)
    if described["KeySchema"] != key_schema(table.hash_key, table.range_key):
        return Finding(
            subject=subject,
            problems=("has other keys than this version's",),
            remedy="keys cannot be changed: deploy the version that made it, or another stage",
        )
    problems = (*_index_problems(table, described), *_settings_problems(table, dynamodb))
    return Finding(subject=subject, problems=problems)


def _index_problems(table: Table, described: dict[str, Any]) -> Iterator[str]:
    states = {
        index["IndexName"]: index.get("IndexStatus", "UNKNOWN")
        for index in described.get("GlobalSecondaryIndexes", ())
    }
    if described["TableStatus"] not in ("ACTIVE", "UPDATING"):
        yield f"is {described['TableStatus']}"
    for index in table.indexes:
        if states.get(index.name) != "ACTIVE":
            yield f"its index {index.name} is {states.get(index.name, 'missing')}"


def _settings_problems(table: Table, dynamodb: Any) -> Iterator[str]:
    if not recovery_is_on(table.name, dynamodb):
        yield "its point-in-time recovery is off"
    if table.expires_at:
        expiry = dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
        if expiry["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
            yield "its items do not expire"


def _queue(queue: Queue, sqs: Any) -> Iterator[Finding]:
    """The dead letters first: the queue names them."""
    dead_letters = _attributes(queue.dead_letters, sqs)
    subject = f"queue {queue.dead_letters}"
    yield (
        Finding(subject=subject, problems=_problems(dead_letters, dead_letter_attributes()))
        if dead_letters
        else gone(subject)
    )
    attributes = _attributes(queue.name, sqs)
    subject = f"queue {queue.name}"
    if not attributes:
        yield gone(subject)
    elif not dead_letters:
        yield Finding(subject=subject, problems=("has no queue for its dead letters",))
    else:
        wanted = queue_attributes(queue, dead_letters["QueueArn"])
        yield Finding(subject=subject, problems=_problems(attributes, wanted))


def _attributes(name: str, sqs: Any) -> dict[str, str]:
    """The attributes of a queue; none of one that is not there."""
    try:
        answer = sqs.get_queue_attributes(QueueUrl=queue_url(name, sqs), AttributeNames=["All"])
    except sqs.exceptions.QueueDoesNotExist:
        return {}
    attributes: dict[str, str] = answer["Attributes"]
    return attributes


def _problems(attributes: dict[str, str], wanted: dict[str, str]) -> tuple[str, ...]:
    policy = json.loads(attributes.get("Policy") or "{}")
    refuses = says(policy, tls_only("sqs", [attributes["QueueArn"]]))
    return (*_differences(attributes, wanted), *(() if refuses else (WITHOUT_TLS,)))


def _differences(attributes: dict[str, str], wanted: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"its {name} is {attributes.get(name, 'not set')}, not {value}"
        for name, value in wanted.items()
        if _comparable(attributes.get(name)) != _comparable(value)
    )


def _comparable(value: str | None) -> Any:
    """Of a redrive policy what it says: SQS writes it as it likes, numbers as texts too."""
    if value is None or not value.startswith("{"):
        return value
    return {key: str(part) for key, part in json.loads(value).items()}


def _bucket(bucket: Bucket, place: Place, s3: Any) -> Finding:
    from botocore.exceptions import ClientError

    subject = f"bucket {bucket.name}"
    try:
        s3.head_bucket(Bucket=bucket.name, **expecting(place.account))
    except ClientError as error:
        if error_code(error) == "404":
            return gone(subject)
        if error_code(error) != "403":
            raise
        return Finding(
            subject=subject,
            problems=("is somebody else's, or these credentials may not see it",),
            remedy="set UPDRAFT__AWS__BUCKET to a name of your own",
        )
    return Finding(subject=subject, problems=tuple(_bucket_problems(bucket, place, s3)))


def _bucket_problems(bucket: Bucket, place: Place, s3: Any) -> Iterator[str]:
    if not _is_closed(bucket, place.account, s3):
        yield "is not closed to the public"
    policy = bucket_policy(bucket, s3, place.account)
    if not says(policy, bucket_statement(place.partition, bucket.name)):
        yield WITHOUT_TLS


def _is_closed(bucket: Bucket, owner: str, s3: Any) -> bool:
    from botocore.exceptions import ClientError

    try:
        answer = s3.get_public_access_block(Bucket=bucket.name, **expecting(owner))
    except ClientError as error:
        if error_code(error) != "NoSuchPublicAccessBlockConfiguration":
            raise
        return False
    return all(answer["PublicAccessBlockConfiguration"].values())


def _fernet_key(parameter: KeyParameter, ssm: Any) -> Finding:
    subject = f"parameter {parameter.name}"
    found = key_type(parameter, ssm)
    if found is None:
        return gone(subject)
    if found == SECURE:
        return Finding(subject=subject)
    return Finding(
        subject=subject,
        problems=(f"is a {found}: the Fernet key lies there unencrypted",),
        remedy=f"put its keys, after a new one and a comma, into a {SECURE} of that name in its place, then "
        "'python -m chalicelib rotate-fernet-key'",
    )
