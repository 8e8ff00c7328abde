"""The connections that lead events of other services to a stage's queue, as ``description`` has them."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from chalicelib import aws
from chalicelib.deploy.aws_errors import Sleep, error_code, when_not_busy
from chalicelib.deploy.aws_limits import refuse_other_regions
from chalicelib.deploy.caller import caller_place
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
from chalicelib.deploy.description.queue_policy import RULES, TOPICS, statements, topics_in
from chalicelib.deploy.description.resource_policy import merged
from chalicelib.deploy.provisioning.bucket import CONFLICT
from chalicelib.deploy.provisioning.queues import NO_SUCH_QUEUE, queue_arn, queue_url
from chalicelib.domain.errors import UpdraftError

_BUSY = "ConcurrentModificationException"
"""A rule, or its targets, are being changed at this instant (AWS)."""


class EventSourceMissing(UpdraftError):
    """What a declaration names is not there."""

    code: ClassVar[str] = "event_source_missing"

    def __init__(self, label: str, what: str) -> None:
        super().__init__(f"{label}: there is no {what}, or these credentials may not see it")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connected:
    """The changes of what leads events to a queue."""

    made: tuple[str, ...]
    """The names of new rules, and the topics of new subscriptions."""
    removed: tuple[str, ...]
    """The names of removed rules, and the topics of removed subscriptions."""


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


def connect_events(
    sources: EventSources, *, client: aws.ClientFactory = aws.client, sleep: Sleep = time.sleep
) -> Connected:
    """Lead the events to the queue, which must exist, and no others any more.

    Nothing is removed before all that is declared is there; it may be repeated, and broken off at any
    point. A bucket that is no longer declared goes on telling EventBridge: others may listen.
    Topics are let in until nothing comes from them any more, so that the queue's policy always names those
    that may still have a subscription.
    Raises ``EventSourceMissing``.
    """
    sqs, events, sns = client("sqs"), client("events"), client("sns")
    queue, dead_letters = (
        when_not_busy(partial(find_queue, name, sqs), busy=NO_SUCH_QUEUE, sleep=sleep)
        for name in (sources.queue, sources.dead_letters)
    )
    refuse_other_regions(((each.label, each.topic) for each in sources.subscriptions), queue.place.region)
    declared_topics = {queue.place.topic(each.topic) for each in sources.subscriptions}
    known = when_not_busy(partial(standing_topics, queue, sqs), busy=NO_SUCH_QUEUE, sleep=sleep)
    former = known - declared_topics
    for each in (queue, dead_letters):
        _let_in(sources, each, sqs, sleep, also=former)
    for bucket in sources.buckets:
        _notify_eventbridge(bucket, client("s3"), sleep)
    rules = standing_rules(sources, events)
    topics = standing_subscriptions(queue, declared_topics | former, sns)
    for rule in sources.rules:
        _put_rule(rule, queue, dead_letters, events, sleep)
    for subscription in sources.subscriptions:
        standing = topics.get(queue.place.topic(subscription.topic))
        _subscribe(subscription, queue, dead_letters, standing, sns)
    declared_rules = {(rule.bus, rule.name) for rule in sources.rules}
    removed = _remove(
        rules - declared_rules,
        {topic: each for topic, each in topics.items() if topic not in declared_topics},
        client,
        sleep,
    )
    if former:
        for each in (dead_letters, queue):
            _let_in(sources, each, sqs, sleep)
    made = _names(declared_rules - rules, declared_topics - topics.keys())
    return Connected(made=made, removed=removed)


def disconnect_events(
    sources: EventSources, *, client: aws.ClientFactory = aws.client, sleep: Sleep = time.sleep
) -> None:
    """Lead nothing to the queue any more, which must exist; may be repeated, and broken off at any point."""
    rules, subscriptions = _leading_to(sources, client)
    _remove(rules, subscriptions, client, sleep)


def connected_events(sources: EventSources, *, client: aws.ClientFactory = aws.client) -> tuple[str, ...]:
    """The names of the rules and topics that lead to the queue, which must exist. Some 5 requests."""
    rules, subscriptions = _leading_to(sources, client)
    return _names(rules, subscriptions)


def _leading_to(
    sources: EventSources, client: aws.ClientFactory
) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """The rules (bus, name) and the subscriptions (by topic) that lead to the queue."""
    queue = find_queue(sources.queue, client("sqs"))
    topics = standing_topics(queue, client("sqs"))
    subscriptions = standing_subscriptions(queue, topics, client("sns"))
    return standing_rules(sources, client("events")), subscriptions


def refuse_missing_sources(sources: EventSources, *, client: aws.ClientFactory = aws.client) -> None:
    """Raise ``EventSourceMissing`` for what is declared and not there; 1 request each, changes nothing.

    A topic of another account may keep from us whether it is there.
    """
    for bucket in sources.buckets:
        _notifications(bucket, client("s3"))
    for bus, rule in {rule.bus: rule for rule in sources.rules}.items():
        _find_bus(bus, rule.label, client("events"))
    place = caller_place(client) if sources.subscriptions else None
    for subscription in sources.subscriptions:
        if place:
            _find_topic(place.topic(subscription.topic), subscription.label, client("sns"))


def _find_bus(bus: str, label: str, events: Any) -> None:
    try:
        events.describe_event_bus(Name=bus)
    except events.exceptions.ResourceNotFoundException as error:
        raise EventSourceMissing(label, f"event bus {bus}") from error


def _find_topic(topic: str, label: str, sns: Any) -> None:
    from botocore.exceptions import ClientError

    try:
        sns.get_topic_attributes(TopicArn=topic)
    except ClientError as error:
        if error_code(error) == "NotFound":
            raise EventSourceMissing(label, f"topic {topic}") from error
        if error_code(error) != "AuthorizationError":
            raise


def _remove(
    rules: set[tuple[str, str]], subscriptions: dict[str, str], client: aws.ClientFactory, sleep: Sleep
) -> tuple[str, ...]:
    """Remove the rules (bus, name) and the subscriptions (by topic); their names."""
    for bus, name in sorted(rules):
        _remove_rule(bus, name, client("events"), sleep)
    for topic in sorted(subscriptions):
        client("sns").unsubscribe(SubscriptionArn=subscriptions[topic])
    return _names(rules, subscriptions.keys())


def _names(rules: set[tuple[str, str]], topics: Iterable[str]) -> tuple[str, ...]:
    return (*sorted(name for _, name in rules), *sorted(topics))


def find_queue(name: str, sqs: Any) -> EventQueue:
    """Find the queue; raises SQS's ``QueueDoesNotExist``. 1 request."""
    url = queue_url(name, sqs)
    return EventQueue(url=url, arn=queue_arn(url, sqs))


