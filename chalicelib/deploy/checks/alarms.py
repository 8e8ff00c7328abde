"""The alarms of a stage compared with what CloudWatch has. Changes nothing."""

from collections.abc import Iterator
from typing import Any

from chalicelib.deploy.aws_errors import error_code
from chalicelib.deploy.description.resources import StageResources
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.provisioning.alarms import alarm_settings, standing_alarms


def check_alarms(resources: StageResources, cloudwatch: Any, sns: Any) -> Iterator[Finding]:
    """One finding for each alarm, for each too many, and for the topic if there is one. 1 request or 2."""
    existing = standing_alarms(resources, cloudwatch)
    for alarm in resources.alarms:
        subject = f"alarm {alarm.name}"
        standing = existing.get(alarm.name)
        if standing is None:
            yield gone(subject)
        else:
            wanted = alarm_settings(alarm, resources.alarm_topic)
            yield Finding(subject=subject, problems=tuple(_differences(standing, wanted)))
    for name in sorted(existing.keys() & set(resources.unwanted_alarms)):
        yield Finding(
            subject=f"alarm {name}", problems=("is there, and UPDRAFT__AWS__ALARMS does not ask for it",)
        )
    if resources.alarm_topic:
        yield _topic(resources.alarm_topic, sns)


def _differences(standing: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        found = standing.get(name)
        if found != value and (found or value):  # CloudWatch may leave out what is empty
            yield f"its {name} is {_said(found)}, not {_said(value)}"


def _said(value: object) -> object:
    return "empty" if value in (None, []) else value


def _topic(topic: str, sns: Any) -> Finding:
    from botocore.exceptions import ClientError

    subject = f"topic {topic}"
    try:
        sns.get_topic_attributes(TopicArn=topic)
    except ClientError as error:
        if (
            error_code(error) == "AuthorizationError"
        ):  # another account's, which may let alarms in all the same
            return Finding(subject=subject)
        if error_code(error) not in ("NotFound", "InvalidParameter"):  # the latter in another region
            raise
        return Finding(
            subject=subject,
            problems=("is not there, or in another region: nobody is told of alarms",),
            remedy="create it, or set UPDRAFT__AWS__ALARM_TOPIC to one of the stage's region",
        )
    return Finding(subject=subject)
