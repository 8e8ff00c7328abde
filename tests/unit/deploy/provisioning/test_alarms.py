"""The alarms of a stage: what they say, whom they tell, and that a deployment keeps them as described."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.deploy.checks.alarms import check_alarms
from chalicelib.deploy.description.alarms import Alarm
from chalicelib.deploy.description.resources import StageResources, stage_resources
from chalicelib.deploy.provisioning.alarms import (
    PutAlarms,
    alarm_settings,
    delete_alarms,
    put_alarms,
)
from chalicelib.domain.messages import LONGEST_DELAY_SECONDS
from chalicelib.settings import MOST_WORKER_TIMEOUT, SettingError, Settings
from tests.unit.deploy.aws_in_memory import Aws

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"


def resources_of(topic: str = "", *, more: str = "") -> StageResources:
    variables = {"UPDRAFT__AWS__ALARM_TOPIC": topic, "UPDRAFT__AWS__ALARMS": more}
    return stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"} | variables))


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


def dimension(alarm: Alarm) -> str:
    ((_, value),) = alarm.metric.dimensions
    return value


def test_each_queue_has_an_alarm_for_its_dead_letters_and_one_for_its_oldest_message() -> None:
    of_queues = [alarm for alarm in RESOURCES.alarms if alarm.metric.namespace == "AWS/SQS"]
    assert {(dimension(alarm), alarm.metric.name, alarm.threshold) for alarm in of_queues} == {
        ("updraft-dev-scheduling-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-scheduling", "ApproximateAgeOfOldestMessage", 1260),
        ("updraft-dev-tasks-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-tasks", "ApproximateAgeOfOldestMessage", 2760),
        ("updraft-dev-triggers-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-triggers", "ApproximateAgeOfOldestMessage", 2700),
        ("updraft-dev-events-dead-letters", "ApproximateNumberOfMessagesVisible", 0),
        ("updraft-dev-events", "ApproximateAgeOfOldestMessage", 1260),
    }


def test_the_longest_task_after_the_longest_delay_sets_off_no_alarm() -> None:
    (tasks,) = (alarm for alarm in RESOURCES.alarms if alarm.name == "updraft-dev-tasks-oldest-message")
    assert tasks.threshold > LONGEST_DELAY_SECONDS + MOST_WORKER_TIMEOUT


def test_a_clock_that_is_not_called_sets_off_an_alarm_and_so_does_silence() -> None:
    (alarm,) = (each for each in RESOURCES.alarms if each.name == "updraft-dev-clock-stands-still")
    settings = alarm_settings(alarm, TOPIC)
    assert settings.pop("AlarmDescription").startswith("The minute tick was not called for 5 minutes: ")
    assert settings == {
        "AlarmName": "updraft-dev-clock-stands-still",
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": "updraft-dev-tick"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 5,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
        "ActionsEnabled": True,
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
    }


def test_a_clock_that_fails_each_time_stands_still_as_well() -> None:
    (alarm,) = (each for each in RESOURCES.alarms if each.name == "updraft-dev-clock-fails")
    assert (alarm.metric.name, dimension(alarm)) == ("Errors", "updraft-dev-tick")
    assert (alarm.side, alarm.threshold, alarm.minutes, alarm.silence_is) == ("above", 0, 5, "well")


FUNCTIONS = {
    "updraft-dev",
    *(f"updraft-dev-{each}" for each in ("scheduler", "worker", "triggerer", "events", "tick")),
}
AUTHORIZER = "updraft-dev-authorizer"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", set()),
        ("errors", {("Errors", function) for function in FUNCTIONS}),
        ("throttles", {("Throttles", function) for function in {*FUNCTIONS, AUTHORIZER}}),
        ("5xx", {("5XXError", "updraft")}),
        (
            "errors, 5XX",
            {("Errors", function) for function in FUNCTIONS} | {("5XXError", "updraft")},
        ),
    ],
)
def test_more_alarms_are_an_option_and_a_wrong_password_sets_off_none(
    more: str, expected: set[tuple[str, str]]
) -> None:
    added = [alarm for alarm in resources_of(more=more).alarms if alarm not in RESOURCES.alarms]
    assert {(alarm.metric.name, alarm.metric.dimensions[0][1]) for alarm in added} == expected
    assert len({alarm.name for alarm in added}) == len(added)
    assert all(alarm.silence_is == "well" for alarm in added)


def test_an_unknown_kind_of_alarm_is_refused() -> None:
    says = "UPDRAFT__AWS__ALARMS is 'error'; it takes some of errors,throttles,5xx, or nothing"
    with pytest.raises(SettingError, match=says):
        resources_of(more="error")


def test_alarms_that_are_no_longer_wanted_are_found_and_removed(aws: Aws) -> None:
    cloudwatch, every = aws.client("cloudwatch"), "errors,throttles,5xx"
    put_alarms(resources_of(more=every), cloudwatch)
    assert len(described(aws)) == 24
    assert wrong(aws, resources_of(more="errors,throttles")) == {
        "alarm updraft-dev-api-5xx": ("is there, and UPDRAFT__AWS__ALARMS does not ask for it",)
    }
    put = put_alarms(resources_of(more="errors,throttles"), cloudwatch)
    assert put == PutAlarms(made=(), removed=("updraft-dev-api-5xx",))
    delete_alarms(RESOURCES, cloudwatch)
    assert described(aws) == {}


def test_alarms_are_made_once_and_brought_to_what_they_should_be(aws: Aws) -> None:
    cloudwatch = aws.client("cloudwatch")
    assert put_alarms(RESOURCES, cloudwatch).made == tuple(alarm.name for alarm in RESOURCES.alarms)
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
    assert put_alarms(RESOURCES, cloudwatch).made == ("updraft-dev-events-oldest-message",)
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
