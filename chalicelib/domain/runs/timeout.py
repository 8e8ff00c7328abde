"""``dagrun_timeout``: the time that a run may take, counted from its start as in Airflow."""

from datetime import datetime, timedelta

from chalicelib.domain.moments import seconds_until

TIMED_OUT = "timed_out"
"""Why the run was ended, by the name that Airflow's callbacks are told."""


def times_out_at(start_date: datetime, dagrun_timeout: timedelta | None) -> datetime | None:
    """The moment after which a run has timed out; None if it never does."""
    if dagrun_timeout is None:
        return None
    try:
        return start_date + dagrun_timeout
    except OverflowError:  # beyond the year 9999
        return None


def seconds_left(start_date: datetime, dagrun_timeout: timedelta | None, now: datetime) -> int | None:
    """Whole seconds until a run has timed out: 0 when it has, None if it never does."""
    moment = times_out_at(start_date, dagrun_timeout)
    if moment is None or moment < now:
        return None if moment is None else 0
    return seconds_until(moment, now) or 1  # at that very moment it has not
