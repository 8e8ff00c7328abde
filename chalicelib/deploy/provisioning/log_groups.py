"""The functions' log groups, made, given their retention and deleted as ``description`` has them."""

import logging
import time
from collections.abc import Collection
from functools import partial
from typing import Any

from chalicelib.deploy.aws_errors import Sleep, error_code, when_not_busy
from chalicelib.deploy.description.log_groups import LogGroup

log = logging.getLogger(__name__)

_BUSY = ("OperationAbortedException", "ResourceNotFoundException")
"""Of a group that another request is changing, or that was just made."""

WRITTEN_AFTER_S = 10.0
"""What a function's last invocation said comes to CloudWatch some seconds after it ended."""

_LOOKS = 3


def make_log_groups(groups: Collection[LogGroup], logs: Any, *, sleep: Sleep = time.sleep) -> list[str]:
    """Make the groups that are missing, and have all keep their events as long as wanted.

    Returns the names of the new groups. Some 2 requests, and 2 for each group to be made.
    """
    standing = standing_log_groups(groups, logs)
    missing = [group.name for group in groups if group.name not in standing]
    made = [name for name in missing if _make(name, logs, sleep)]
    for group in groups:
        if not group.is_kept_as_wanted(standing.get(group.name)):
            when_not_busy(partial(_keep, group, logs), busy=_BUSY, sleep=sleep)
    return made


def delete_log_groups(groups: Collection[LogGroup], logs: Any, *, sleep: Sleep = time.sleep) -> None:
    """Delete the groups, and once more any group that a function's last lines have made anew."""
    for look in range(_LOOKS):
        if look:
            sleep(WRITTEN_AFTER_S)
        standing = standing_log_groups(groups, logs)
        if not standing:
            return
        for name in standing:
            when_not_busy(partial(_delete, name, logs), busy="OperationAbortedException", sleep=sleep)


def standing_log_groups(groups: Collection[LogGroup], logs: Any) -> dict[str, int | None]:
    """Of the groups that are there, by name, for how many days they keep an event; None for ever."""
    names = {group.name for group in groups}
    shortest = min(names, key=len)  # that of the API's function, with which the others begin
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=shortest)
    found = [each for page in pages for each in page["logGroups"] if each["logGroupName"] in names]
    return {each["logGroupName"]: each.get("retentionInDays") for each in found}


def _make(name: str, logs: Any, sleep: Sleep) -> bool:
    """Make the group; false when another caller just did."""
    make = partial(logs.create_log_group, logGroupName=name)
    try:
        when_not_busy(make, busy="OperationAbortedException", sleep=sleep)
    except logs.exceptions.ResourceAlreadyExistsException:
        return False
    log.info("Created log group %s", name)
    return True


def _keep(group: LogGroup, logs: Any) -> None:
    if group.retention_days is None:
        logs.delete_retention_policy(logGroupName=group.name)
    else:
        logs.put_retention_policy(logGroupName=group.name, retentionInDays=group.retention_days)


def _delete(name: str, logs: Any) -> None:
    from botocore.exceptions import ClientError

    try:
        logs.delete_log_group(logGroupName=name)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