def _let_in(
    sources: EventSources, queue: EventQueue, sqs: Any, sleep: Sleep, also: Iterable[str] = ()
) -> None:
    """Allow the stage's rules and topics, and no others, to send; a team's statements stay."""
    standing = when_not_busy(partial(queue_policy, queue, sqs), busy=NO_SUCH_QUEUE, sleep=sleep)
    ours = statements(sources, queue.place, queue.name, sorted(also))
    attributes = {"Policy": json.dumps(merged(standing, ours, (RULES, TOPICS)))}
    write = partial(sqs.set_queue_attributes, QueueUrl=queue.url, Attributes=attributes)
    when_not_busy(write, busy=NO_SUCH_QUEUE, sleep=sleep)


def standing_topics(queue: EventQueue, sqs: Any) -> set[str]:
    """The ARNs of the topics that are let in, which were declared when that was written. 1 request."""
    return topics_in(queue_policy(queue, sqs))


def queue_policy(queue: EventQueue, sqs: Any) -> dict[str, Any]:
    """Who may use the queue, as it stands. 1 request."""
    answer = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["Policy"])
    policy: dict[str, Any] = json.loads(answer.get("Attributes", {}).get("Policy") or "{}")
    return policy


def _notify_eventbridge(bucket: NotifyingBucket, s3: Any, sleep: Sleep) -> None:
    standing = _notifications(bucket, s3)
    if "EventBridgeConfiguration" in standing:
        return
    # All is written at once, the notifications of others too; whether those work is theirs to know.
    write = partial(
        s3.put_bucket_notification_configuration,
        Bucket=bucket.name,
        NotificationConfiguration={**standing, "EventBridgeConfiguration": {}},
        SkipDestinationValidation=True,
    )
    when_not_busy(write, busy=CONFLICT, sleep=sleep)


