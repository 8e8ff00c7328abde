"""Whether what ``chalice deploy`` made, and what follows it, is as the app needs it. Changes nothing."""

from collections.abc import Iterator
from typing import Any

from chalicelib import aws
from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.checks.policies import policy_problems
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.provisioning.api_gateway import GatewayResponse, gateway_responses, settings_of
from chalicelib.deploy.provisioning.finish import LOOPING_HANDLERS
from chalicelib.deploy.provisioning.functions import environment
from chalicelib.deploy.stages import Stage
from chalicelib.deploy.standing import (
    API_HANDLER,
    QUEUE_OF,
    TICK,
    Entry,
    function_name,
    handlers_behind,
    standing,
)


def check_deployment(
    stage: Stage, *, recorded_api: str | None = None, client: aws.ClientFactory = aws.client
) -> Iterator[Finding]:
    """One finding for each function, event source mapping, the rule and the REST API; some 60 requests."""
    entries = {
        entry["name"]: entry for entry in standing(stage.name, recorded_api=recorded_api, client=client)
    }
    for handler in handlers_behind(stage.settings.auth_backend):
        yield _function(stage, handler, entries, client)
    for handler in QUEUE_OF:
        yield _mapping(handler, entries, client("lambda"))
    yield _rule(entries, client("events"))
    yield _api(stage, entries, client("apigateway"))


def _function(stage: Stage, handler: str, entries: dict[str, Entry], client: aws.ClientFactory) -> Finding:
    subject = f"function {function_name(stage.name, handler)}"
    if handler not in entries:
        return gone(subject)
    lambda_, function = client("lambda"), entries[handler]["lambda_arn"]
    role = entries.get(f"{handler}_role")
    if role is None:
        problems = ["its role is missing: it cannot run"]
    else:
        problems = list(policy_problems(stage, handler, role["role_name"], client("iam")))
    if environment(function, lambda_) != dict(stage.variables):
        problems.append("its environment variables are not those in .chalice/config.json")
    if handler in LOOPING_HANDLERS:
        config = lambda_.get_function_recursion_config(FunctionName=function)
        if config["RecursiveLoop"] != "Allow":
            problems.append(
                "Lambda will stop it in runs of more than some 16 tasks in a row (recursion config)"
            )
    return Finding(subject=subject, problems=tuple(problems))


def _mapping(handler: str, entries: dict[str, Entry], lambda_: Any) -> Finding:
    subject = f"event source of {handler}"
    entry = entries.get(f"{handler}-sqs-event-source")
    if entry is None:
        return gone(subject)
    mapping = lambda_.get_event_source_mapping(UUID=entry["event_uuid"])
    problems = []
    if mapping["State"] not in ("Enabled", "Enabling", "Updating", "Creating"):
        problems.append(f"is {mapping['State'].lower()}: messages wait")
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", ()):
        problems.append("does not report partial batch failures: failed messages are lost")
    enable = f"aws lambda update-event-source-mapping --uuid {entry['event_uuid']} --enabled"
    disabled = mapping["State"].startswith("Disabl")
    return Finding(
        subject=subject,
        problems=tuple(problems),
        remedy=f"{enable} (and deploy again)" if disabled else "deploy again",
    )


def _rule(entries: dict[str, Entry], events: Any) -> Finding:
    subject = "rule of the minute tick"
    entry = entries.get(f"{TICK}-event")
    if entry is None:
        return gone(subject)
    state = events.describe_rule(Name=entry["rule_name"])["State"]
    if state == "ENABLED":
        return Finding(subject=subject)
    return Finding(
        subject=subject,
        problems=("is disabled: schedules and the rescue of lost messages stand still",),
        remedy=f"aws events enable-rule --name {entry['rule_name']}",
    )


def _api(stage: Stage, entries: dict[str, Entry], apigateway: Any) -> Finding:
    subject = "REST API"
    if "rest_api" not in entries or API_HANDLER not in entries:
        return gone(subject)
    rest_api_id = entries["rest_api"]["rest_api_id"]
    standing_responses = {
        each["responseType"]: each
        for each in apigateway.get_gateway_responses(restApiId=rest_api_id, limit=500)["items"]
    }
    wanted = gateway_responses(without_credentials(stage.settings.auth_backend))
    others = [each.kind for each in wanted if not _is_as(standing_responses.get(each.kind, {}), each)]
    if not others:
        return Finding(subject=subject)
    problem = f"its gateway responses are not the app's: {', '.join(others)}"
    return Finding(subject=subject, problems=(problem,))


def _is_as(response: dict[str, Any], wanted: GatewayResponse) -> bool:
    return all(response.get(name) == value for name, value in settings_of(wanted).items())
