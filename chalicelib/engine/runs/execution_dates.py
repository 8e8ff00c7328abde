"""Execution dates as clients write them: whatever Airflow's ``pendulum.parse(text, strict=False)`` takes."""

import re
import warnings
from datetime import UTC, datetime, timedelta, timezone

from chalicelib.domain.errors import InvalidRequest, excerpt

_PLAIN = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
"""What nearly all clients send; read without importing pendulum."""

_LONGEST = 100
"""Characters; no date takes more, and the parsers' regular expressions are not for long texts."""


def execution_date(text: str) -> datetime:
    """The date with the offset as it was sent (UTC where it has none), exact to the microsecond.

    Raises ``InvalidRequest`` with Airflow's text. A bare time is of today, as in Airflow; a duration, an
    interval, and a date that has no UTC between the years 1 and 9999 are refused.
    """
    try:
        parsed = _parse(text)
        parsed.astimezone(UTC)
    # TypeError is a slip of pendulum on texts that it should refuse ("10:", "2024-01-01/P1D").
    except (ValueError, OverflowError, TypeError) as error:
        raise not_a_date(text) from error
    return parsed


def not_a_date(text: str) -> InvalidRequest:
    """Airflow's refusal of a date; ``text`` as it was sent."""
    return InvalidRequest(
        f"Given execution date, {excerpt(text)}, could not be identified as a date. "
        "Example date format: 2015-11-16T14:34:15+00:00"
    )


def _parse(text: str) -> datetime:
    if len(text) > _LONGEST:
        raise ValueError("too long")
    parsed = datetime.fromisoformat(text) if _PLAIN.fullmatch(text) else _parse_freely(text)
    offset = parsed.utcoffset() or timedelta()
    # A plain datetime: pendulum's own differs in its arithmetic and its texts.
    return datetime.combine(parsed.date(), parsed.time(), tzinfo=timezone(offset) if offset else UTC)


def _parse_freely(text: str) -> datetime:
    import pendulum

    with warnings.catch_warnings():
        # dateutil warns of time zone names that it does not know; Airflow takes them for UTC.
        warnings.simplefilter("ignore")
        parsed = pendulum.parse(text, strict=False, tz="UTC", now=datetime.now(UTC))
    if not isinstance(parsed, datetime):
        raise ValueError("a duration or an interval")
    return parsed
