"""The rules, subscriptions and buckets that lead a stage's declared events to its queue. Pure.

Everything is named or found again by the stage, so that what is no longer declared can be removed.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from chalicelib.deploy.description.functions import EVENTS, QUEUE_OF
from chalicelib.deploy.description.resources import dead_letters_of
from chalicelib.events.declarations import Declaration, EventPattern, S3Objects, TopicMessages
from chalicelib.events.limits import as_rule
from chalicelib.settings import Settings

TARGET = "events-queue"
"""What each rule calls its one target, the queue."""

DIGEST_LENGTH = 16
"""Characters at the end of a rule's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """An EventBridge rule."""

    name: str
    bus: str
    """The name of the event bus, or its ARN."""
    pattern: str
    """The event pattern, as JSON."""
    label: str
    """Names a declaration that wants the rule."""

    @property
    def description(self) -> str:
        """The rule's description on AWS, which allows 512 characters."""
        return f"Updraft: {self.label}"[:512]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscription to an SNS topic."""

    topic: str
    """The topic's name or ARN."""
    filter_policy: str
    """The filter policy, as JSON; ``{}`` lets all messages through."""
    label: str
    """Names a declaration that wants the subscription."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NotifyingBucket:
    """A bucket that is to tell EventBridge what happens in it."""

    name: str
    label: str
    """Names a declaration of the bucket's objects."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSources:
    """The sources that lead events to a queue.

    Events that EventBridge or SNS cannot deliver go to the queue named ``dead_letters``. Without one they are
    dropped: at once for want of a permission, else after a day of tries (EventBridge) or 23 (SNS).
    """

    queue: str
    """The name of the queue."""
    rule_prefix: str
    """Begins the names of all rules that lead to the queue."""
    buckets: tuple[NotifyingBucket, ...]
    rules: tuple[Rule, ...]
    subscriptions: tuple[Subscription, ...]

    @property
    def dead_letters(self) -> str:
        """The name of the queue for events that could not be handled, or not even delivered."""
        return dead_letters_of(self.queue)

    def owns(self, rule: str) -> bool:
        """Whether a rule of that name is one of this stage (and not of a stage with a longer name)."""
        return re.fullmatch(re.escape(self.rule_prefix) + f"[0-9a-f]{{{DIGEST_LENGTH}}}", rule) is not None


def event_sources(settings: Settings, declarations: Iterable[Declaration]) -> EventSources:
    """Describe what the declarations need; what several of them need is there once."""
    declared = tuple(declarations)
    queue = settings.resource(QUEUE_OF[EVENTS])
    prefix = f"{queue}-"
    buckets = {
        each.filter.bucket: NotifyingBucket(name=each.filter.bucket, label=each.label)
        for each in declared
        if isinstance(each.filter, S3Objects)
    }
    rules = [_rule(prefix, each) for each in declared if isinstance(each.filter, S3Objects | EventPattern)]
    return EventSources(
        queue=queue,
        rule_prefix=prefix,
        buckets=tuple(buckets.values()),
        rules=tuple({rule.name: rule for rule in rules}.values()),
        subscriptions=_subscriptions(declared),
    )


def target(queue: object, dead_letters: object) -> dict[str, object]:
    """The one target of a rule, as EventBridge and CloudFormation write it; the ARNs as they are given."""
    return {"Id": TARGET, "Arn": queue, "DeadLetterConfig": {"Arn": dead_letters}}


def subscription_properties(subscription: Subscription, dead_letters: object) -> dict[str, Any]:
    """How a topic delivers to the queue, as CloudFormation writes it; the ARN as it is given.

    In SNS's own envelope: raw delivery would leave out what identifies a message.
    """
    return {
        "FilterPolicy": json.loads(subscription.filter_policy),
        "RawMessageDelivery": False,
        "RedrivePolicy": {"deadLetterTargetArn": dead_letters},
    }


def subscription_attributes(subscription: Subscription, dead_letters: str) -> dict[str, str]:
    """The same as SNS takes it."""
    properties = subscription_properties(subscription, dead_letters)
    return {name: json.dumps(value) for name, value in properties.items()}


def _rule(prefix: str, declaration: Declaration) -> Rule:
    events = declaration.filter
    if not isinstance(events, S3Objects | EventPattern):
        raise TypeError(f"{declaration.label} takes no rule")
    pattern = as_rule(events.pattern)
    # Named after what it says: a changed pattern is another rule, and the old one is removed. AWS allows 64
    # characters, which leaves 32 for the stage.
    digest = sha256(f"{events.bus} {pattern}".encode()).hexdigest()[:DIGEST_LENGTH]
    return Rule(
        name=f"{prefix}{digest}",
        bus=events.bus,
        pattern=pattern,
        label=declaration.label,
    )


def _subscriptions(declared: tuple[Declaration, ...]) -> tuple[Subscription, ...]:
    """One of each topic: SNS allows a queue no second one, so where several want the topic none filters."""
    by_topic: dict[str, list[Declaration]] = {}
    for each in declared:
        if isinstance(each.filter, TopicMessages):
            by_topic.setdefault(each.filter.topic, []).append(each)
    return tuple(
        Subscription(topic=topic, filter_policy=_filter_policy(wanting), label=wanting[0].label)
        for topic, wanting in by_topic.items()
    )


def _filter_policy(wanting: list[Declaration]) -> str:
    filters = [each.filter.attributes for each in wanting if isinstance(each.filter, TopicMessages)]
    return json.dumps(filters[0] or {}) if len(filters) == 1 else "{}"
