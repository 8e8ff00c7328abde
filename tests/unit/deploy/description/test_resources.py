"""What a stage consists of, and that `.chalice` agrees with it.

(`tests/budgets/test_policies.py` compares each policy as a whole with what its function does.)
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from chalicelib.deploy.description.functions import HANDLERS
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.policies import filled_in
from chalicelib.deploy.description.resources import (
    DEAD_LETTER_RETENTION_S,
    QUEUE_RETENTION_S,
    stage_resources,
)
from chalicelib.settings import Settings

CHALICE = Path(__file__).parents[4] / ".chalice"
CONFIG = json.loads((CHALICE / "config.json").read_text())

TABLES_OF_THE_AUTHORIZER = ("users", "logins", "kerberos_replays")

NOTES_WHERE_CALLERS_COME_FROM = ("api_handler", "UpdateItem", "logins")
"""Without the key of the digests there it can prove nothing to the authorizer."""

RESOURCES = stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"}))


def policy(handler: str) -> list[dict[str, Any]]:
    name = CONFIG["lambda_functions"][handler]["iam_policy_file"]
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    place = Place(partition="aws", region="eu-west-1", account="123456789012")
    statements: list[dict[str, Any]] = filled_in(json.loads((CHALICE / name).read_text()), settings, place)[
        "Statement"
    ]
    return statements


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def is_allowed(handler: str, action: str, arn: str) -> bool:
    """As IAM decides: an explicit Deny wins over any Allow."""
    effects = {
        statement["Effect"]
        for statement in policy(handler)
        if any(fnmatchcase(action, each) for each in as_list(statement["Action"]))
        and any(fnmatchcase(arn, each) for each in as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def table_arn(name: str) -> str:
    return f"arn:aws:dynamodb:eu-west-1:123456789012:table/updraft-dev-{name}"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:eu-west-1:123456789012:updraft-dev-{name}"


def granted_resources() -> Iterator[str]:
    for handler in HANDLERS:
        for statement in policy(handler):
            yield from as_list(statement["Resource"])


def test_every_resource_of_a_stage_carries_its_name() -> None:
    names = [*(table.name for table in RESOURCES.tables), *(queue.name for queue in RESOURCES.queues)]
    assert len(set(names)) == len(names)
    assert all(name.startswith("updraft-dev-") for name in names)


def test_the_bucket_is_called_as_the_settings_say() -> None:
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "prod", "UPDRAFT__AWS__BUCKET": "updraft-acme"})
    assert stage_resources(settings).bucket.name == "updraft-acme"


def test_a_message_outlasts_the_function_that_handles_it() -> None:
    visibility = {queue.name: queue.visibility_timeout_s for queue in RESOURCES.queues}
    assert visibility == {
        "updraft-dev-scheduling": 360,
        "updraft-dev-tasks": 1860,
        "updraft-dev-triggers": 1800,
        "updraft-dev-events": 360,
    }


@pytest.mark.parametrize("seconds", ["30", "900", "1800"])
def test_a_task_outlasts_its_worker_whatever_time_the_stage_gives_it(seconds: str) -> None:
    settings = Settings.from_environ({"UPDRAFT__WORKER__TIMEOUT": seconds})
    tasks = next(queue for queue in stage_resources(settings).queues if queue.name == "updraft-local-tasks")
    assert tasks.visibility_timeout_s == int(seconds) + 60


def test_a_dead_letter_outlives_the_queue_it_comes_from() -> None:
    assert DEAD_LETTER_RETENTION_S > QUEUE_RETENTION_S


def test_clients_reach_the_shipped_stages_in_their_region_in_every_partition() -> None:
    assert CONFIG["api_gateway_endpoint_type"] == "REGIONAL"  # GovCloud and China have no EDGE


@pytest.mark.parametrize("stage", CONFIG["stages"])
def test_a_chalice_stage_names_its_resources_after_itself(stage: str) -> None:
    assert CONFIG["stages"][stage]["environment_variables"]["UPDRAFT__AWS__STAGE"] == stage


def test_every_handler_has_a_policy_of_its_own() -> None:
    assert set(CONFIG["lambda_functions"]) == set(HANDLERS)
    assert CONFIG["autogen_policy"] is False
    assert len({CONFIG["lambda_functions"][handler]["iam_policy_file"] for handler in HANDLERS}) == 7


def test_policies_grant_nothing_outside_of_the_stage() -> None:
    assert all("updraft-dev" in resource for resource in granted_resources())


@pytest.mark.parametrize("handler", ["api_handler", "scheduler", "worker", "triggerer", "events", "tick"])
def test_nobody_but_the_authorizer_sees_or_changes_what_logins_rest_on(handler: str) -> None:
    for action in ("GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem"):
        for name in TABLES_OF_THE_AUTHORIZER:
            is_expected = (handler, action, name) == NOTES_WHERE_CALLERS_COME_FROM
            assert is_allowed(handler, f"dynamodb:{action}", table_arn(name)) is is_expected


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject"])
def test_the_key_of_the_digests_is_the_authorizers_alone(handler: str, action: str) -> None:
    key = "arn:aws:s3:::updraft-dev-bucket/auth/proof_key"
    assert is_allowed(handler, action, key) is (handler == "authorizer")


def test_the_authorizer_reads_users_counts_checks_enters_authenticators_and_no_more() -> None:
    actions = ("GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem")
    names = [each.name.removeprefix("updraft-dev-") for each in RESOURCES.tables]
    allowed = {
        (action, name)
        for action in actions
        for name in names
        if is_allowed("authorizer", f"dynamodb:{action}", table_arn(name))
    }
    assert allowed == {
        ("BatchGetItem", "users"),
        ("BatchGetItem", "logins"),
        ("UpdateItem", "logins"),
        ("PutItem", "kerberos_replays"),
    }


@pytest.mark.parametrize(
    ("handler", "queue"), [("scheduler", "scheduling"), ("worker", "tasks"), ("events", "events")]
)
def test_a_handler_receives_from_its_own_queue_only(handler: str, queue: str) -> None:
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        assert is_allowed(handler, f"sqs:{action}", queue_arn(queue))
        others = {"tasks", "scheduling", "events", f"{queue}-dead-letters"} - {queue}
        assert not any(is_allowed(handler, f"sqs:{action}", queue_arn(other)) for other in others)


def test_an_event_may_make_a_run_and_change_nothing_that_is_there() -> None:
    for table in ("dag_runs", "dag_run_ids", "unfinished_runs"):
        assert is_allowed("events", "dynamodb:PutItem", table_arn(table))
        assert not is_allowed("events", "dynamodb:DeleteItem", table_arn(table))
    assert is_allowed("events", "dynamodb:UpdateItem", table_arn("dags"))
    assert not is_allowed("events", "dynamodb:GetItem", table_arn("task_instances"))


@pytest.mark.parametrize(
    ("handler", "queues"),
    [
        ("api_handler", {"scheduling"}),
        ("authorizer", set()),
        ("scheduler", {"scheduling", "tasks"}),
        ("worker", {"scheduling", "tasks"}),
        ("events", {"scheduling", "events", "events-dead-letters"}),
        ("tick", {"scheduling"}),
    ],
)
def test_handlers_send_to_the_queues_they_feed(handler: str, queues: set[str]) -> None:
    queues_of_stage = ("scheduling", "tasks", "events")
    every = {*queues_of_stage, *(f"{name}-dead-letters" for name in queues_of_stage)}
    assert {name for name in every if is_allowed(handler, "sqs:SendMessage", queue_arn(name))} == queues
