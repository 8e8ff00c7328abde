"""A stage is made although AWS does not know yet, or cannot do yet, what was asked for a moment ago."""

from typing import Any

import pytest

from chalicelib.deploy.aws_errors import ATTEMPTS, PAUSE_S
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import configure, create_missing
from chalicelib.deploy.provisioning.bucket import create_missing_bucket
from chalicelib.deploy.provisioning.connect_events import connect_events, disconnect_events
from chalicelib.deploy.provisioning.queues import SETTLES_AFTER_S
from chalicelib.deploy.steps import StepFailed
from tests.unit.deploy.aws_in_memory import PLACE, Aws
from tests.unit.deploy.event_services import QUEUES, SETTINGS, SHOP, sources
from tests.unit.deploy.test_deployment import Life, aws, engine, life, stage

__all__ = ["aws", "engine", "life", "stage"]  # the fixtures

NO_DEAD_LETTERS = (
    'Value {"deadLetterTargetArn": "…"} for parameter RedrivePolicy is invalid. '
    "Reason: Dead letter target does not exist."
)

TOO_EARLY = [
    ("CreateTable", "LimitExceededException", "one table with secondary indexes at a time"),
    ("DescribeContinuousBackups", "TableNotFoundException", "not yet"),
    ("UpdateContinuousBackups", "ContinuousBackupsUnavailableException", "backups are being enabled"),
    ("DescribeTimeToLive", "ResourceNotFoundException", "not yet"),
    ("UpdateTimeToLive", "ResourceInUseException", "being updated"),
    ("UpdateTimeToLive", "LimitExceededException", "too many at once"),
    ("CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", "wait 60 seconds"),
    ("CreateQueue", "InvalidParameterValue", NO_DEAD_LETTERS),
    ("CreateQueue", "AWS.SimpleQueueService.NonExistentQueue", NO_DEAD_LETTERS),
    ("GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue", "no such queue"),
    ("GetQueueUrl", "QueueDoesNotExist", "no such queue"),
    ("GetQueueAttributes", "AWS.SimpleQueueService.NonExistentQueue", "no such queue"),
    ("SetQueueAttributes", "QueueDoesNotExist", "no such queue"),
    ("CreateBucket", "OperationAborted", "a conflicting conditional operation is in progress"),
    ("PutPublicAccessBlock", "OperationAborted", "a conflicting conditional operation is in progress"),
    ("PutPublicAccessBlock", "NoSuchBucket", "not yet"),
    ("PutBucketEncryption", "OperationAborted", "a conflicting conditional operation is in progress"),
    ("PutBucketEncryption", "NoSuchBucket", "not yet"),
    ("CreateLogGroup", "OperationAbortedException", "multiple requests"),
    ("PutRetentionPolicy", "ResourceNotFoundException", "not yet"),
    ("PutRetentionPolicy", "OperationAbortedException", "multiple requests"),
    ("UpdateEventSourceMapping", "ResourceInUseException", "it is being created"),
    ("PutGatewayResponse", "ConflictException", "concurrent modification"),
    ("CreateDeployment", "TooManyRequestsException", "one in five seconds"),
]
"""(Operation, code, text) of requests that AWS may refuse for some seconds of a first deployment."""


@pytest.mark.parametrize(("operation", "code", "message"), TOO_EARLY)
def test_what_aws_refuses_for_a_moment_is_asked_again(
    life: Life, operation: str, code: str, message: str
) -> None:
    life.aws.refuse(operation, code, message, times=3)

    life.deploy()

    assert life.aws.refusals[operation] == []
    assert life.wrong() == {}
    assert life.aws.waited.count(PAUSE_S) == 3


def test_what_aws_goes_on_to_refuse_is_an_error_in_the_end(life: Life) -> None:
    life.aws.refuse("CreateTable", "LimitExceededException", "2,500 tables", times=1000)
    with pytest.raises(
        StepFailed, match=r"^Tables, queues, bucket and Fernet key: .*2,500 tables. Put that right"
    ):
        life.deploy()
    assert life.aws.waited == [PAUSE_S] * (ATTEMPTS - 1)


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("CreateQueue", "InvalidParameterValue", "Value for parameter VisibilityTimeout is invalid."),
        ("CreateBucket", "InvalidBucketName", "no name"),
        ("PutRetentionPolicy", "InvalidParameterException", "no such retention"),
    ],
)
def test_what_aws_refuses_for_good_is_asked_once(life: Life, operation: str, code: str, message: str) -> None:
    life.aws.refuse(operation, code, message)
    with pytest.raises(StepFailed, match=code):
        life.deploy()
    assert PAUSE_S not in life.aws.waited
    life.deploy()
    assert life.wrong() == {}


