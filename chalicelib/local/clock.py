"""EventBridge's rule ``rate(1 minute)`` on one machine."""

import logging
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_MINUTE = 60.0

logger = logging.getLogger(__name__)


class Clock:
    """Calls ``tick(event)`` once at its start and then at the beginning of every minute.

    One call at a time: a minute that begins while the last call still runs is left out. ``now`` gives
    the wall clock, which is looked at again each minute, so that a machine that slept ticks on time.
    """

    def __init__(
        self, tick: Callable[[dict[str, Any]], None], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._tick = tick
        self._now = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)

    def start(self) -> None:
        """Tick now, in a thread of its own, and go on."""
        self._thread.start()

    def stop(self) -> None:
        """No more ticks."""
        self._stopping.set()

    def finish(self) -> None:
        """After ``stop``: return when the tick that ran has ended."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._tick(scheduled_event(self._now()))
            except Exception:
                logger.exception("the tick failed")
            self._stopping.wait(seconds_to_next_minute(self._now()))


def seconds_to_next_minute(now: datetime) -> float:
    """Seconds until the wall clock shows the next full minute; more than 0, at most 60."""
    return _MINUTE - (now.second + now.microsecond / 1e6)


def scheduled_event(now: datetime) -> dict[str, Any]:
    """The event that an EventBridge schedule sends."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/updraft-local-tick"],
        "detail": {},
    }
