"""The sources of a stage's events compared with its declarations. Changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import error_code
from chalicelib.deploy.description.event_sources import (
    EventSources,
    NotifyingBucket,
    Rule,
    Subscription,
    subscription_attributes,
    target,
)
from chalicelib.deploy.description.queue_policy import statements
from chalicelib.deploy.description.resource_policy import says
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.provisioning.connect_events import (
    EventQueue,
    find_queue,
    queue_policy,
    standing_rules,
    standing_subscriptions,
    standing_topics,
)


def check_events(sources: EventSources, *, client: aws.ClientFactory = aws.client) -> Iterator[Finding]:
    """One finding for each queue's policy, rule, subscription and bucket, and for each that is left over.

    Nothing where the queues are missing: that is another's finding. Some 10 requests, and 4 for each.
    """
    sqs, events, sns = client("sqs"), client("events"), client("sns")
    try:
        queue, dead_letters = (find_queue(name, sqs) for name in (sources.queue, sources.dead_letters))
    except sqs.exceptions.QueueDoesNotExist:
        return
    for each in (queue, dead_letters):
        yield _policy(sources, each, sqs)
    for bucket in sources.buckets:
        yield _bucket(bucket, client("s3"))
    known = standing_topics(queue, sqs) | {queue.place.topic(each.topic) for each in sources.subscriptions}
    rules, topics = standing_rules(sources, events), standing_subscriptions(queue, known, sns)
    for rule in sources.rules:
        yield _rule(rule, target(queue.arn, dead_letters.arn), (rule.bus, rule.name) in rules, events)
    for subscription in sources.subscriptions:
        standing = topics.pop(queue.place.topic(subscription.topic), None)
        yield _subscription(subscription, dead_letters, standing, sns)
    left_over = rules - {(rule.bus, rule.name) for rule in sources.rules}
    for name in (*sorted(name for _, name in left_over), *sorted(topics)):
        yield Finding(subject=f"events by {name}", problems=("are led to the queue, and nobody declares it",))


def _policy(sources: EventSources, queue: EventQueue, sqs: Any) -> Finding:
    standing = queue_policy(queue, sqs)
    wanted = statements(sources, queue.place, queue.name)
    problems = () if all(says(standing, each) for each in wanted) else ("does not let the events in",)
    return Finding(subject=f"policy of {queue.name}", problems=problems)


def _bucket(bucket: NotifyingBucket, s3: Any) -> Finding:
    from botocore.exceptions import ClientError

    subject = f"events of bucket {bucket.name}"
    try:
        standing = s3.get_bucket_notification_configuration(Bucket=bucket.name)
    except ClientError as error:
        if error_code(error) not in ("NoSuchBucket", "AccessDenied"):
            raise
        return Finding(
            subject=subject,
            problems=("cannot be looked at: there is no such bucket, or these credentials may not see it",),
            remedy=f"create it, or change {bucket.label}",
        )
    problems = () if "EventBridgeConfiguration" in standing else ("are not told to EventBridge",)
    return Finding(subject=subject, problems=problems)


def _rule(rule: Rule, wanted: dict[str, object], is_there: bool, events: Any) -> Finding:
    subject = f"rule {rule.name} ({rule.label})"
    if not is_there:
        return gone(subject)
    problems = []
    described = events.describe_rule(Name=rule.name, EventBusName=rule.bus)
    if described["State"] != "ENABLED":
        problems.append("is disabled: its events are lost")
    if json.loads(described["EventPattern"]) != json.loads(rule.pattern):
        problems.append("has another pattern than the one declared")
    targets = events.list_targets_by_rule(Rule=rule.name, EventBusName=rule.bus)["Targets"]
    if wanted not in targets:
        problems.append("does not lead to the queue, or not to its dead letters what cannot be delivered")
    return Finding(subject=subject, problems=tuple(problems))


def _subscription(
    subscription: Subscription, dead_letters: EventQueue, standing: str | None, sns: Any
) -> Finding:
    subject = f"subscription to topic {subscription.topic} ({subscription.label})"
    if standing is None:
        return gone(subject)
    attributes = sns.get_subscription_attributes(SubscriptionArn=standing)["Attributes"]
    wanted = subscription_attributes(subscription, dead_letters.arn)
    # SNS leaves out a filter that lets all through, and writes JSON as it likes.
    others = [
        name for name, value in wanted.items() if json.loads(attributes.get(name, "{}")) != json.loads(value)
    ]
    return Finding(
        subject=subject,
        problems=(f"its {', '.join(others)} is not as declared",) if others else (),
    )
