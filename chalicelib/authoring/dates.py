"""Dates in DAG files: always aware, kept in UTC, as Airflow keeps them.

Also what DAG files import from ``airflow.utils.timezone`` and ``airflow.utils.dates``.
"""

import datetime as dt
from typing import Any

from chalicelib.authoring import clock

utc = dt.UTC


def utcnow() -> dt.datetime:
    """Now, aware, by the clock that DAG code lives by."""
    return clock.current().now()


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """``datetime.datetime(...)`` that is in UTC unless a ``tzinfo`` is given."""
    kwargs.setdefault("tzinfo", utc)
    return dt.datetime(*args, **kwargs)  # noqa: DTZ001 - tzinfo was set in the line above


def parse(text: str, timezone: dt.tzinfo | None = None) -> Any:
    """The moment a text names, as a pendulum ``DateTime``; UTC unless the text or ``timezone`` says else."""
    import pendulum

    return pendulum.parse(text, tz=timezone or "UTC", strict=False)


def is_localized(value: dt.datetime) -> bool:
    """Whether the datetime is aware."""
    return value.utcoffset() is not None


is_naive = staticmethod(lambda value: value.utcoffset() is None).__func__


def make_aware(value: dt.datetime, timezone: dt.tzinfo = utc) -> dt.datetime:
    """The same clock time, in that time zone; an aware datetime is refused with ``ValueError``."""
    if is_localized(value):
        raise ValueError(f"make_aware expects a naive datetime, got {value}")
    return value.replace(tzinfo=timezone)


def convert_to_utc(value: dt.datetime | None) -> dt.datetime | None:
    """The same moment in UTC; a naive datetime is taken to be in UTC already."""
    if value is None:
        return None
    return as_utc(value)


def as_utc(value: dt.datetime) -> dt.datetime:
    """The same moment as a plain ``datetime`` in UTC; a naive one is taken to be in UTC already."""
    if not isinstance(value, dt.datetime):
        raise TypeError(f"a date in a DAG has to be a datetime, not {type(value).__name__}: {value!r}")
    aware = value if is_localized(value) else value.replace(tzinfo=utc)
    moved = aware.astimezone(utc)
    # Rebuilt field by field: pendulum's astimezone gives its own subclass.
    return dt.datetime.combine(moved.date(), moved.time(), tzinfo=utc)


def pendulum_datetime(moment: dt.datetime) -> dt.datetime:
    """The moment as a pendulum ``DateTime`` in UTC."""
    import pendulum

    return pendulum.instance(moment).in_timezone("UTC")


def timezone_name(value: dt.datetime | None) -> str:
    """The name of a datetime's time zone: ``Europe/Paris``, ``+02:00``; ``UTC`` for none.

    Zones of ``zoneinfo`` carry it as ``key``, pendulum's as ``name``, pytz's as ``zone``.
    """
    zone = getattr(value, "tzinfo", None)
    if value is None or zone is None or zone is utc:
        return "UTC"
    for attribute in ("key", "name", "zone"):
        name = getattr(zone, attribute, None)
        if isinstance(name, str) and name:
            return name
    offset = value.isoformat()[-6:]
    return "UTC" if offset == "+00:00" else offset


def zone_named(name: str) -> dt.tzinfo:
    """The time zone to which ``timezone_name`` gives that name."""
    from zoneinfo import ZoneInfo

    if name[0] in "+-":
        return dt.datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo or utc
    return ZoneInfo(name)


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> dt.datetime:
    """Midnight (or the given time) of the day ``n`` days before today, in UTC."""
    today = utcnow().replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    return today - dt.timedelta(days=n)
