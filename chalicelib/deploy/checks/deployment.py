"""The functions, event sources, tick and REST API of a stage, checked. Changes nothing."""

from collections.abc import Iterator
from typing import Any

from chalicelib import aws
from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.chalice.entries import Entry, standing_entries
from chalicelib.deploy.checks.policies import policy_problems
from chalicelib.deploy.deployed_functions import environment_in, standing_runtime
from chalicelib.deploy.description.functions import (
    API_HANDLER,
    FEEDS,
    LOOPING_HANDLERS,
    QUEUE_OF,
    TICK,
    function_name,
    handlers_behind,
)
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.policies import Policy
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.provisioning.api_gateway import (
    GatewayResponse,
    gateway_responses,
    settings_of,
    standing_throttling,
    throttling_of,
)
from chalicelib.deploy.runtimes import is_unsupported, support_of, wanted_runtime
from chalicelib.deploy.stages import Stage, architecture, function_setting, stage_setting


def check_deployment(
    stage: Stage, *, place: Place, recorded_api: str | None = None, client: aws.ClientFactory = aws.client
) -> Iterator[Finding]:
    """One finding for each function, event source mapping, the rule and the REST API; some 70 requests."""
    entries = {
        entry["name"]: entry
        for entry in standing_entries(stage.name, recorded_api=recorded_api, client=client)
    }
    runtime = wanted_runtime(stage, standing_runtime(stage.name, client=client))
    yield _runtime(runtime)
    policies = policy_documents(stage, place)
    for handler in handlers_behind(stage.settings.auth_backend):
        yield _function(stage, handler, entries, policies.get(handler), runtime, client)
    for handler in QUEUE_OF:
        yield _mapping(stage, handler, entries, client("lambda"))
    yield _rule(entries, client("events"))
    yield _api(stage, entries, client("apigateway"))


def _runtime(runtime: str) -> Finding:
    subject = f"runtime {runtime}; {support_of(runtime)}"
    if not is_unsupported(runtime):
        return Finding(subject=subject)
    return Finding(
        subject=subject,
        problems=("AWS mends nothing of it any more, and will soon refuse to change its functions",),
        remedy="set UPDRAFT__AWS__RUNTIME to a newer one in the stage's environment_variables, and deploy by "
        "that Python",
    )


def _function(
    stage: Stage,
    handler: str,
    entries: dict[str, Entry],
    policy: Policy | None,
    runtime: str,
    client: aws.ClientFactory,
) -> Finding:
    subject = f"function {function_name(stage.name, handler)}"
    if handler not in entries:
        return gone(subject)
    lambda_, function = client("lambda"), entries[handler]["lambda_arn"]
    role = entries.get(f"{handler}_role")
    if role is None:
        problems = ["its role is missing: it cannot run"]
    else:
        problems = list(policy_problems(policy, handler, role["role_name"], client("iam")))
    problems += setting_problems(stage, handler, runtime, lambda_)
    if handler in LOOPING_HANDLERS:
        config = lambda_.get_function_recursion_config(FunctionName=function)
        if config["RecursiveLoop"] != "Allow":
            problems.append(
                "Lambda will stop it in runs of more than some 16 tasks in a row (recursion config)"
            )
    return Finding(subject=subject, problems=tuple(problems))


def setting_problems(stage: Stage, handler: str, runtime: str, lambda_: Any) -> Iterator[str]:
    """Where a function that stands is not as ``.chalice/config.json`` and the runtime say. 2 requests."""
    function = function_name(stage.name, handler)
    standing = lambda_.get_function_configuration(FunctionName=function)
    if standing["Runtime"] != runtime:
        yield f"its Runtime is {standing['Runtime']}, not {runtime}"
    machines, machine = standing.get("Architectures", ["x86_64"]), architecture(stage)
    if machines != [machine]:
        yield f"its architecture is {', '.join(machines)}, not {machine}"
    if environment_in(standing) != dict(stage.variables):
        yield "its environment variables are not those in .chalice/config.json"
    for name, in_config, unit in (
        ("MemorySize", "lambda_memory_size", "MB"),
        ("Timeout", "lambda_timeout", "s"),
    ):
        wanted = function_setting(stage, handler, in_config)
        if wanted not in (None, standing[name]):
            yield f"its {name} is {standing[name]} {unit}, not {wanted} {unit}"
    reserved = lambda_.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    wanted = function_setting(stage, handler, "reserved_concurrency")
    if reserved != wanted:
        yield f"its reserved concurrency is {_said(reserved)}, not {_said(wanted)}"


def _said(number: int | None) -> str:
    return "none" if number is None else str(number)


def _mapping(stage: Stage, handler: str, entries: dict[str, Entry], lambda_: Any) -> Finding:
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
    standing = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency")
    wanted = FEEDS[handler].concurrency(stage.settings)
    if standing != wanted:
        problems.append(f"its maximum concurrency is {_said(standing)}, not {wanted}")
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
    rule = entry["rule_name"]
    targets = [each["Arn"] for each in events.list_targets_by_rule(Rule=rule)["Targets"]]
    if TICK in entries and entries[TICK]["lambda_arn"] not in targets:
        return Finding(subject=subject, problems=("does not call the function: schedules stand still",))
    if events.describe_rule(Name=rule)["State"] == "ENABLED":
        return Finding(subject=subject)
    return Finding(
        subject=subject,
        problems=("is disabled: schedules and the rescue of lost messages stand still",),
        remedy=f"aws events enable-rule --name {rule}",
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
    problems = [*endpoint_problems(stage, rest_api_id, apigateway)]
    if others:
        problems.append(f"its gateway responses are not the app's: {', '.join(others)}")
    limits = standing_throttling(rest_api_id, apigateway)
    problems += [
        f"its {name} is {_said(limits.get(name))}, not {value}"
        for name, value in throttling_of(stage.settings).items()
        if limits.get(name) != value
    ]
    return Finding(subject=subject, problems=tuple(problems))


def endpoint_problems(stage: Stage, rest_api_id: str, apigateway: Any) -> Iterator[str]:
    """Where the REST API is not reached as ``.chalice/config.json`` says. 1 request."""
    wanted = stage_setting(stage, "api_gateway_endpoint_type") or "EDGE"  # Chalice's default
    endpoint = apigateway.get_rest_api(restApiId=rest_api_id).get("endpointConfiguration", {})
    standing = endpoint.get("types", [])
    if standing != [wanted]:
        yield f"its endpoint is {', '.join(standing) or 'of no known type'}, not {wanted}"


def _is_as(response: dict[str, Any], wanted: GatewayResponse) -> bool:
    return all(response.get(name) == value for name, value in settings_of(wanted).items())
