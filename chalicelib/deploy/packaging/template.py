"""The template that is merged into that of ``chalice package``: the rest of a stage. Pure.

It says of ``resources``, ``event_sources``, ``api_gateway`` and ``finish`` what a deployment does by calls.
Chalice merges objects deeply; a list or a value of ours replaces its own.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.description.event_sources import (
    EventSources,
    Rule,
    Subscription,
    event_sources,
    subscription_properties,
    target,
)
from chalicelib.deploy.description.functions import (
    API_HANDLER,
    EVENTS,
    LOOPING_HANDLERS,
    QUEUE_OF,
    TICK,
    WORKER,
    function_name,
    handlers_behind,
    logical_id,
    role_name,
    role_policy_id,
    tick_rule_name,
)
from chalicelib.deploy.description.layer import LAYERED, description_of, layer_name
from chalicelib.deploy.description.log_groups import LogGroup
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.description.policies import Policy
from chalicelib.deploy.description.queue_policy import statements
from chalicelib.deploy.description.resource_policy import Statement, bucket_statement, tls_only
from chalicelib.deploy.description.resources import Bucket, Queue, StageResources, Table, stage_resources
from chalicelib.deploy.provisioning.alarms import alarm_settings
from chalicelib.deploy.provisioning.api_gateway import (
    GatewayResponse,
    gateway_responses,
    settings_of,
    throttling_of,
)
from chalicelib.deploy.provisioning.bucket import ENCRYPTION, NO_PUBLIC_ACCESS
from chalicelib.deploy.provisioning.queues import DEAD_LETTER_PROPERTIES, queue_properties
from chalicelib.deploy.provisioning.tables import table_definition
from chalicelib.events.declarations import Declaration
from chalicelib.settings import Settings

Template = dict[str, Any]
"""A template, or a part of one."""

Resource = tuple[str, Template]
"""A resource by its logical id."""

_OTHER_VARIABLE = re.compile(r"\$\{(?!AWS::)")
"""The beginning of a variable that is none of CloudFormation's, but IAM's."""

_LAYER = "UserPackages"
"""The logical id of the layer with the user packages."""

_KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""Data outlives its stack; but what a creation that failed leaves is empty, and in the way of the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerOfTheStack:
    """The layer with the user packages, and what it is for."""

    zip_name: str
    """The zip, in the folder of the template."""
    digest: str
    """That of its contents."""
    runtime: str
    architecture: str
    own_layers: Mapping[str, Sequence[str]]
    """The ARNs of the layers that the functions have besides, by handler."""


def merge_template(
    settings: Settings,
    declarations: Iterable[Declaration],
    policies: Mapping[str, Policy],
    layer: LayerOfTheStack | None = None,
) -> Template:
    """What ``chalice package --merge-template`` needs to make a whole stage of its template.

    ``policies`` are those of the functions, by handler, filled in for ``OF_THE_STACK``. Everything is named
    as a deployment names it. Raises ``UnknownBackend``.
    """
    return {
        "Resources": {
            **dict(_stored(stage_resources(settings), settings)),
            **dict(_alarms(stage_resources(settings), settings)),
            **dict(_events(event_sources(settings, declarations), settings)),
            **dict(_functions(settings, policies, layer)),
            **dict([_rest_api(settings)]),
            **({_LAYER: _layer(layer, settings)} if layer else {}),
        }
    }


def _stored(resources: StageResources, settings: Settings) -> Iterator[Resource]:
    yield from _tables(resources.tables, settings)
    for queue in resources.queues:
        yield from _queues(queue, settings)
    yield "Bucket", _bucket(resources.bucket)
    yield "BucketPolicy", _bucket_policy(resources.bucket)
    for group in resources.log_groups:
        yield _log_group_id(group.handler), _log_group(group)


def _tables(tables: Iterable[Table], settings: Settings) -> Iterator[Resource]:
    """Those with indexes one after the other: DynamoDB may refuse to create several at a time (AWS)."""
    turn: Template = {}
    for table in tables:
        own = f"{_own_id(table.name, settings)}Table"
        if not table.indexes:
            yield own, _table(table)
            continue
        yield own, _table(table) | turn
        turn = {"DependsOn": [own]}


def _table(table: Table) -> Template:
    properties = table_definition(table) | {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}
    }
    if table.expires_at:
        properties["TimeToLiveSpecification"] = {"AttributeName": table.expires_at, "Enabled": True}
    return {"Type": "AWS::DynamoDB::Table", **_KEPT, "Properties": properties}


def _queues(queue: Queue, settings: Settings) -> Iterator[Resource]:
    """The queue of the dead letters, and the queue; with their policies, unless events are led to them."""
    own, dead_letters = _queue_id(queue.name, settings), _queue_id(queue.dead_letters, settings)
    yield dead_letters, _queue(queue.dead_letters, DEAD_LETTER_PROPERTIES)
    yield own, _queue(queue.name, queue_properties(queue, _arn_of(dead_letters)))
    if queue.name != settings.resource(QUEUE_OF[EVENTS]):
        for name, logical in ((queue.dead_letters, dead_letters), (queue.name, own)):
            yield f"{logical}Policy", _queue_policy(name, logical)


def _queue(name: str, properties: Template) -> Template:
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, **properties}}


def _bucket(bucket: Bucket) -> Template:
    encryption = [{"ServerSideEncryptionByDefault": ENCRYPTION}]
    properties = {
        "BucketName": bucket.name,
        "PublicAccessBlockConfiguration": NO_PUBLIC_ACCESS,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
    }
    return {"Type": "AWS::S3::Bucket", **_KEPT, "Properties": properties}


def _bucket_policy(bucket: Bucket) -> Template:
    """Goes with the stack, unlike the bucket: a new stack could not make it where there is one (AWS)."""
    statement = bucket_statement(OF_THE_STACK.partition, bucket.name)
    policy = {"Version": "2012-10-17", "Statement": _filled_in([statement])}
    properties = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": properties}


def _log_group(group: LogGroup) -> Template:
    properties: Template = {"LogGroupName": group.name}
    if group.retention_days is not None:
        properties["RetentionInDays"] = group.retention_days
    return {"Type": "AWS::Logs::LogGroup", **_KEPT, "Properties": properties}


def _alarms(resources: StageResources, settings: Settings) -> Iterator[Resource]:
    for alarm in resources.alarms:
        properties = alarm_settings(alarm, resources.alarm_topic)
        resource: Template = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
        if alarm.silence_is == "wrong":  # before there is a clock it would go off
            resource["DependsOn"] = [logical_id(TICK)]
        yield f"{_own_id(alarm.name, settings)}Alarm", resource


def _events(sources: EventSources, settings: Settings) -> Iterator[Resource]:
    """The rules and subscriptions of events. Buckets that tell of their objects are not the stage's."""
    queue, dead_letters = (_queue_id(name, settings) for name in (sources.queue, sources.dead_letters))
    for name, logical in ((sources.queue, queue), (sources.dead_letters, dead_letters)):
        yield f"{logical}Policy", _queue_policy(name, logical, statements(sources, OF_THE_STACK, name))
    for rule in sources.rules:
        name = f"EventRule{rule.name.removeprefix(sources.rule_prefix)}"
        yield name, _rule(rule, target(_arn_of(queue), _arn_of(dead_letters)))
    for subscription in sources.subscriptions:
        digest = sha256(subscription.topic.encode()).hexdigest()[:16]
        yield f"EventTopic{digest}", _subscription(subscription, queue, dead_letters)


