"""What events come from and go to, in moto's AWS: a stage's queues, a bucket, a topic and a bus."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
from moto import mock_aws

from chalicelib.deploy.description.event_sources import EventSources, event_sources
from chalicelib.events.declarations import parse_declarations
from chalicelib.settings import Settings

REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:acme-alerts"
SETTINGS = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})

S3 = '[[event]]\ndag_id = "load"\nsource = "s3"\nbucket = "acme-incoming"\nprefix = "orders/"\n'
SHOP = '[[event]]\ndag_id = "fulfil"\nsource = "eventbridge"\npattern = { source = ["acme.shop"] }\n'
BUS = '[[event]]\ndag_id = "fulfil"\nsource = "eventbridge"\nbus = "shop"\npattern = { source = ["x"] }\n'
ANY = '[[event]]\ndag_id = "mail"\nsource = "sns"\ntopic = "acme-alerts"\n'
HIGH = ANY.replace("mail", "page") + 'attributes = { severity = ["high"] }\n'
OWN = '[[event]]\ndag_id = "greet"\nsource = "sqs"\n'

QUEUE = f"arn:aws:sqs:{REGION}:123456789012:updraft-dev-events"
DEAD_LETTERS = f"{QUEUE}-dead-letters"
QUEUES = ("updraft-dev-events", "updraft-dev-events-dead-letters")

Clients = Callable[[str], Any]


@contextmanager
def event_services() -> Iterator[Clients]:
    """Clients of an AWS that has the stage's queues, a bucket, a topic, a bus, and a stranger's rule."""
    with mock_aws():
        session = botocore.session.get_session()
        made: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in made:
                made[service] = session.create_client(
                    service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
                )
            return made[service]

        for name in QUEUES:
            client("sqs").create_queue(QueueName=name)
        client("s3").create_bucket(
            Bucket="acme-incoming", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        client("sns").create_topic(Name="acme-alerts")
        client("events").create_event_bus(Name="shop")
        client("events").put_rule(Name="updraft-dev-events-events-0123456789abcdef", EventPattern="{}")
        yield client


def sources(*entries: str) -> EventSources:
    return event_sources(SETTINGS, parse_declarations("".join(entries)))


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
