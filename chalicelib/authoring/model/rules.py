"""The fixed words of a task (trigger rules, weight rules) and the shape of ids."""

import re
from enum import StrEnum

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.domain.graph.trigger_rules import TriggerRule

__all__ = ["TriggerRule", "WeightRule", "trigger_rule", "validate_group_id", "validate_id", "weight_rule"]

MAX_ID_LENGTH = 250
"""Characters of a DAG, task or group id (the width of Airflow's columns)."""

MAX_GROUP_ID_LENGTH = 200
"""Characters of a group's id that is put before those of its members, as in Airflow."""

_ID = re.compile(r"[\w.\-]+\Z", re.ASCII)
_GROUP_ID = re.compile(r"[\w\-]+\Z", re.ASCII)


_OLD_NAMES = {
    "dummy": TriggerRule.ALWAYS,
    "none_failed_or_skipped": TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
}


class WeightRule(StrEnum):
    """Which tasks' weights add up to a task's total priority weight."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


def trigger_rule(value: str) -> TriggerRule:
    """The rule of that name, older names included; raises ``AirflowException``."""
    text = str(value)
    if text in _OLD_NAMES:
        return _OLD_NAMES[text]
    known = sorted(rule.value for rule in TriggerRule)
    if text not in known:
        raise AirflowException(f"The trigger_rule must be one of {', '.join(known)}; received {text!r}")
    return TriggerRule(text)


def weight_rule(value: str) -> WeightRule:
    """The rule of that name; raises ``AirflowException``."""
    text = str(value)
    known = sorted(rule.value for rule in WeightRule)
    if text not in known:
        raise AirflowException(f"The weight_rule must be one of {', '.join(known)}; received {text!r}")
    return WeightRule(text)


def validate_id(value: object) -> str:
    """The id itself if Airflow would take it as a DAG or task id.

    Raises ``TypeError`` when it is no text, else ``AirflowException``.
    """
    if not isinstance(value, str):
        raise TypeError(f"The key has to be a string and is {type(value)}:{value}")
    if len(value) > MAX_ID_LENGTH:
        raise AirflowException(f"The key has to be less than {MAX_ID_LENGTH} characters")
    if not _ID.match(value):
        raise AirflowException(
            f"The key {value!r} has to be made of alphanumeric characters, dashes, dots and "
            "underscores exclusively"
        )
    return value


def validate_group_id(value: object, *, is_prefix: bool) -> None:
    """Refuse what Airflow does not take as the id of a task group.

    Raises ``TypeError``, ``ValueError`` or ``AirflowException``; less is asked of an id that is put before
    no others.
    """
    if not is_prefix:
        if not isinstance(value, str):
            raise ValueError("group_id must be str")
        if not value:
            raise ValueError("group_id must not be empty")
        return
    if not isinstance(value, str):
        raise TypeError(f"The key has to be a string and is {type(value)}:{value}")
    if len(value) > MAX_GROUP_ID_LENGTH:
        raise AirflowException(f"The key has to be less than {MAX_GROUP_ID_LENGTH} characters")
    if not _GROUP_ID.match(value):
        raise AirflowException(
            f"The key {value!r} has to be made of alphanumeric characters, dashes and underscores exclusively"
        )
