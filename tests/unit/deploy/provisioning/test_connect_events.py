"""Leading events to a stage's queue, against moto's AWS in this process."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.deploy.provisioning.connect_events import (
    Connected,
    EventSourceMissing,
    connect_events,
    disconnect_events,
    refuse_missing_sources,
)
from chalicelib.deploy.stages import StageError
from chalicelib.events.incoming import events_of
from tests.scripted.recorded_events import record
from tests.unit.deploy.event_services import (
    ANY,
    BUS,
    DEAD_LETTERS,
    HIGH,
    OWN,
    QUEUE,
    QUEUES,
    REGION,
    S3,
    SHOP,
    TOPIC,
    BucketNotifications,
    Clients,
    sources,
)


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
    arn = each["SubscriptionArn"]
    attributes: dict[str, str] = clients("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return attributes


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


class Sns:
    """SNS as it answers about the topics of another account, which do not tell who subscribes to them."""

    def __init__(self, sns: Any, refused: tuple[str, ...] = ("list_subscriptions",)) -> None:
        self._sns, self._refused = sns, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sns, name)

    def get_paginator(self, name: str) -> Any:
        if name in self._refused:
            error = {"Error": {"Code": "AuthorizationError", "Message": "not yours"}}
            raise ClientError(error, name)
        return self._sns.get_paginator(name)


@pytest.mark.parametrize("refused", ["list_subscriptions", "list_subscriptions_by_topic"])
def test_subscriptions_are_found_by_topic_and_where_a_topic_does_not_tell_among_all_of_ours(
    clients: Clients, refused: str
) -> None:
    def asking(service: str) -> Any:
        return Sns(clients("sns"), (refused,)) if service == "sns" else clients(service)

    connect_events(sources(HIGH), client=asking)
    assert connect_events(sources(HIGH), client=asking) == Connected(made=(), removed=())
    assert connect_events(sources(), client=asking).removed == (TOPIC,)
    assert clients("sns").list_subscriptions()["Subscriptions"] == []


class KilledAtUnsubscribe(Exception):
    """Where the process ends."""


def test_a_topic_that_was_declared_is_known_until_nothing_comes_from_it(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)

    class Dying(Sns):
        def unsubscribe(self, **_: object) -> None:
            raise KilledAtUnsubscribe

    def dying(service: str) -> Any:
        return Dying(clients("sns")) if service == "sns" else clients(service)

    with pytest.raises(KilledAtUnsubscribe):
        connect_events(sources(SHOP), client=dying)
    assert connect_events(sources(SHOP), client=clients).removed == (TOPIC,)
    for queue in QUEUES:
        assert "UpdraftEventTopics" not in queue_policy_of(clients, queue)
    assert connect_events(sources(SHOP), client=clients) == Connected(made=(), removed=())


def queue_policy_of(clients: Clients, queue: str) -> str:
    url = clients("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    answer = clients("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return str(answer["Attributes"]["Policy"])


def test_a_topic_that_was_deleted_is_forgotten(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)
    clients("sns").delete_topic(TopicArn=TOPIC)
    connect_events(sources(), client=clients)
    assert TOPIC not in queue_policy_of(clients, QUEUES[0])


def test_a_topic_of_another_region_is_refused_before_anything_is_done(clients: Clients) -> None:
    far = ANY.replace("acme-alerts", TOPIC.replace(REGION, "us-east-1"))
    says = r"event 2 \(mail\): topic .* is in us-east-1, and the stage in eu-west-1"
    with pytest.raises(StageError, match=says):
        connect_events(sources(SHOP, far), client=clients)
    assert rules(clients) == {}


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (S3.replace("acme-incoming", "nowhere"), "no bucket nowhere"),
        (BUS.replace("shop", "nowhere"), "no event bus nowhere"),
        (ANY.replace("acme-alerts", "nowhere"), "no topic arn:aws:sns:eu-west-1:123456789012:nowhere"),
    ],
)
def test_what_is_not_there_can_be_told_before_anything_is_done(
    clients: Clients, entry: str, what: str
) -> None:
    refuse_missing_sources(sources(S3, SHOP, BUS, HIGH, OWN), client=clients)
    with pytest.raises(EventSourceMissing, match=f"^events.toml, event 1 .*: there is {what}"):
        refuse_missing_sources(sources(entry), client=clients)


def test_a_topic_of_another_account_may_be_there(clients: Clients) -> None:
    class Silent(Sns):
        def get_topic_attributes(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AuthorizationError"}}, "GetTopicAttributes")

    def asking(service: str) -> Any:
        return Silent(clients("sns")) if service == "sns" else clients(service)

    refuse_missing_sources(sources(ANY), client=asking)


def test_what_several_declare_is_made_once_and_lets_through_what_any_of_them_wants(clients: Clients) -> None:
    connect_events(sources(SHOP, SHOP, HIGH, ANY), client=clients)
    assert len(rules(clients)) == 1
    assert json.loads(subscription(clients).get("FilterPolicy", "{}")) == {}


def test_a_filter_that_was_changed_is_changed(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)
    connect_events(sources(HIGH.replace("high", "low")), client=clients)
    assert json.loads(subscription(clients)["FilterPolicy"]) == {"severity": ["low"]}


@pytest.mark.parametrize("queue", QUEUES)
def test_only_the_stages_rules_and_topics_may_send_and_what_others_allowed_stays(
    clients: Clients, queue: str
) -> None:
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
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
    assert {each["Resource"] for each in statements[1:]} == {f"arn:aws:sqs:{REGION}:123456789012:{queue}"}
    allowed = {each["Sid"]: each.get("Condition", {}).get("ArnLike") for each in statements}
    assert allowed["UpdraftEventTopics"] == {"aws:SourceArn": [TOPIC]}
    assert allowed["UpdraftEventRules"] == {
        "aws:SourceArn": [
            f"arn:aws:events:{REGION}:123456789012:rule/updraft-dev-events-????????????????",
            f"arn:aws:events:{REGION}:123456789012:rule/*/updraft-dev-events-????????????????",
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


def test_every_rule_sends_to_the_queue_and_what_cannot_be_delivered_to_the_dead_letters(
    clients: Clients,
) -> None:
    wanted = sources(SHOP, BUS)
    connect_events(wanted, client=clients)
    for rule in wanted.rules:
        answer = clients("events").list_targets_by_rule(Rule=rule.name, EventBusName=rule.bus)
        assert answer["Targets"] == [
            {"Id": "events-queue", "Arn": QUEUE, "DeadLetterConfig": {"Arn": DEAD_LETTERS}}
        ]


def test_what_a_topic_cannot_deliver_goes_to_the_dead_letters_also_of_older_subscriptions(
    clients: Clients,
) -> None:
    clients("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    connect_events(sources(HIGH), client=clients)
    assert json.loads(subscription(clients)["RedrivePolicy"]) == {"deadLetterTargetArn": DEAD_LETTERS}


def test_nothing_leads_to_the_queue_of_a_stage_that_is_taken_down(clients: Clients) -> None:
    connect_events(sources(SHOP, BUS, HIGH), client=clients)
    sqs = clients("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUES[1])["QueueUrl"])
    for _ in range(2):
        disconnect_events(sources(), client=clients)
        assert (rules(clients), rules(clients, "shop")) == ({}, {})
        assert clients("sns").list_subscriptions()["Subscriptions"] == []


def test_what_comes_by_a_topic_can_be_read(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)
    for severity in ("high", "low"):
        attributes = {"severity": {"DataType": "String", "StringValue": severity}}
        clients("sns").publish(TopicArn=TOPIC, Message=f"it is {severity}", MessageAttributes=attributes)
    (body,) = queued(clients)
    (event,) = events_of(record(body))
    assert event.document["message"] == "it is high"
    assert event.document["attributes"] == {"severity": "high"}
