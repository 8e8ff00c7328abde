"""Each function may do what it does, and nothing else: the policies in ``.chalice`` against ``use_cases``."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from chalicelib.deploy.description.resources import stage_resources
from chalicelib.settings import Settings
from tests.budgets.functions import OPERATOR, Functions
from tests.budgets.rights import Asked, Right, queue
from tests.budgets.use_cases import USE_CASES
from tests.integration.store.conftest import empty_tables

CHALICE = Path(__file__).parents[2] / ".chalice"
POLICIES = {
    name: json.loads((CHALICE / options["iam_policy_file"]).read_text())
    for name, options in json.loads((CHALICE / "config.json").read_text())["lambda_functions"].items()
}

LOG_GROUPS = {name: f"arn:*:logs:*:*:log-group:/aws/lambda/updraft-*-{name}*" for name in POLICIES} | {
    "api_handler": "arn:*:logs:*:*:log-group:/aws/lambda/updraft-*"  # Chalice names it updraft-<stage>
}
LOGGING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
"""What Lambda's runtime does in a function's name (AWS, ``AWSLambdaBasicExecutionRole``)."""

FED_BY = {"scheduler": "scheduling", "worker": "tasks", "events": "events"}
RECEIVING = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
"""What Lambda's poller does in a function's name (AWS, ``AWSLambdaSQSQueueExecutionRole``)."""

OWN = "My"
"""Begins the ``Sid`` of what the user's tasks need, in the worker's policy; the README says so."""

LARGEST_POLICY = 10_240
"""Characters of a role's inline policies together, white space not counted (AWS, IAM quotas)."""


@pytest.fixture(scope="module")
def asked(stage: Settings) -> Asked:
    """What the functions ask for in all their uses, each on empty tables and by new processes."""
    asked = Asked()
    for use in USE_CASES:
        empty_tables()
        asked.use_case = use.__name__
        use(Functions(stage, asked))
    return asked


def allowed(policy: dict[str, Any]) -> list[Right]:
    """What a policy's statements allow our own code, each right as often as it is given."""
    return [
        Right(action=action, resource=resource)
        for statement in policy["Statement"]
        if not statement["Sid"].startswith(OWN)
        for action in _each(statement["Action"])
        for resource in _each(statement["Resource"])
    ]


def _each(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def of_lambda(function: str) -> set[Right]:
    """What Lambda itself does in a function's name."""
    logging = {Right(action=action, resource=LOG_GROUPS[function]) for action in LOGGING}
    if function not in FED_BY:
        return logging
    return logging | {Right(action=action, resource=queue(FED_BY[function])) for action in RECEIVING}


def test_only_the_worker_runs_code_that_may_need_rights_of_its_own() -> None:
    having_own = {
        name
        for name, policy in POLICIES.items()
        if any(statement["Sid"].startswith(OWN) for statement in policy["Statement"])
    }
    assert having_own <= {"worker"}


def test_every_function_is_used(asked: Asked) -> None:
    assert set(asked.rights) == {*POLICIES, OPERATOR}


@pytest.mark.parametrize("function", POLICIES)
def test_a_function_may_do_what_it_does(asked: Asked, function: str) -> None:
    given = {*allowed(POLICIES[function])}
    missing = {right: use for right, use in asked.first_in[function].items() if right not in given}
    assert missing == {}
    assert of_lambda(function) - given == set()


@pytest.mark.parametrize("function", POLICIES)
def test_a_function_may_do_nothing_else(asked: Asked, function: str) -> None:
    given = allowed(POLICIES[function])
    assert {*given} - asked.rights[function] - of_lambda(function) == set()
    assert len(given) == len({*given}), "a right is given twice"


@pytest.mark.parametrize("function", POLICIES)
def test_a_policy_says_what_it_allows_and_no_more(function: str) -> None:
    policy = POLICIES[function]
    assert {key for statement in policy["Statement"] for key in statement} == {
        "Sid", "Effect", "Action", "Resource",
    }  # fmt: skip
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    assert not any("*" in right.action for right in allowed(policy))
    assert len("".join(json.dumps(policy).split())) <= LARGEST_POLICY


@pytest.mark.parametrize("function", POLICIES)
def test_a_table_or_queue_that_is_named_is_the_only_one_that_is_meant(function: str) -> None:
    resources = stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": "prod"}))
    tables = [f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table.name}" for table in resources.tables]
    queues = [
        f"arn:aws:sqs:eu-west-1:123456789012:{name}"
        for each in resources.queues
        for name in (each.name, each.dead_letters)
    ]
    for right in allowed(POLICIES[function]):
        if right.action.startswith(("dynamodb:", "sqs:")):
            pattern = right.resource.partition("/index/")[0]
            assert len([arn for arn in tables + queues if fnmatchcase(arn, pattern)]) == 1, right