def _queue_policy(name: str, queue: str, allowed: Iterable[Statement] = ()) -> Template:
    all_of_it = [tls_only("sqs", [OF_THE_STACK.arn("sqs", name)]), *allowed]
    policy = {"Version": "2012-10-17", "Statement": _filled_in(all_of_it)}
    properties = {"Queues": [{"Ref": queue}], "PolicyDocument": policy}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}


def _rule(rule: Rule, goal: Template) -> Template:
    properties = {
        "Name": rule.name,
        "Description": rule.description,
        "EventBusName": rule.bus,
        "EventPattern": json.loads(rule.pattern),
        "State": "ENABLED",
        "Targets": [goal],
    }
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def _subscription(subscription: Subscription, queue: str, dead_letters: str) -> Template:
    properties = {
        "TopicArn": _filled_in(OF_THE_STACK.topic(subscription.topic)),
        "Protocol": "sqs",
        "Endpoint": _arn_of(queue),
        **subscription_properties(subscription, _arn_of(dead_letters)),
    }
    return {"Type": "AWS::SNS::Subscription", "Properties": properties}


def _layer(layer: LayerOfTheStack, settings: Settings) -> Template:
    """A version that another one replaces is deleted, once the functions have that."""
    properties = {
        "LayerName": layer_name(settings.stage),
        "Description": description_of(layer.digest),
        "ContentUri": f"./{layer.zip_name}",
        "CompatibleRuntimes": [layer.runtime],
        "CompatibleArchitectures": [layer.architecture],
        "RetentionPolicy": "Delete",
    }
    return {"Type": "AWS::Serverless::LayerVersion", "Properties": properties}