def _notifications(bucket: NotifyingBucket, s3: Any) -> dict[str, Any]:
    """Whom the bucket tells of what happens in it; raises ``EventSourceMissing``. 1 request."""
    from botocore.exceptions import ClientError

    try:
        standing = s3.get_bucket_notification_configuration(Bucket=bucket.name)
    except ClientError as error:
        raise EventSourceMissing(bucket.label, f"bucket {bucket.name}") from error
    return {name: value for name, value in standing.items() if name != "ResponseMetadata"}


def standing_rules(sources: EventSources, events: Any) -> set[tuple[str, str]]:
    """(Bus, name) of the stage's rules that are there; 1 request and 1 for each bus."""
    return {(bus, name) for bus in _buses(events) for name in _rules_of(bus, sources, events)}


def standing_subscriptions(queue: EventQueue, topics: Iterable[str], sns: Any) -> dict[str, str]:
    """Of the topics (ARNs), by themselves, the subscriptions that send to the queue. 1 request each."""
    found = [
        (topic, each["SubscriptionArn"])
        for topic in sorted(topics)
        for each in _subscriptions_of(topic, sns)
        if each["Endpoint"] == queue.arn
    ]
    # Instead of an ARN it may say that it was deleted lately.
    return {topic: subscription for topic, subscription in found if subscription.startswith("arn:")}


def _subscriptions_of(topic: str, sns: Any) -> list[dict[str, str]]:
    """All that subscribe to the topic; of another account's, which may not tell, those of ours."""
    from botocore.exceptions import ClientError

    try:
        return _listed(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    except ClientError as error:
        if error_code(error) in ("NotFound", "InvalidParameter"):  # gone, or in another region
            return []
        if error_code(error) not in ("AuthorizationError", "AuthorizationErrorException"):
            raise
    own = _listed(sns.get_paginator("list_subscriptions").paginate())
    return [each for each in own if each["TopicArn"] == topic]


def _listed(pages: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    return [each for page in pages for each in page["Subscriptions"]]


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


def _put_rule(rule: Rule, queue: EventQueue, dead_letters: EventQueue, events: Any, sleep: Sleep) -> None:
    put = partial(
        events.put_rule,
        Name=rule.name,
        EventBusName=rule.bus,
        EventPattern=rule.pattern,
        State="ENABLED",
        Description=rule.description,
    )
    try:
        when_not_busy(put, busy=_BUSY, sleep=sleep)
    except events.exceptions.ResourceNotFoundException as error:
        raise EventSourceMissing(rule.label, f"event bus {rule.bus}") from error
    lead = partial(
        events.put_targets,
        Rule=rule.name,
        EventBusName=rule.bus,
        Targets=[target(queue.arn, dead_letters.arn)],
    )
    # The rule was put a moment ago, so another of AWS's hosts may not know it yet.
    answer = when_not_busy(lead, busy=(_BUSY, "ResourceNotFoundException"), sleep=sleep)
    if answer["FailedEntryCount"]:
        raise UpdraftError(f"{rule.label}: {answer['FailedEntries'][0]['ErrorMessage']}")


def _remove_rule(bus: str, name: str, events: Any, sleep: Sleep) -> None:
    clear = partial(events.remove_targets, Rule=name, EventBusName=bus, Ids=[TARGET])
    when_not_busy(clear, busy=_BUSY, sleep=sleep)
    delete = partial(events.delete_rule, Name=name, EventBusName=bus)
    unless_led = partial(when_not_busy, delete, busy="ValidationException", saying="targets", sleep=sleep)
    when_not_busy(unless_led, busy=_BUSY, sleep=sleep)


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
