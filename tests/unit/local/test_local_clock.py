"""The clock, with a wall clock of its own."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.local.clock import Clock, scheduled_event, seconds_to_next_minute
from tests.waiting import PATIENCE_SECONDS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_next_tick_is_at_the_next_full_minute() -> None:
    assert seconds_to_next_minute(NOON) == 60
    assert seconds_to_next_minute(NOON + timedelta(seconds=59, milliseconds=750)) == 0.25


def test_the_event_is_that_of_a_schedule() -> None:
    event = scheduled_event(NOON)
    assert (event["source"], event["detail-type"], event["time"]) == (
        "aws.events",
        "Scheduled Event",
        "2026-01-01T12:00:00Z",
    )


def test_a_failed_tick_does_not_stop_the_clock() -> None:
    ticks: list[dict[str, Any]] = []
    twice = threading.Event()

    def tick(event: dict[str, Any]) -> None:
        ticks.append(event)
        if len(ticks) == 1:
            raise RuntimeError("once")
        twice.set()

    clock = Clock(tick, now=lambda: NOON + timedelta(seconds=59, milliseconds=990))
    clock.start()
    assert twice.wait(PATIENCE_SECONDS)
    clock.stop()
    clock.finish()
