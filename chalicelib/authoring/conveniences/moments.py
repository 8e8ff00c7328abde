"""Further functions on moments (``airflow.utils.timezone``)."""

import datetime as dt
from typing import Any

from chalicelib.authoring.dates import is_localized, utc

_UNITS = (("y", 365 * 86400), ("m", 30 * 86400), ("d", 86400), ("h", 3600), ("M", 60), ("s", 1))
"""Airflow's years and months are 365 and 30 days."""


def utc_epoch() -> dt.datetime:
    """The first moment of 1970."""
    return dt.datetime(1970, 1, 1, tzinfo=utc)


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """The clock time of an aware datetime in a zone (UTC); raises ``ValueError`` for a naive one."""
    if not is_localized(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    moved = value.astimezone(timezone or utc)
    return dt.datetime.combine(moved.date(), moved.time())


def coerce_datetime(value: dt.datetime | None, tz: dt.tzinfo | None = None) -> Any:
    """The moment as a pendulum ``DateTime``; a naive one is taken to be in ``tz`` (UTC)."""
    if value is None:
        return None
    import pendulum

    return pendulum.instance(value if is_localized(value) else value.replace(tzinfo=tz or utc))


def from_timestamp(timestamp: float, tz: Any = utc) -> Any:
    """The moment so many seconds after 1970 as a pendulum ``DateTime`` in that zone."""
    import pendulum

    return pendulum.from_timestamp(timestamp, tz=local_timezone() if tz == "local" else tz)


def parse_timezone(name: str | int) -> Any:
    """A pendulum time zone by its name, or by its offset in seconds."""
    import pendulum

    return pendulum.timezone(name)


def local_timezone() -> Any:
    """The time zone of this machine, as pendulum's."""
    from pendulum.tz.local_timezone import get_local_timezone

    return get_local_timezone()


def td_format(value: dt.timedelta | float | None) -> str | None:
    """A duration as Airflow shows it: ``1d:2h:3M:4s``; ``<1s`` for less, None for none."""
    if not value:
        return None
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value
    left, parts = int(seconds), []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return ":".join(parts) or "<1s"
