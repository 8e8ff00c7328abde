"""The log groups of a stage compared with what CloudWatch has. Changes nothing."""

from collections.abc import Collection, Iterator
from typing import Any

from chalicelib.deploy.description.log_groups import LogGroup
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.provisioning.log_groups import standing_log_groups


def check_log_groups(groups: Collection[LogGroup], logs: Any) -> Iterator[Finding]:
    """One finding for each group. Some 2 requests."""
    standing = standing_log_groups(groups, logs)
    for group in groups:
        subject = f"log group {group.name}"
        if group.name not in standing:
            yield gone(subject)
        elif group.is_kept_as_wanted(standing[group.name]):
            yield Finding(subject=subject)
        else:
            days = _kept(standing[group.name])
            yield Finding(subject=subject, problems=(f"is kept {days}, not {_kept(group.retention_days)}",))


def _kept(days: int | None) -> str:
    return "for ever" if days is None else f"for {days} days"