def _functions(
    settings: Settings, policies: Mapping[str, Policy], layer: LayerOfTheStack | None
) -> Iterator[Resource]:
    """The functions and their roles, what Chalice leaves out of them."""
    for handler in handlers_behind(settings.auth_backend):
        function = "APIHandler" if handler == API_HANDLER else logical_id(handler)
        # Lambda would make the log group of the first invocation, and the stack then could not.
        group = {"DependsOn": [_log_group_id(handler)]}
        properties = _function_properties(handler, settings)
        if layer and handler in LAYERED:
            properties["Layers"] = [*layer.own_layers[handler], {"Ref": _LAYER}]
        yield function, group | {"Properties": properties}
        yield f"{logical_id(handler)}Role", {"Properties": _role_properties(handler, settings, policies)}


def _role_properties(handler: str, settings: Settings, policies: Mapping[str, Policy]) -> Template:
    properties: Template = {"RoleName": role_name(settings.stage, handler)}
    if handler in policies:
        named = {"PolicyName": role_policy_id(handler), "PolicyDocument": _filled_in(policies[handler])}
        properties["Policies"] = [named]  # in place of Chalice's, which has the file's placeholders
    return properties


def _function_properties(handler: str, settings: Settings) -> Template:
    properties: Template = {"FunctionName": function_name(settings.stage, handler)}
    if handler == WORKER:
        properties["Timeout"] = settings.worker_timeout
    if handler in LOOPING_HANDLERS:
        properties["RecursiveLoop"] = "Allow"
    if handler in QUEUE_OF:
        queue = _queue_id(settings.resource(QUEUE_OF[handler]), settings)
        source = {
            # The function that Chalice's value has, else both would be there; so the queue comes first.
            "Queue": {"Fn::Sub": f"${{{queue}.Arn}}"},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
        properties["Events"] = {logical_id(f"{handler}-sqs-event-source"): {"Properties": source}}
    if handler == TICK:
        schedule = {"Name": tick_rule_name(settings.stage)}
        properties["Events"] = {logical_id(f"{handler}-event"): {"Properties": schedule}}
    return properties


def _rest_api(settings: Settings) -> Resource:
    responses = gateway_responses(without_credentials(settings.auth_backend))
    body = {"x-amazon-apigateway-gateway-responses": dict(_gateway_response(each) for each in responses)}
    # Told what Chalice's document is, SAM leaves out the second stage, "Stage", that it would add.
    properties = {
        "OpenApiVersion": "2.0",
        "DefinitionBody": body,
        "MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*"} | _throttling(settings)],
    }
    return "RestAPI", {"Properties": properties}


def _throttling(settings: Settings) -> Template:
    """In CloudFormation's spelling."""
    return {name[0].upper() + name[1:]: value for name, value in throttling_of(settings).items()}


def _gateway_response(response: GatewayResponse) -> Resource:
    """The response by its kind."""
    settings = settings_of(response)
    return settings.pop("responseType"), settings


def _log_group_id(handler: str) -> str:
    return f"{logical_id(handler)}LogGroup"


def _queue_id(name: str, settings: Settings) -> str:
    return f"{_own_id(name, settings)}Queue"


def _own_id(name: str, settings: Settings) -> str:
    """The logical id of what has the stage in its name."""
    return logical_id(name.removeprefix(settings.resource("")))


def _arn_of(logical_id: str) -> Template:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def _filled_in(value: Any) -> Any:
    """The value, with the place of the stack for what stands for it in its texts."""
    match value:
        case dict():
            return {name: _filled_in(each) for name, each in value.items()}
        case list():
            return [_filled_in(each) for each in value]
        case str() if "${AWS::" in value:
            return {"Fn::Sub": _OTHER_VARIABLE.sub("${!", value)}
    return value
