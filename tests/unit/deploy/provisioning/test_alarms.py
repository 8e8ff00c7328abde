"""The alarms of a stage: what they say, whom they tell, and that a deployment keeps them as described."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.deploy.description.resources import StageResources, stage_resources
from chalicelib.deploy.provisioning.alarms import alarm_settings, check_alarms, delete_alarms, put_alarms
from chalicelib.domain.messages import LONGEST_DELAY_SECONDS
from chalicelib.settings import MOST_WORKER_TIMEOUT, SettingError, Settings
from tests.unit.deploy.aws_in_memory import Aws

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"


def resources_of(topic: str = "") -> StageResources:
    return stage_resources(
        Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev", "UPDRAFT__AWS__ALARM_TOPIC": topic})
    )


RESOURCES = resources_of()


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


def described(aws: Aws) -> dict[str, dict[str, Any]]:
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in alarms}


def wrong(aws: Aws, resources: StageResources) -> dict[str, tuple[str, ...]]:
    findings = check_alarms(resources, aws.client("cloudwatch"), aws.client("sns"))
    return {finding.subject: finding.problems for finding in findings if not finding.ok}


def test_each_queue_has_an_alarm_for_its_dead_letters_and_one_for_its_oldest_message() -> None:
    assert {(alarm.queue, alarm.metric, alarm.threshold) for alarm in RESOURCES.alarms} == {
        ("updraft-dev-scheduling-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-scheduling", "ApproximateAgeOfOldestMessage", 1260),
        ("updraft-dev-tasks-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-tasks", "ApproximateAgeOfOldestMessage", 2760),
        ("updraft-dev-events-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-events", "ApproximateAgeOfOldestMessage", 1260),
    }


def test_the_longest_task_after_the_longest_delay_sets_off_no_alarm() -> None:
    (tasks,) = (alarm for alarm in RESOURCES.alarms if alarm.queue == "updraft-dev-tasks")
    assert tasks.threshold > LONGEST_DELAY_SECONDS + MOST_WORKER_TIMEOUT


def test_alarms_are_made_once_and_brought_to_what_they_should_be(aws: Aws) -> None:
    cloudwatch = aws.client("cloudwatch")
    assert put_alarms(RESOURCES, cloudwatch) == [alarm.name for alarm in RESOURCES.alarms]
    assert wrong(aws, RESOURCES) == {}
    cloudwatch.put_metric_alarm(
        **alarm_settings(RESOURCES.alarms[0], "") | {"Threshold": 9.0, "ActionsEnabled": False}
    )
    cloudwatch.delete_alarms(AlarmNames=["updraft-dev-events-oldest-message"])
    assert wrong(aws, RESOURCES) == {
        "alarm updraft-dev-scheduling-dead-letters": (
            "its Threshold is 9.0, not 0.0",
            "its ActionsEnabled is False, not True",
        ),
        "alarm updraft-dev-events-oldest-message": ("is missing",),
    }
    assert put_alarms(RESOURCES, cloudwatch) == ["updraft-dev-events-oldest-message"]
    assert wrong(aws, RESOURCES) == {}


def test_a_topic_is_told_of_an_alarm_and_of_its_end(aws: Aws) -> None:
    aws.client("sns").create_topic(Name="on-call")
    put_alarms(RESOURCES, aws.client("cloudwatch"))
    assert wrong(aws, resources_of(TOPIC))["alarm updraft-dev-tasks-dead-letters"] == (
        f"its AlarmActions is empty, not ['{TOPIC}']",
        f"its OKActions is empty, not ['{TOPIC}']",
    )
    put_alarms(resources_of(TOPIC), aws.client("cloudwatch"))
    assert wrong(aws, resources_of(TOPIC)) == {}
    assert {(*alarm["AlarmActions"], *alarm["OKActions"]) for alarm in described(aws).values()} == {
        (TOPIC, TOPIC)
    }


def test_a_topic_that_is_not_there_is_found(aws: Aws) -> None:
    put_alarms(resources_of(TOPIC), aws.client("cloudwatch"))
    assert wrong(aws, resources_of(TOPIC)) == {
        f"topic {TOPIC}": ("is not there, or in another region: nobody is told of alarms",)
    }


class SnsOfAnotherAccount:
    """SNS as it answers about a topic that these credentials may not look at."""

    def get_topic_attributes(self, *, TopicArn: str) -> None:  # noqa: N803 - AWS's name
        assert TopicArn == TOPIC
        raise ClientError({"Error": {"Code": "AuthorizationError"}}, "GetTopicAttributes")


def test_a_topic_of_another_account_is_taken_at_its_word(aws: Aws) -> None:
    put_alarms(resources_of(TOPIC), aws.client("cloudwatch"))
    findings = list(check_alarms(resources_of(TOPIC), aws.client("cloudwatch"), SnsOfAnotherAccount()))
    assert findings[-1].subject == f"topic {TOPIC}"
    assert all(finding.ok for finding in findings)


def test_alarms_are_deleted_and_no_others_and_that_twice(aws: Aws) -> None:
    cloudwatch = aws.client("cloudwatch")
    put_alarms(RESOURCES, cloudwatch)
    other = alarm_settings(RESOURCES.alarms[0], "") | {"AlarmName": "updraft-dev2-tasks-dead-letters"}
    cloudwatch.put_metric_alarm(**other)
    for _ in range(2):
        delete_alarms(RESOURCES, cloudwatch)
    assert described(aws).keys() == {"updraft-dev2-tasks-dead-letters"}


@pytest.mark.parametrize("topic", ["on-call", TOPIC.replace("sns", "sqs"), f"{TOPIC},{TOPIC}"])
def test_a_topic_is_named_by_its_arn(topic: str) -> None:
    with pytest.raises(SettingError, match="UPDRAFT__AWS__ALARM_TOPIC is "):
        resources_of(topic)
