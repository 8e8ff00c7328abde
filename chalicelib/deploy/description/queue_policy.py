"""Who may send events to a stage's queue, and to that of its dead letters, as SQS's policies say it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.deploy.description.event_sources import EventSources

RULES, TOPICS = "UpdraftEventRules", "UpdraftEventTopics"
"""The statements of the queue's policy that are ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a stage is: what begins the ARNs of all that is in it."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, arn: str) -> "Place":
        """The place of a resource that is bound to a region."""
        _, partition, _, region, account, _ = arn.split(":", maxsplit=5)
        return cls(partition=partition, region=region, account=account)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource that is there."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def topic(self, name: str) -> str:
        """The ARN of an SNS topic; one that is named by its ARN may be anywhere."""
        return name if name.startswith("arn:") else self.arn("sns", name)


def statements(
    sources: EventSources, place: Place, name: str, also: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Allow the stage's rules and topics, and nobody else's, to send to the queue of that name.

    ``also`` has the ARNs of topics that are not declared.
    """
    rules = [f"rule/{sources.rule_prefix}*", f"rule/*/{sources.rule_prefix}*"]
    queue = place.arn("sqs", name)
    allowed = [_statement(RULES, "events", [place.arn("events", rule) for rule in rules], queue)]
    topics = list(dict.fromkeys([*(place.topic(each.topic) for each in sources.subscriptions), *also]))
    if topics:
        allowed.append(_statement(TOPICS, "sns", topics, queue))
    return allowed


def topics_in(policy: Mapping[str, Any]) -> set[str]:
    """The ARNs of the topics that a queue's policy lets in for us: those declared when it was written."""
    found = [each for each in policy.get("Statement", ()) if each.get("Sid") == TOPICS]
    senders = [each["Condition"]["ArnLike"]["aws:SourceArn"] for each in found]
    return {topic for each in senders for topic in ([each] if isinstance(each, str) else each)}


def _statement(sid: str, service: str, senders: list[str], queue: str) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnLike": {"aws:SourceArn": senders}},
    }
