"""The distance to a moment, in whole seconds."""

from datetime import datetime, timedelta


def seconds_until(moment: datetime, now: datetime) -> int:
    """Whole seconds until a moment, rounded up; 0 when it has passed."""
    return max(0, -((now - moment) // timedelta(seconds=1)))