def test_queues_are_left_alone_for_a_second_and_those_of_dead_letters_are_there_first(aws: Aws) -> None:
    resources = stage_resources(SETTINGS)
    made = create_missing(resources, client=aws.client, settle_s=SETTLES_AFTER_S, sleep=aws.sleep)
    queues = [
        name for name in made if name in {n for q in resources.queues for n in (q.name, q.dead_letters)}
    ]
    assert [name.endswith("-dead-letters") for name in queues] == [True] * 4 + [False] * 4
    assert aws.waited == [1.0, 1.0]
    assert {"GetQueueUrl", "GetQueueAttributes"} & set(aws.calls) == set()

    aws.waited.clear()
    assert create_missing(resources, client=aws.client, settle_s=SETTLES_AFTER_S, sleep=aws.sleep) == ()
    assert aws.waited == []


def test_what_was_just_made_is_configured_once(life: Life) -> None:
    life.deploy()
    for operation in ("PutPublicAccessBlock", "PutBucketEncryption"):
        assert life.aws.calls.count(operation) == 1
    assert life.aws.calls.count("UpdateContinuousBackups") == len(stage_resources(SETTINGS).tables)
    life.aws.calls.clear()
    life.deploy()
    assert life.aws.calls.count("PutBucketEncryption") == 1
    assert life.aws.calls.count("UpdateContinuousBackups") == 0


def test_a_queue_that_is_there_and_not_listed_yet_is_taken_and_brought_to_what_it_should_be(aws: Aws) -> None:
    resources = stage_resources(SETTINGS)
    aws.client("sqs").create_queue(QueueName="updraft-dev-tasks", Attributes={"VisibilityTimeout": "7"})
    unlisted = ClientWithout(aws, "sqs", "list_queues", {})
    made = create_missing(resources, client=unlisted, sleep=aws.sleep)
    assert "updraft-dev-tasks" not in made
    configure(resources, place=PLACE, without=made, client=aws.client, sleep=aws.sleep)
    url = aws.client("sqs").get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert answer["Attributes"] == {"VisibilityTimeout": "1860"}


class ClientWithout:
    """Clients of which one answers a call always the same."""

    def __init__(self, aws: Aws, service: str, call: str, answer: Any) -> None:
        self._aws, self._service, self._call, self._answer = aws, service, call, answer

    def __call__(self, service: str) -> Any:
        client = self._aws.client(service)
        if service != self._service:
            return client
        return Blind(client, self._call, self._answer)


class Blind:
    """A client that answers one call always the same."""

    def __init__(self, client: Any, call: str, answer: Any) -> None:
        self._client, self._call, self._answer = client, call, answer

    def __getattr__(self, name: str) -> Any:
        return (lambda **_: self._answer) if name == self._call else getattr(self._client, name)


def test_a_bucket_that_s3_calls_ours_although_it_is_gone_is_made(aws: Aws) -> None:
    aws.refuse("CreateBucket", "BucketAlreadyOwnedByYou", "you own it", times=2)
    bucket = stage_resources(SETTINGS).bucket
    assert create_missing_bucket(bucket, aws.client("s3"), sleep=aws.sleep) == [bucket.name]
    assert aws.waited == [PAUSE_S] * 2
    assert [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]] == [bucket.name]


def test_a_stage_can_be_deployed_right_after_all_of_it_was_destroyed(life: Life) -> None:
    life.deploy()
    life.aws.refuse("DeleteTable", "LimitExceededException", times=2)
    life.aws.refuse("DeleteBucket", "BucketNotEmpty", "somebody wrote", times=2)
    life.destroy(data=True)
    life.aws.refuse("CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", times=5)
    life.aws.refuse("CreateBucket", "OperationAborted", times=5)
    life.deploy()
    assert life.wrong() == {}


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("PutRule", "ConcurrentModificationException", "being changed"),
        ("PutTargets", "ConcurrentModificationException", "being changed"),
        ("PutTargets", "ResourceNotFoundException", "Rule does not exist on EventBus default."),
    ],
)
def test_a_rule_that_is_being_changed_is_connected_when_it_has_time(
    aws: Aws, operation: str, code: str, message: str
) -> None:
    with_queues(aws)
    aws.refuse(operation, code, message, times=3)
    connect_events(sources(SHOP), client=aws.client, sleep=aws.sleep)
    assert aws.waited == [PAUSE_S] * 3
    (rule,) = aws.client("events").list_rules()["Rules"]
    assert len(aws.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]) == 1


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("RemoveTargets", "ConcurrentModificationException", "being changed"),
        ("DeleteRule", "ConcurrentModificationException", "being changed"),
        ("DeleteRule", "ValidationException", "Rule can't be deleted since it has targets."),
    ],
)
def test_a_rule_that_is_being_changed_is_removed_when_it_has_time(
    aws: Aws, operation: str, code: str, message: str
) -> None:
    with_queues(aws)
    connect_events(sources(SHOP), client=aws.client, sleep=aws.sleep)
    aws.refuse(operation, code, message, times=3)
    disconnect_events(sources(), client=aws.client, sleep=aws.sleep)
    assert aws.client("events").list_rules()["Rules"] == []
    assert aws.waited == [PAUSE_S] * 3


def with_queues(aws: Aws) -> None:
    for name in QUEUES:
        aws.client("sqs").create_queue(QueueName=name)
