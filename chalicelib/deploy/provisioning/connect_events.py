"""Leading events of other services to a stage's queue, as ``event_sources`` describes it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from chalicelib import aws
from chalicelib.deploy.description.event_sources import (
    TARGET,
    EventSources,
    NotifyingBucket,
    Rule,
    Subscription,
    subscription_attributes,
    target,
)
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.queue_policy import RULES, TOPICS, statements
from chalicelib.deploy.description.resource_policy import merged
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
class EventQueue:
    """A queue that events are led to."""

    url: str
    arn: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]

    @property
    def place(self) -> Place:
        """Where it is, and with it all that is named without an ARN."""
        return Place.of(self.arn)


def connect_events(sources: EventSources, *, client: aws.ClientFactory = aws.client) -> Connected:
    """Lead the events to the queue, which must exist, and no others any more.

    Nothing is removed before all that is declared is there; it may be repeated, and broken off at any
    point. A bucket that is no longer declared goes on telling EventBridge: others may listen.
    Raises ``EventSourceMissing``.
    """
    sqs, events, sns = client("sqs"), client("events"), client("sns")
    queue, dead_letters = (find_queue(name, sqs) for name in (sources.queue, sources.dead_letters))
    for each in (queue, dead_letters):
        _let_in(sources, each, sqs)
    for bucket in sources.buckets:
        _notify_eventbridge(bucket, client("s3"))
    rules, topics = standing_rules(sources, events), standing_subscriptions(queue, sns)
    for rule in sources.rules:
        _put_rule(rule, queue, dead_letters, events)
    for subscription in sources.subscriptions:
        standing = topics.get(queue.place.topic(subscription.topic))
        _subscribe(subscription, queue, dead_letters, standing, sns)
    declared_rules = {(rule.bus, rule.name) for rule in sources.rules}
    declared_topics = {queue.place.topic(each.topic) for each in sources.subscriptions}
    return Connected(
        made=_names(declared_rules - rules, declared_topics - topics.keys()),
        removed=_remove(
            rules - declared_rules,
            {topic: each for topic, each in topics.items() if topic not in declared_topics},
            client,
        ),
    )


def disconnect_events(sources: EventSources, *, client: aws.ClientFactory = aws.client) -> None:
    """Lead nothing to the queue any more, which must exist; may be repeated, and broken off at any point."""
    queue = find_queue(sources.queue, client("sqs"))
    _remove(standing_rules(sources, client("events")), standing_subscriptions(queue, client("sns")), client)


def _remove(
    rules: set[tuple[str, str]], subscriptions: dict[str, str], client: aws.ClientFactory
) -> tuple[str, ...]:
    """Remove the rules (bus, name) and the subscriptions (by topic); their names."""
    for bus, name in sorted(rules):
        _remove_rule(bus, name, client("events"))
    for topic in sorted(subscriptions):
        client("sns").unsubscribe(SubscriptionArn=subscriptions[topic])
    return _names(rules, subscriptions.keys())


def _names(rules: set[tuple[str, str]], topics: Iterable[str]) -> tuple[str, ...]:
    return (*sorted(name for _, name in rules), *sorted(topics))


def find_queue(name: str, sqs: Any) -> EventQueue:
    """Find the queue; raises SQS's ``QueueDoesNotExist``. 2 requests."""
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return EventQueue(url=url, arn=answer["Attributes"]["QueueArn"])


def _let_in(sources: EventSources, queue: EventQueue, sqs: Any) -> None:
    """Allow the stage's rules and topics, and nobody else's, to send; other statements stay."""
    ours = statements(sources, queue.place, queue.name)
    policy = merged(queue_policy(queue, sqs), ours, (RULES, TOPICS))
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(policy)})


def queue_policy(queue: EventQueue, sqs: Any) -> dict[str, Any]:
    """Who may use the queue, as it stands. 1 request."""
    answer = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["Policy"])
    policy: dict[str, Any] = json.loads(answer.get("Attributes", {}).get("Policy") or "{}")
    return policy


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


def standing_rules(sources: EventSources, events: Any) -> set[tuple[str, str]]:
    """(Bus, name) of the stage's rules that are there; 1 request and 1 for each bus."""
    return {(bus, name) for bus in _buses(events) for name in _rules_of(bus, sources, events)}


def standing_subscriptions(queue: EventQueue, sns: Any) -> dict[str, str]:
    """The subscriptions that send to the queue, by topic."""
    pages = sns.get_paginator("list_subscriptions").paginate()
    found = (each for page in pages for each in page["Subscriptions"] if each["Endpoint"] == queue.arn)
    return {each["TopicArn"]: each["SubscriptionArn"] for each in found}


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


def _put_rule(rule: Rule, queue: EventQueue, dead_letters: EventQueue, events: Any) -> None:
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
        Rule=rule.name, EventBusName=rule.bus, Targets=[target(queue.arn, dead_letters.arn)]
    )
    if answer["FailedEntryCount"]:
        raise UpdraftError(f"{rule.label}: {answer['FailedEntries'][0]['ErrorMessage']}")


def _remove_rule(bus: str, name: str, events: Any) -> None:
    events.remove_targets(Rule=name, EventBusName=bus, Ids=[TARGET])
    events.delete_rule(Name=name, EventBusName=bus)


def _subscribe(
    subscription: Subscription, queue: EventQueue, dead_letters: EventQueue, standing: str | None, sns: Any
) -> None:
    attributes = subscription_attributes(subscription, dead_letters.arn)
    if standing:
        for name, value in attributes.items():
            sns.set_subscription_attributes(
                SubscriptionArn=standing, AttributeName=name, AttributeValue=value
            )
        return
    topic = queue.place.topic(subscription.topic)
    try:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    except sns.exceptions.NotFoundException as error:
        raise EventSourceMissing(subscription.label, f"topic {topic}") from error
