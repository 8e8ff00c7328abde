"""Calls take the rights that AWS says they take."""

from typing import Any

import pytest

from tests.budgets.rights import (
    BUCKET,
    FERNET_KEY,
    KEYTAB,
    PARAMETER,
    PLACE,
    SECRET,
    THE_BUCKET,
    THE_FERNET_KEY,
    Right,
    objects,
    queue,
    rights_of,
    table,
)

DAGS, RUNS = "updraft-budgets-dags", "updraft-budgets-dag_runs"


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("dynamodb", "GetItem", {"TableName": RUNS}, {("dynamodb:GetItem", table("dag_runs"))}),
        ("dynamodb", "Query", {"TableName": DAGS}, {("dynamodb:Query", table("dags"))}),
        (
            "dynamodb", "Query", {"TableName": DAGS, "IndexName": "due"},
            {("dynamodb:Query", table("dags", "due"))},
        ),
        (
            "dynamodb", "BatchGetItem", {"RequestItems": {DAGS: {}, RUNS: {}}},
            {("dynamodb:BatchGetItem", table("dags")), ("dynamodb:BatchGetItem", table("dag_runs"))},
        ),
        (
            "dynamodb", "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": RUNS}}, {"ConditionCheck": {"TableName": DAGS}}]},
            {("dynamodb:PutItem", table("dag_runs")), ("dynamodb:ConditionCheckItem", table("dags"))},
        ),
        ("sqs", "GetQueueUrl", {"QueueName": "updraft-budgets-tasks"}, {("sqs:GetQueueUrl", queue("tasks"))}),
        (
            "sqs", "SendMessageBatch", {"QueueUrl": "https://sqs.test/1/updraft-budgets-events-dead-letters"},
            {("sqs:SendMessage", queue("events-dead-letters"))},
        ),
        (
            "s3", "PutObject", {"Bucket": BUCKET, "Key": "logs/dag_id=a/b.log"},
            {("s3:PutObject", objects("logs"))},
        ),
        (
            "secretsmanager", "GetSecretValue", {"SecretId": KEYTAB},
            {("secretsmanager:GetSecretValue", SECRET)},
        ),
        ("ssm", "GetParameter", {"Name": KEYTAB}, {("ssm:GetParameter", PARAMETER)}),
        ("ssm", "GetParameter", {"Name": FERNET_KEY}, {("ssm:GetParameter", THE_FERNET_KEY)}),
        (
            "ssm", "GetParameter", {"Name": "/airflow/connections/db"},
            {("ssm:GetParameter", PLACE.arn("ssm", "parameter/airflow/connections/*"))},
        ),
        (
            "secretsmanager", "GetSecretValue", {"SecretId": "airflow/variables/city"},
            {("secretsmanager:GetSecretValue", PLACE.arn("secretsmanager", "secret:airflow/variables/*"))},
        ),
    ],
)  # fmt: skip
def test_a_call_takes_these_rights(
    service: str, operation: str, params: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    taken = rights_of(service, operation, params)
    assert taken == {Right(action=action, resource=resource) for action, resource in expected}


def test_resources_are_named_as_iam_names_them() -> None:
    here = "us-east-1:123456789012"
    assert table("dags", "due") == f"arn:aws:dynamodb:{here}:table/updraft-budgets-dags/index/due"
    assert queue("tasks") == f"arn:aws:sqs:{here}:updraft-budgets-tasks"
    assert objects("conf") == f"{THE_BUCKET}/conf/*" == "arn:aws:s3:::updraft-budgets-bucket/conf/*"


def test_a_service_that_no_function_has_called_so_far_is_not_passed_over() -> None:
    with pytest.raises(LookupError):
        rights_of("sns", "Publish", {"TopicArn": "arn:aws:sns:eu-west-1:1:updraft-x"})
