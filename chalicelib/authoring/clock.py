"""The clock that DAG code lives by: the real one, unless a run is tried out in a time of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and lets it pass."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed on this clock."""


class RealClock:
    """Implements ``Clock`` by the machine's."""

    def now(self) -> datetime:
        """The real time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Really wait."""
        time.sleep(seconds)


_clocks: list[Clock] = [RealClock()]


def current() -> Clock:
    """The clock of DAG code, in whatever thread."""
    return _clocks[-1]


@contextmanager
def living_by(clock: Clock) -> Iterator[None]:
    """Let the DAG code of this process live by that clock.

    Only what asks Airflow's names knows of it (``timezone.utcnow()``, sensors): ``datetime.now()`` in a
    user's code stays the real time.
    """
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.pop()
