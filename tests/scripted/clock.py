"""A clock that a test moves, so that no replay has to wait."""

from datetime import UTC, datetime, timedelta


class MovedClock:
    """Stands still, except by a microsecond at each look, until it is moved; also a ``runner.Pace``."""

    def __init__(self) -> None:
        self._moment = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The present moment, aware, in UTC."""
        self._moment += timedelta(microseconds=1)
        return self._moment

    def sleep(self, seconds: float) -> None:
        """Move it on."""
        self._moment += timedelta(seconds=seconds)

    def wait_for_new_second(self) -> None:
        """Move it to where a second has just begun."""
        self._moment = self._moment.replace(microsecond=0) + timedelta(seconds=1.02)
