"""CloudWatch alarms, put and deleted as ``description`` has them."""

from dataclasses import dataclass
from typing import Any

from chalicelib.deploy.description.alarms import Alarm
from chalicelib.deploy.description.resources import StageResources

_COMPARISONS = {"above": "GreaterThanThreshold", "below": "LessThanThreshold"}

_MISSING_DATA = {"well": "notBreaching", "wrong": "breaching"}
"""SQS and Lambda have no metric of what was idle for hours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PutAlarms:
    """The changes of a stage's alarms."""

    made: tuple[str, ...]
    """The names of the new alarms."""
    removed: tuple[str, ...]
    """The names of the deleted alarms."""


def put_alarms(resources: StageResources, cloudwatch: Any) -> PutAlarms:
    """Put each alarm, whether it is there or not, and delete the alarms that the settings no longer have.

    1 request or 2, and 1 for each alarm. The state of one that was there stays as it is (AWS).
    """
    existing = standing_alarms(resources, cloudwatch)
    for alarm in resources.alarms:
        cloudwatch.put_metric_alarm(**alarm_settings(alarm, resources.alarm_topic))
    unwanted = sorted(existing.keys() & set(resources.unwanted_alarms))
    if unwanted:
        cloudwatch.delete_alarms(AlarmNames=unwanted)
    made = tuple(alarm.name for alarm in resources.alarms if alarm.name not in existing)
    return PutAlarms(made=made, removed=tuple(unwanted))


def delete_alarms(resources: StageResources, cloudwatch: Any) -> None:
    """Delete the alarms that are there. 1 request or 2."""
    existing = standing_alarms(resources, cloudwatch)
    if existing:
        cloudwatch.delete_alarms(AlarmNames=sorted(existing))


def standing_alarms(resources: StageResources, cloudwatch: Any) -> dict[str, dict[str, Any]]:
    """The stage's alarms that are there, by name, as CloudWatch describes them. 1 request.

    With the alarms that it would have by other settings.
    """
    names = [*(alarm.name for alarm in resources.alarms), *resources.unwanted_alarms]
    found = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


def alarm_settings(alarm: Alarm, topic: str) -> dict[str, Any]:
    """The alarm as CloudWatch writes it, and CloudFormation too; it tells the topic, if there is one."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "Namespace": alarm.metric.namespace,
        "MetricName": alarm.metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.metric.dimensions],
        "Statistic": alarm.statistic,
        "Period": 60,
        "EvaluationPeriods": alarm.minutes,
        "Threshold": float(alarm.threshold),
        "ComparisonOperator": _COMPARISONS[alarm.side],
        "TreatMissingData": _MISSING_DATA[alarm.silence_is],
        "ActionsEnabled": True,
        "AlarmActions": [topic] if topic else [],
        "OKActions": [topic] if topic else [],
    }
