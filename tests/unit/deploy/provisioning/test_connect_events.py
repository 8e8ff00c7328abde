"""Leading events to a stage's queue, against moto's AWS in this process."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.deploy.description.event_sources import EventSources, event_sources
from chalicelib.deploy.provisioning.connect_events import Connected, EventSourceMissing, connect_events
from chalicelib.events.declarations import parse_declarations
from chalicelib.events.incoming import events_of
from chalicelib.settings import Settings
from tests.unit.events.corpus import record

REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:acme-alerts"
SETTINGS = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})

S3 = '[[event]]\ndag_id = "load"\nsource = "s3"\nbucket = "acme-incoming"\nprefix = "orders/"\n'
SHOP = '[[event]]\ndag_id = "fulfil"\nsource = "eventbridge"\npattern = { source = ["acme.shop"] }\n'
BUS = '[[event]]\ndag_id = "fulfil"\nsource = "eventbridge"\nbus = "shop"\npattern = { source = ["x"] }\n'
ANY = '[[event]]\ndag_id = "mail"\nsource = "sns"\ntopic = "acme-alerts"\n'
HIGH = ANY.replace("mail", "page") + 'attributes = { severity = ["high"] }\n'
OWN = '[[event]]\ndag_id = "greet"\nsource = "sqs"\n'

Clients = Callable[[str], Any]


@pytest.fixture
def clients() -> Iterator[Clients]:
    """Clients of an AWS that has the stage's queue, a bucket, a topic and a bus, and a stranger's rule."""
    with mock_aws():
        session = botocore.session.get_session()
        made: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in made:
                made[service] = session.create_client(
                    service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
                )
            return made[service]

        client("sqs").create_queue(QueueName="updraft-dev-events")
        client("s3").create_bucket(
            Bucket="acme-incoming", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        client("sns").create_topic(Name="acme-alerts")
        client("events").create_event_bus(Name="shop")
        client("events").put_rule(Name="updraft-dev-events-events-0123456789abcdef", EventPattern="{}")
        yield client


def sources(*entries: str) -> EventSources:
    return event_sources(SETTINGS, parse_declarations("".join(entries)))


def rules(clients: Clients, bus: str = "default") -> dict[str, Any]:
    """The patterns of the rules by name, strangers left out."""
    found = clients("events").list_rules(EventBusName=bus)["Rules"]
    return {
        rule["Name"]: json.loads(rule["EventPattern"])
        for rule in found
        if "-events-events-" not in rule["Name"]
    }


def subscription(clients: Clients) -> dict[str, str]:
    (each,) = clients("sns").list_subscriptions()["Subscriptions"]
    return clients("sns").get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]


def queued(clients: Clients) -> list[str]:
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName="updraft-dev-events")["QueueUrl"]
    return [
        each["Body"] for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]


def test_rules_subscriptions_and_nothing_else_are_made(clients: Clients) -> None:
    wanted = sources(S3, SHOP, BUS, HIGH, OWN)
    connected = connect_events(wanted, client=clients)
    of_bucket, of_shop = (json.loads(rule.pattern) for rule in sources(S3, SHOP).rules)
    assert of_bucket == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["acme-incoming"]}, "object": {"key": [{"prefix": "orders/"}]}},
    }
    assert list(rules(clients).values()) in ([of_bucket, of_shop], [of_shop, of_bucket])
    assert list(rules(clients, "shop").values()) == [{"source": ["x"]}]
    assert json.loads(subscription(clients)["FilterPolicy"]) == {"severity": ["high"]}
    assert subscription(clients)["RawMessageDelivery"] == "false"
    assert connected == Connected(made=(*sorted(rule.name for rule in wanted.rules), TOPIC), removed=())


def test_a_second_time_nothing_is_new(clients: Clients) -> None:
    connect_events(sources(S3, SHOP, BUS, HIGH), client=clients)
    before = rules(clients)
    assert connect_events(sources(S3, SHOP, BUS, HIGH), client=clients) == Connected(made=(), removed=())
    assert rules(clients) == before
    assert len(clients("sns").list_subscriptions()["Subscriptions"]) == 1


def test_what_is_no_longer_declared_is_removed_and_a_strangers_rule_stays(clients: Clients) -> None:
    connect_events(sources(S3, SHOP, BUS, HIGH), client=clients)
    (kept,) = sources(SHOP).rules
    connected = connect_events(sources(SHOP), client=clients)
    assert list(rules(clients)) == [kept.name]
    assert rules(clients, "shop") == {}
    assert clients("sns").list_subscriptions()["Subscriptions"] == []
    assert len(connected.removed) == 3
    assert any("-events-events-" in each["Name"] for each in clients("events").list_rules()["Rules"])


def test_what_several_declare_is_made_once_and_lets_through_what_any_of_them_wants(clients: Clients) -> None:
    connect_events(sources(SHOP, SHOP, HIGH, ANY), client=clients)
    assert len(rules(clients)) == 1
    assert json.loads(subscription(clients).get("FilterPolicy", "{}")) == {}


def test_a_filter_that_was_changed_is_changed(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)
    connect_events(sources(HIGH.replace("high", "low")), client=clients)
    assert json.loads(subscription(clients)["FilterPolicy"]) == {"severity": ["low"]}


def test_only_the_stages_rules_and_topics_may_send_and_what_others_allowed_stays(clients: Clients) -> None:
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName="updraft-dev-events")["QueueUrl"]
    partner = {
        "Sid": "Partner",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [partner]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    for _ in range(2):
        connect_events(sources(SHOP, HIGH), client=clients)
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    statements = json.loads(answer["Attributes"]["Policy"])["Statement"]
    assert [each["Sid"] for each in statements] == ["Partner", "UpdraftEventRules", "UpdraftEventTopics"]
    allowed = {each["Sid"]: each.get("Condition", {}).get("ArnLike") for each in statements}
    assert allowed["UpdraftEventTopics"] == {"aws:SourceArn": [TOPIC]}
    assert allowed["UpdraftEventRules"] == {
        "aws:SourceArn": [
            f"arn:aws:events:{REGION}:123456789012:rule/updraft-dev-events-*",
            f"arn:aws:events:{REGION}:123456789012:rule/*/updraft-dev-events-*",
        ]
    }


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (S3.replace("acme-incoming", "nowhere"), "no bucket nowhere"),
        (BUS.replace("shop", "nowhere"), "no event bus nowhere"),
        (ANY.replace("acme-alerts", "nowhere"), "no topic arn:aws:sns:eu-west-1:123456789012:nowhere"),
    ],
)
def test_what_is_not_there_is_named_with_its_declaration(clients: Clients, entry: str, what: str) -> None:
    with pytest.raises(EventSourceMissing, match=f"^events.toml, event 1 .*: there is {what}"):
        connect_events(sources(entry), client=clients)


def test_a_bucket_keeps_the_notifications_it_had(clients: Clients) -> None:
    calls = BucketNotifications({"QueueConfigurations": ["theirs"]})
    for _ in range(2):
        connect_events(sources(S3), client=lambda name: calls if name == "s3" else clients(name))
    assert calls.standing == {"QueueConfigurations": ["theirs"], "EventBridgeConfiguration": {}}
    assert calls.writes == 1


class BucketNotifications:
    """S3 as far as notifications go; moto does not give back the one for EventBridge."""

    def __init__(self, standing: dict[str, Any]) -> None:
        self.standing = standing
        self.writes = 0

    def get_bucket_notification_configuration(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803 - AWS's
        return {**self.standing, "ResponseMetadata": {}}

    def put_bucket_notification_configuration(
        self,
        *,
        Bucket: str,  # noqa: N803
        NotificationConfiguration: dict[str, Any],  # noqa: N803
        SkipDestinationValidation: bool,  # noqa: N803
    ) -> None:
        self.standing = NotificationConfiguration
        self.writes += 1


def test_every_rule_sends_to_the_queue(clients: Clients) -> None:
    wanted = sources(SHOP, BUS)
    connect_events(wanted, client=clients)
    for rule in wanted.rules:
        answer = clients("events").list_targets_by_rule(Rule=rule.name, EventBusName=rule.bus)
        assert [each["Arn"] for each in answer["Targets"]] == [
            f"arn:aws:sqs:{REGION}:123456789012:updraft-dev-events"
        ]


def test_what_comes_by_a_topic_can_be_read(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)
    for severity in ("high", "low"):
        attributes = {"severity": {"DataType": "String", "StringValue": severity}}
        clients("sns").publish(TopicArn=TOPIC, Message=f"it is {severity}", MessageAttributes=attributes)
    (body,) = queued(clients)
    (event,) = events_of(record(body))
    assert event.document["message"] == "it is high"
    assert event.document["attributes"] == {"severity": "high"}
