"""Entries of Chalice's record, written from what stands on AWS.

Names are the same on each machine, so the whole record can be had from AWS.
"""

from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import unless_missing
from chalicelib.deploy.deployed_functions import standing_configuration
from chalicelib.deploy.description.functions import (
    API_HANDLER,
    API_STAGE,
    HANDLERS,
    QUEUE_OF,
    TICK,
    function_name,
    role_name,
    tick_rule_name,
)
from chalicelib.settings import APP_NAME

Entry = dict[str, str]
"""An entry of the record; ``name`` and ``resource_type`` say what it is."""

NAMES = frozenset(
    {
        *HANDLERS,
        *(f"{handler}_role" for handler in HANDLERS),
        *(f"{handler}-sqs-event-source" for handler in QUEUE_OF),
        f"{TICK}-event",
        "rest_api",
    }
)
"""The names of the entries that ``standing_entries`` can give."""


def standing_entries(
    stage: str, *, recorded_api: str | None = None, client: aws.ClientFactory = aws.client
) -> list[Entry]:
    """What stands of the stage, as the entries that Chalice would have recorded."""
    entries: list[Entry] = []
    for handler in HANDLERS:
        entries += _role(stage, handler, client("iam"))
        functions = _function(stage, handler, client("lambda"))
        entries += functions
        if functions and handler in QUEUE_OF:
            entries += _mapping(stage, handler, functions[0]["lambda_arn"], client("lambda"))
        if handler == TICK:
            entries += _rule(stage, client("events"))
    return entries + _api(stage, recorded_api, client("apigateway"))


def _role(stage: str, handler: str, iam: Any) -> list[Entry]:
    name = role_name(stage, handler)
    role = unless_missing(lambda: iam.get_role(RoleName=name), missing="NoSuchEntity")
    if role is None:
        return []
    kind = {"name": f"{handler}_role", "resource_type": "iam_role"}
    return [kind | {"role_arn": role["Role"]["Arn"], "role_name": name}]


def _function(stage: str, handler: str, lambda_: Any) -> list[Entry]:
    function = standing_configuration(stage, handler, lambda_)
    if function is None:
        return []
    return [{"name": handler, "resource_type": "lambda_function", "lambda_arn": function["FunctionArn"]}]


def _mapping(stage: str, handler: str, function: str, lambda_: Any) -> list[Entry]:
    queue = f"{APP_NAME}-{stage}-{QUEUE_OF[handler]}"
    mappings = lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    kind = {"name": f"{handler}-sqs-event-source", "resource_type": "sqs_event"}
    return [
        kind
        | {
            "queue_arn": each["EventSourceArn"],
            "event_uuid": each["UUID"],
            "queue": queue,
            "lambda_arn": function,
        }
        for each in mappings
        if each["EventSourceArn"].endswith(f":{queue}") and each["State"] != "Deleting"
    ]


def _rule(stage: str, events: Any) -> list[Entry]:
    name = tick_rule_name(stage)
    rule = unless_missing(lambda: events.describe_rule(Name=name), missing="ResourceNotFoundException")
    if rule is None:
        return []
    return [{"name": f"{TICK}-event", "resource_type": "cloudwatch_event", "rule_name": name}]


def _api(stage: str, recorded: str | None, apigateway: Any) -> list[Entry]:
    pages = apigateway.get_paginator("get_rest_apis").paginate()
    apis = [api for page in pages for api in page["items"] if api["name"] == APP_NAME]
    own = [api for api in apis if _calls(api["id"], function_name(stage, API_HANDLER), apigateway)]
    if not own:
        return []
    own.sort(key=lambda api: (api["id"] != recorded, api["createdDate"]))
    url = (
        f"https://{own[0]['id']}.execute-api.{apigateway.meta.region_name}"
        f".{_dns_suffix(apigateway.meta.region_name)}/{API_STAGE}/"
    )
    return [
        {
            "name": "rest_api",
            "resource_type": "rest_api",
            "rest_api_id": own[0]["id"],
            "rest_api_url": url,
        }
    ]


def _dns_suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _calls(api: str, function: str, apigateway: Any) -> bool:
    """Whether a REST API leads to the function: all stages' have the app's name."""
    pages = apigateway.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    return any(
        f":function:{function}/invocations" in method.get("methodIntegration", {}).get("uri", "")
        for page in pages
        for resource in page["items"]
        for method in resource.get("resourceMethods", {}).values()
    )
