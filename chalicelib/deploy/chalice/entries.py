"""What of a stage stands on AWS, and Chalice's record of it made to say so.

Chalice 1.34 writes ``.chalice/deployed/<stage>.json`` at the very end of a deployment and believes it at the
next: after one that was killed, or from another checkout, it would make a second REST API and be refused
the event source mappings, which exist; and a deletion that was killed fails on what is gone. Names are the
same on each machine, so the record can be had from AWS.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib import aws
from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.aws_still_busy import error_code
from chalicelib.deploy.stages import StageError
from chalicelib.settings import APP_NAME, Settings

API_HANDLER = "api_handler"
"""Chalice's name for the function behind the REST API; the function's own name goes without."""

API_STAGE = "api"
"""The stage in the URL; it makes the paths Airflow's own, ``/api/experimental/...``."""

QUEUE_OF = {"scheduler": "scheduling", "worker": "tasks", "events": "events"}
"""The handlers in ``app.py`` that a queue feeds, and its name."""

WORKER = "worker"

TICK = "tick"

AUTHORIZER = "authorizer"

HANDLERS = (*QUEUE_OF, TICK, API_HANDLER, AUTHORIZER)
"""All functions, in the order of Chalice's record: deletion goes through it backwards."""

Entry = dict[str, str]
"""An entry of the record; ``name`` and ``resource_type`` say what it is."""


def function_name(stage: str, handler: str) -> str:
    """The name that Chalice gives the function."""
    prefix = f"{APP_NAME}-{stage}"
    return prefix if handler == API_HANDLER else f"{prefix}-{handler}"


def logical_id(name: str) -> str:
    """The words of a name in CamelCase, as Chalice makes ids of a template, which are letters and digits."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def role_name(stage: str, handler: str) -> str:
    """The name that Chalice gives the function's role."""
    return f"{APP_NAME}-{stage}-{handler}"


def role_policy_id(handler: str) -> str:
    """The name that Chalice's template gives the policy of the function's role."""
    return f"{logical_id(handler)}RolePolicy"


def tick_rule_name(stage: str) -> str:
    """The name that Chalice gives the rule of the minute tick."""
    return f"{APP_NAME}-{stage}-{TICK}-event"


def maximum_concurrency(handler: str, settings: Settings) -> int:
    """How many of a function its queue may call at once, as its decorator in ``handlers`` has it."""
    return {
        "scheduler": settings.scheduler_concurrency,
        "worker": settings.parallelism,
        "events": settings.events_concurrency,
    }[handler]


def handlers_behind(auth_backend: str) -> tuple[str, ...]:
    """The functions of a stage: an open one has no authorizer. Raises ``UnknownBackend``."""
    is_open = without_credentials(auth_backend).allowed
    return tuple(handler for handler in HANDLERS if handler != AUTHORIZER or not is_open)


def restore_record(project: Path, stage: str, *, client: aws.ClientFactory = aws.client) -> tuple[Entry, ...]:
    """Make Chalice's record say what stands; its entries.

    What it has of other kinds (a domain name, say) stays. Where several REST APIs call the stage's function
    the recorded one counts, else the oldest. Some 20 requests.
    """
    path = project / ".chalice" / "deployed" / f"{stage}.json"
    recorded: list[Entry] = json.loads(path.read_text())["resources"] if path.exists() else []
    found = standing(stage, recorded_api=_recorded_api(recorded), client=client)
    others = [entry for entry in recorded if entry["name"] not in _names()]
    entries = [*found, *others]
    if entries != recorded:
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {"resources": entries, "schema_version": "2.0", "backend": "api"}
        path.write_text(json.dumps(record, indent=2) + "\n")
    return tuple(entries)


def standing(
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


def standing_configuration(stage: str, handler: str, lambda_: Any) -> dict[str, Any] | None:
    """A function's configuration, as Lambda tells it; None where there is no such function. 1 request."""
    name = function_name(stage, handler)
    return _unless_missing(
        lambda: lambda_.get_function_configuration(FunctionName=name), missing="ResourceNotFoundException"
    )


def standing_runtime(stage: str, *, client: aws.ClientFactory = aws.client) -> str | None:
    """The runtime of the stage's functions, by the API's; None where there is none. 1 request."""
    configuration = standing_configuration(stage, API_HANDLER, client("lambda"))
    return None if configuration is None else str(configuration["Runtime"])


def refuse_stack(stage: str, *, client: aws.ClientFactory = aws.client) -> None:
    """Raise ``StageError`` if the stage is a CloudFormation stack, whose parts are the stack's to change.

    2 requests.
    """
    functions = _function(stage, API_HANDLER, client("lambda"))
    if not functions:
        return
    tags = client("lambda").list_tags(Resource=functions[0]["lambda_arn"])["Tags"]
    stack = tags.get("aws:cloudformation:stack-name")
    if stack:
        raise StageError(
            f"Stage {stage} is the CloudFormation stack {stack}: update it by 'python -m chalicelib package' "
            "and 'aws cloudformation deploy', take it down by 'aws cloudformation delete-stack'"
        )


def _names() -> set[str]:
    """The names of the entries that ``standing`` can give."""
    roles = {f"{handler}_role" for handler in HANDLERS}
    mappings = {f"{handler}-sqs-event-source" for handler in QUEUE_OF}
    return {*HANDLERS, *roles, *mappings, f"{TICK}-event", "rest_api"}


def _recorded_api(recorded: list[Entry]) -> str | None:
    ids = [entry["rest_api_id"] for entry in recorded if entry["resource_type"] == "rest_api"]
    return ids[0] if ids else None


def _role(stage: str, handler: str, iam: Any) -> list[Entry]:
    name = role_name(stage, handler)
    role = _unless_missing(lambda: iam.get_role(RoleName=name), missing="NoSuchEntity")
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
    rule = _unless_missing(lambda: events.describe_rule(Name=name), missing="ResourceNotFoundException")
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


def _unless_missing(call: Callable[[], dict[str, Any]], *, missing: str) -> dict[str, Any] | None:
    """The answer, or None where AWS says by that error code that there is no such thing."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if error_code(error) != missing:
            raise
        return None
