"""The statements of SQS policies by which rules and topics may send events to a stage's queues. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.deploy.description.event_sources import DIGEST_LENGTH, EventSources
from chalicelib.deploy.description.place import Place

RULES, TOPICS = "UpdraftEventRules", "UpdraftEventTopics"
"""The statements of the queue's policy that are ours."""


def statements(
    sources: EventSources, place: Place, name: str, also: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Allow the stage's rules and topics, and no others, to send to the queue of that name.

    ``also`` has the ARNs of topics that are not declared.
    """
    # By the length of their digests: no rule of a stage with a longer name.
    names = f"{sources.rule_prefix}{'?' * DIGEST_LENGTH}"
    rules = [f"rule/{names}", f"rule/*/{names}"]
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
