"""``Stats`` (``airflow.stats``): metrics of the user's, which go nowhere, as in an Airflow without statsd."""

import time
from types import TracebackType
from typing import Any, Self


class Timer:
    """Measures the code inside; ``duration`` is in milliseconds, as in Airflow."""

    duration: float | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin to measure."""
        self._started = time.perf_counter()
        return self

    def stop(self, send: bool = True) -> None:  # noqa: ARG002 - Airflow's signature; nothing is sent anyway
        """Measure."""
        self.duration = 1000 * (time.perf_counter() - self._started)


class Stats:
    """Takes counts, gauges and times; none is sent anywhere."""

    @classmethod
    def incr(cls, stat: str, count: int = 1, rate: float = 1, *, tags: Any = None) -> None:
        """Count up."""

    @classmethod
    def decr(cls, stat: str, count: int = 1, rate: float = 1, *, tags: Any = None) -> None:
        """Count down."""

    @classmethod
    def gauge(
        cls, stat: str, value: float, rate: float = 1, delta: bool = False, *, tags: Any = None
    ) -> None:
        """Tell a value."""

    @classmethod
    def timing(cls, stat: str, dt: Any, *, tags: Any = None) -> None:
        """Tell a time."""

    @classmethod
    def timer(cls, *_: Any, **__: Any) -> Timer:
        """A timer of the code inside."""
        return Timer()
