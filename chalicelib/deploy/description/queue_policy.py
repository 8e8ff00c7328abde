"""Who may send events to a stage's queue, and to that of its dead letters, as SQS's policies say it. Pure."""

from typing import Any

from chalicelib.deploy.description.event_sources import DIGEST_LENGTH, EventSources
from chalicelib.deploy.description.place import Place

RULES, TOPICS = "UpdraftEventRules", "UpdraftEventTopics"
"""The statements of the queue's policy that are ours."""


def statements(sources: EventSources, place: Place, name: str) -> list[dict[str, Any]]:
    """Allow the stage's rules and topics, and nobody else's, to send to the queue of that name."""
    # By the length of their digests: no rule of a stage with a longer name.
    names = f"{sources.rule_prefix}{'?' * DIGEST_LENGTH}"
    rules = [f"rule/{names}", f"rule/*/{names}"]
    queue = place.arn("sqs", name)
    allowed = [_statement(RULES, "events", [place.arn("events", rule) for rule in rules], queue)]
    if sources.subscriptions:
        topics = [place.topic(each.topic) for each in sources.subscriptions]
        allowed.append(_statement(TOPICS, "sns", topics, queue))
    return allowed


def _statement(sid: str, service: str, senders: list[str], queue: str) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnLike": {"aws:SourceArn": senders}},
    }
