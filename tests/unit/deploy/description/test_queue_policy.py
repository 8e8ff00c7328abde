"""Who may send events to a stage's queue."""

from fnmatch import fnmatchcase

import pytest

from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.queue_policy import RULES, statements
from chalicelib.events.declarations import parse_declarations
from chalicelib.settings import Settings

PLACE = Place(partition="aws", region="eu-west-1", account="123456789012")
SHOP = '[[event]]\ndag_id = "a"\nsource = "eventbridge"\nbus = "shop"\npattern = { source = ["x"] }\n'


def rule_of(stage: str) -> str:
    """The name of the rule of a stage that leads the events of ``SHOP`` to its queue."""
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": stage})
    (rule,) = event_sources(settings, parse_declarations(SHOP)).rules
    return rule.name


def may_send(rule: str) -> bool:
    """Whether a rule, on the default bus and on another, may send to the queue of the stage dev."""
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    (allowed,) = statements(event_sources(settings, ()), PLACE, "updraft-dev-events")
    assert allowed["Sid"] == RULES
    patterns = allowed["Condition"]["ArnLike"]["aws:SourceArn"]
    names = (PLACE.arn("events", f"rule/{rule}"), PLACE.arn("events", f"rule/shop/{rule}"))
    (decision,) = {any(fnmatchcase(name, pattern) for pattern in patterns) for name in names}
    return decision


def test_the_rules_of_the_stage_may_send_to_its_queue() -> None:
    assert may_send(rule_of("dev"))


@pytest.mark.parametrize("stage", ["prod", "dev-2", "dev-events-2", "dev-events-events"])
def test_no_rule_of_another_stage_may(stage: str) -> None:
    assert not may_send(rule_of(stage))
