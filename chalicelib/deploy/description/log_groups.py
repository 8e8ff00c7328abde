"""The log groups of a stage's functions, and how long CloudWatch keeps their events. Pure.

They are described here, and made before the functions, because Lambda makes a missing one by itself, which
then keeps its events for ever. Chalice 1.34's ``log_retention_in_days`` names a group for the API's function
that this function does not write to.
"""

from dataclasses import dataclass

from chalicelib.deploy.description.functions import HANDLERS, function_name
from chalicelib.settings import KEEP_LOGS_FOR_EVER, Settings

DEFAULT_RETENTION_DAYS = 90
"""The default, long enough to look back over a quarter. Task logs are in the bucket, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogGroup:
    """The log group of CloudWatch that a function writes to."""

    name: str
    handler: str
    """The function's handler."""
    retention_days: int | None
    """How long the group keeps an event; None for ever."""
    unless_set: bool
    """Whether another retention, set on AWS by hand, stays."""

    def is_kept_as_wanted(self, standing_days: int | None) -> bool:
        """Whether the time that it has, None for ever, may stay."""
        return standing_days == self.retention_days or (self.unless_set and standing_days is not None)


def log_groups(settings: Settings) -> tuple[LogGroup, ...]:
    """Where Lambda writes the logs of the stage's functions, by their names."""
    chosen = settings.log_retention_days
    days = DEFAULT_RETENTION_DAYS if chosen is None else chosen
    return tuple(
        LogGroup(
            name=f"/aws/lambda/{function_name(settings.stage, handler)}",
            handler=handler,
            retention_days=None if days == KEEP_LOGS_FOR_EVER else days,
            unless_set=chosen is None,
        )
        for handler in HANDLERS
    )
