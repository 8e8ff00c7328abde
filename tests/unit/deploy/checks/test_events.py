"""The doctor on what leads events to a stage's queue, against moto's AWS in this process."""

import json

import pytest

from chalicelib.deploy.checks.events import check_events
from chalicelib.deploy.provisioning.connect_events import connect_events
from tests.unit.deploy.event_services import (
    ANY,
    BUS,
    HIGH,
    QUEUE,
    QUEUES,
    S3,
    SHOP,
    TOPIC,
    BucketNotifications,
    Clients,
    sources,
)


def wrong(clients: Clients, *entries: str) -> dict[str, tuple[str, ...]]:
    findings = check_events(sources(*entries), client=clients)
    return {finding.subject: finding.problems for finding in findings if not finding.ok}


def subscription_arn(clients: Clients) -> str:
    (each,) = clients("sns").list_subscriptions()["Subscriptions"]
    return str(each["SubscriptionArn"])


@pytest.mark.parametrize("of_topic", [HIGH, ANY])
def test_of_what_was_connected_nothing_is_wrong(clients: Clients, of_topic: str) -> None:
    connect_events(sources(SHOP, BUS, of_topic), client=clients)
    assert wrong(clients, SHOP, BUS, of_topic) == {}


def test_what_was_never_connected_is_missing(clients: Clients) -> None:
    (rule,) = sources(SHOP).rules
    assert wrong(clients, SHOP, ANY) == {
        "policy of updraft-dev-events": ("does not let the events in",),
        "policy of updraft-dev-events-dead-letters": ("does not let the events in",),
        f"rule {rule.name} (events.toml, event 1 (fulfil))": ("is missing",),
        "subscription to topic acme-alerts (events.toml, event 2 (mail))": ("is missing",),
    }


def test_a_rule_that_somebody_changed_is_found(clients: Clients) -> None:
    connect_events(sources(SHOP), client=clients)
    (rule,) = sources(SHOP).rules
    events = clients("events")
    events.put_rule(Name=rule.name, EventPattern='{"source": ["acme.other"]}')
    events.disable_rule(Name=rule.name)
    events.put_targets(Rule=rule.name, Targets=[{"Id": "events-queue", "Arn": QUEUE}])
    assert list(wrong(clients, SHOP).values()) == [
        (
            "is disabled: its events are lost",
            "has another pattern than the one declared",
            "does not lead to the queue, or not to its dead letters what cannot be delivered",
        )
    ]


def test_a_subscription_that_somebody_changed_is_found(clients: Clients) -> None:
    connect_events(sources(HIGH), client=clients)
    clients("sns").set_subscription_attributes(
        SubscriptionArn=subscription_arn(clients), AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    assert list(wrong(clients, HIGH).values()) == [("its RawMessageDelivery is not as declared",)]


def test_what_is_led_to_the_queue_and_no_longer_declared_is_found(clients: Clients) -> None:
    connect_events(sources(SHOP, HIGH), client=clients)
    (rule,) = sources(SHOP).rules
    nobody = ("are led to the queue, and nobody declares it",)
    found = wrong(clients)
    assert found[f"events by {rule.name}"] == nobody
    assert found[f"events by {TOPIC}"] == nobody


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_that_lets_nobody_in_is_found(clients: Clients, queue: str) -> None:
    connect_events(sources(SHOP), client=clients)
    sqs = clients("sqs")
    policy = {"Version": "2012-10-17", "Statement": []}
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert wrong(clients, SHOP) == {f"policy of {queue}": ("does not let the events in",)}


def test_a_bucket_that_tells_nobody_or_is_not_there_is_found(clients: Clients) -> None:
    connect_events(sources(S3), client=clients)
    subject = "events of bucket acme-incoming"
    tells = BucketNotifications({"EventBridgeConfiguration": {}})
    assert wrong(lambda name: tells if name == "s3" else clients(name), S3) == {}
    assert wrong(clients, S3) == {subject: ("are not told to EventBridge",)}  # moto's tells nobody
    clients("s3").delete_bucket(Bucket="acme-incoming")
    assert wrong(clients, S3)[subject] == (
        "cannot be looked at: there is no such bucket, or these credentials may not see it",
    )


def test_without_the_queues_there_is_nothing_to_look_at(clients: Clients) -> None:
    sqs = clients("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUES[1])["QueueUrl"])
    assert wrong(clients, SHOP) == {}
