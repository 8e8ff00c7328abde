"""The policies of bucket and queues: what of them is ours, and what they come to.

An emulator's evaluator of policies, which follows AWS's rules, says what they allow and deny.
"""

from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from chalicelib.deploy.description.resource_policy import (
    TLS_ONLY,
    bucket_statement,
    merged,
    says,
    tls_only,
)

BUCKET = bucket_statement("aws", "acme-runs")
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:updraft-dev-tasks"
PARTNER = {
    "Sid": "Partner",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::acme-runs/logs/*",
}


def decision(policy: dict[str, Any], action: str, resource: str, *, tls: bool) -> str:
    asked = EvalContext(
        principal_arn="arn:aws:sts::123456789012:assumed-role/updraft-dev-worker/updraft-dev-worker",
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=action,
        resource_arn=resource,
        region="eu-west-1",
        secure_transport=tls,
    )
    return str(evaluate_resource_policy(policy, asked).decision)


@pytest.mark.parametrize(
    ("statement", "action", "resource"),
    [
        (BUCKET, "s3:GetObject", "arn:aws:s3:::acme-runs/logs/dag_id=a/1.log"),
        (BUCKET, "s3:ListBucket", "arn:aws:s3:::acme-runs"),
        (tls_only("sqs", [QUEUE]), "sqs:SendMessage", QUEUE),
    ],
)
def test_only_what_comes_without_tls_is_denied(statement: dict[str, Any], action: str, resource: str) -> None:
    policy = merged({}, [statement], (TLS_ONLY,))
    assert policy["Version"] == "2012-10-17"
    assert decision(policy, action, resource, tls=False) == "Deny"
    # Then it is up to the policies of who asks.
    assert decision(policy, action, resource, tls=True) == "ImplicitDeny"
    others = resource.replace("acme-runs", "acme-runs-2").replace("tasks", "tasks-2")
    assert decision(policy, action, others, tls=False) == "ImplicitDeny"


def test_the_statements_of_others_stay_as_they_are() -> None:
    standing = {
        "Version": "2008-10-17",
        "Id": "theirs",
        "Statement": [{**BUCKET, "Action": "s3:Old"}, PARTNER],
    }
    once = merged(standing, [BUCKET], (TLS_ONLY,))
    assert once == {"Version": "2008-10-17", "Id": "theirs", "Statement": [PARTNER, BUCKET]}
    assert merged(once, [BUCKET], (TLS_ONLY,)) == once


def test_a_policy_of_one_statement_may_have_no_list() -> None:
    assert merged({"Statement": PARTNER}, [BUCKET], (TLS_ONLY,))["Statement"] == [PARTNER, BUCKET]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Resource": list(reversed(BUCKET["Resource"]))},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": ["*"]}},
        {"Action": ["s3:*"]},
        {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}},
    ],
)
def test_aws_may_write_a_statement_in_its_own_way(change: dict[str, Any]) -> None:
    assert says({"Statement": [PARTNER, BUCKET | change]}, BUCKET)


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Allow"},
        {"Action": "s3:GetObject"},
        {"Resource": BUCKET["Resource"][:1]},
        {"Principal": {"AWS": "123456789012"}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {}},
    ],
)
def test_a_statement_that_says_something_else_is_none_of_ours(change: dict[str, Any]) -> None:
    assert not says({"Statement": [BUCKET | change]}, BUCKET)
    assert not says({}, BUCKET)
