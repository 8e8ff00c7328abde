"""Leading events of other services to a stage's queue, as ``event_sources`` describes it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from chalicelib import aws
from chalicelib.deploy.description.event_sources import (
    TARGET,
    EventSources,
    NotifyingBucket,
    Rule,
    Subscription,
)
from chalicelib.deploy.description.queue_policy import RULES, TOPICS, Place, statements
from chalicelib.domain.errors import UpdraftError


class EventSourceMissing(UpdraftError):
    """What a declaration names is not there."""

    code: ClassVar[str] = "event_source_missing"

    def __init__(self, label: str, what: str) -> None:
        super().__init__(f"{label}: there is no {what}, or these credentials may not see it")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connected:
    """The rules and subscriptions (by topic) that were new, and those that are gone."""

    made: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Queue:
    url: str
    arn: str

    @property
    def place(self) -> Place:
        return Place.of(self.arn)

    def topic(self, subscription: Subscription) -> str:
        """The ARN of the topic."""
        return self.place.topic(subscription.topic)


def connect_events(sources: EventSources, *, client: aws.ClientFactory = aws.client) -> Connected:
    """Lead the events to the queue, which must exist, and no others any more.

    Nothing is removed before all that is declared is there; it may be repeated, and broken off at any
    point. A bucket that is no longer declared goes on telling EventBridge: others may listen.
    Raises ``EventSourceMissing``.
    """
    sqs, events, sns = client("sqs"), client("events"), client("sns")
    queue = _queue(sources.queue, sqs)
    _let_in(sources, queue, sqs)
    for bucket in sources.buckets:
        _notify_eventbridge(bucket, client("s3"))
    standing_rules = {(bus, name) for bus in _buses(events) for name in _rules_of(bus, sources, events)}
    standing_topics = dict(_subscriptions_of(queue, sns))
    for rule in sources.rules:
        _put_rule(rule, queue, events)
    for subscription in sources.subscriptions:
        _subscribe(subscription, queue, standing_topics.get(queue.topic(subscription)), sns)
    declared_rules = {(rule.bus, rule.name) for rule in sources.rules}
    declared_topics = {queue.topic(each) for each in sources.subscriptions}
    for bus, name in sorted(standing_rules - declared_rules):
        _remove_rule(bus, name, events)
    for topic in sorted(standing_topics.keys() - declared_topics):
        sns.unsubscribe(SubscriptionArn=standing_topics[topic])
    return Connected(
        made=_names(declared_rules - standing_rules, declared_topics - standing_topics.keys()),
        removed=_names(standing_rules - declared_rules, standing_topics.keys() - declared_topics),
    )


def _names(rules: set[tuple[str, str]], topics: set[str]) -> tuple[str, ...]:
    return (*sorted(name for _, name in rules), *sorted(topics))


def _queue(name: str, sqs: Any) -> _Queue:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return _Queue(url=url, arn=answer["Attributes"]["QueueArn"])


def _let_in(sources: EventSources, queue: _Queue, sqs: Any) -> None:
    """Allow the stage's rules and topics, and nobody else's, to send; other statements stay."""
    answer = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["Policy"])
    policy = json.loads(answer.get("Attributes", {}).get("Policy") or '{"Version": "2012-10-17"}')
    others = [each for each in policy.get("Statement", ()) if each.get("Sid") not in (RULES, TOPICS)]
    policy["Statement"] = [*others, *statements(sources, queue.place)]
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(policy)})


def _notify_eventbridge(bucket: NotifyingBucket, s3: Any) -> None:
    from botocore.exceptions import ClientError

    try:
        standing = s3.get_bucket_notification_configuration(Bucket=bucket.name)
    except ClientError as error:
        raise EventSourceMissing(bucket.label, f"bucket {bucket.name}") from error
    if "EventBridgeConfiguration" in standing:
        return
    standing.pop("ResponseMetadata", None)
    # All is written at once, the notifications of others too; whether those work is theirs to know.
    s3.put_bucket_notification_configuration(
        Bucket=bucket.name,
        NotificationConfiguration={**standing, "EventBridgeConfiguration": {}},
        SkipDestinationValidation=True,
    )


def _buses(events: Any) -> Iterator[str]:
    more: dict[str, str] = {}
    while True:
        answer = events.list_event_buses(**more)
        yield from (bus["Name"] for bus in answer["EventBuses"])
        if "NextToken" not in answer:
            return
        more = {"NextToken": answer["NextToken"]}


def _rules_of(bus: str, sources: EventSources, events: Any) -> Iterator[str]:
    pages = events.get_paginator("list_rules").paginate(EventBusName=bus, NamePrefix=sources.rule_prefix)
    return (rule["Name"] for page in pages for rule in page["Rules"] if sources.owns(rule["Name"]))


def _put_rule(rule: Rule, queue: _Queue, events: Any) -> None:
    try:
        events.put_rule(
            Name=rule.name,
            EventBusName=rule.bus,
            EventPattern=rule.pattern,
            State="ENABLED",
            Description=rule.description,
        )
    except events.exceptions.ResourceNotFoundException as error:
        raise EventSourceMissing(rule.label, f"event bus {rule.bus}") from error
    answer = events.put_targets(
        Rule=rule.name, EventBusName=rule.bus, Targets=[{"Id": TARGET, "Arn": queue.arn}]
    )
    if answer["FailedEntryCount"]:
        raise UpdraftError(f"{rule.label}: {answer['FailedEntries'][0]['ErrorMessage']}")


def _remove_rule(bus: str, name: str, events: Any) -> None:
    events.remove_targets(Rule=name, EventBusName=bus, Ids=[TARGET])
    events.delete_rule(Name=name, EventBusName=bus)


def _subscriptions_of(queue: _Queue, sns: Any) -> Iterator[tuple[str, str]]:
    """(Topic, subscription) of those that send to the queue."""
    for page in sns.get_paginator("list_subscriptions").paginate():
        for each in page["Subscriptions"]:
            if each["Endpoint"] == queue.arn:
                yield each["TopicArn"], each["SubscriptionArn"]


def _subscribe(subscription: Subscription, queue: _Queue, standing: str | None, sns: Any) -> None:
    """Subscribe with the filter, in SNS's own envelope: raw delivery would leave out what identifies it."""
    attributes = {"FilterPolicy": subscription.filter_policy, "RawMessageDelivery": "false"}
    if standing:
        for name, value in attributes.items():
            sns.set_subscription_attributes(
                SubscriptionArn=standing, AttributeName=name, AttributeValue=value
            )
        return
    topic = queue.topic(subscription)
    try:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    except sns.exceptions.NotFoundException as error:
        raise EventSourceMissing(subscription.label, f"topic {topic}") from error
