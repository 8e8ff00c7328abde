"""An event loop that counts what a trigger has slept: sleep that is over already takes no time.

A trigger begins each window from its beginning, so it asks for its sleeps again. They go by a time of its
own that begins with the deferral: a sleep that ends before now is over at once. Where the trigger comes by
the same place with the same simple values a second time, it is in a loop that counts nothing, and the
rounds until now are left out. The loop knows ``asyncio.sleep`` by the callback that it schedules; other
timers (of a request that must not take too long) are real.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import CodeType, FrameType
from typing import Any

MOST_SLEEPS = 1000
"""Sleeps that a window repeats; beyond them, a sleep is over with all that is left of the time until now."""

LONGEST_REPEAT = 20.0
"""Seconds of a window in which sleeps are repeated; as above."""

SHORT_SLEEP = 2.0
"""Seconds that a window really waits, rather than to end..."""

LONGEST_STAY = 5.0
"""...and how long after its beginning it does so."""

_END_OF_SLEEP = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]

_DEEPEST = 4
_MOST_ITEMS = 50


@dataclass(slots=True)
class SleptTime:
    """The time of one trigger, in seconds since its deferral."""

    passed: Callable[[], float]
    """Gives the real time since the deferral."""
    may_wait: bool
    """Whether short sleeps are really slept (not where time is virtual)."""
    on_sleep: Callable[[float, bool], None]
    """Told when a sleep begins that the window does not wait for: its end, and whether the trigger itself
    sleeps, not a task that it made."""
    main: "asyncio.Task[Any] | None" = None
    """The task that runs the trigger."""
    sleeps: int = 0
    seen: dict[Any, float] = field(default_factory=dict)
    """The time at the places that it came by, by the task that came by."""
    began: float = field(default_factory=time.monotonic)

    def sleep(self, seconds: float, place: Any) -> float | None:
        """How long to wait really for a sleep; None: the window ends before."""
        passed = self.passed()
        if _now.get() + seconds <= passed:
            _now.set(self._without_rounds(seconds, place, passed))
        self.sleeps += 1
        ends = _now.get() + seconds
        if ends <= passed:
            _now.set(ends)
            return 0.0
        wait, stayed = ends - passed, time.monotonic() - self.began
        if self.may_wait and wait <= SHORT_SLEEP and stayed + wait <= LONGEST_STAY:
            _now.set(ends)
            return wait
        self.on_sleep(ends, asyncio.current_task() is self.main)
        return None

    def _without_rounds(self, seconds: float, place: Any, passed: float) -> float:
        """The time of a task that comes by a place, without the rounds until now that change nothing."""
        now, place = _now.get(), (asyncio.current_task(), place)
        round_trip = now - self.seen.get(place, now)
        if self.sleeps >= MOST_SLEEPS or time.monotonic() - self.began > LONGEST_REPEAT:
            round_trip = max(seconds, 1e-3)
        if round_trip > 0:
            now += (passed - now) // round_trip * round_trip
        self.seen[place] = now
        return now


_now: ContextVar[float] = ContextVar("now", default=0.0)
"""The time of a task, in seconds since the deferral; one that a trigger makes begins with its own."""

current: ContextVar[SleptTime | None] = ContextVar("slept_time", default=None)
"""The time of the trigger whose code runs; tasks that a trigger makes have it, too."""


class SleepCountingLoop(asyncio.SelectorEventLoop):
    """Runs triggers side by side, each by its own time."""

    def call_later(  # type: ignore[override]  # whatever the arguments are, they are handed on
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As the event loop's, but for the end of a sleep."""
        slept = current.get()
        if callback is _END_OF_SLEEP and slept is not None:
            place = _place(sys._getframe(1))
            wait = slept.sleep(delay, place)
            delay = _NEVER if wait is None else wait
        return super().call_later(delay, callback, *args, context=context)


_NEVER = timedelta(days=1000).total_seconds()
"""Longer than any window."""


def _place(frame: FrameType | None) -> Any:
    """Where code sleeps, and with which simple values: equal where it comes by again and counts nothing."""
    found: list[Any] = []
    while frame is not None and frame.f_code is not _STEP:
        if frame.f_code is not asyncio.sleep.__code__:
            values = {name: _simple(value, 0) for name, value in frame.f_locals.items()}
            found.append((frame.f_code.co_qualname, frame.f_lasti, tuple(sorted(values.items(), key=_name))))
        frame = frame.f_back
    return tuple(found)


_STEP: CodeType = asyncio.events.Handle._run.__code__


def _name(item: tuple[str, Any]) -> str:
    return item[0]


def _simple(value: Any, depth: int) -> Any:
    """What can be compared of a value: itself where it is simple, else what it is made of, else its type."""
    if value is None or isinstance(value, bool | int | float | str | bytes | date | timedelta):
        return (type(value).__name__, value)
    kind = type(value).__name__
    if depth >= _DEEPEST:
        return kind
    if isinstance(value, list | tuple | set | frozenset):
        return (kind, tuple(_simple(item, depth + 1) for item in list(value)[:_MOST_ITEMS]), len(value))
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_MOST_ITEMS]
        return (kind, tuple((str(key), _simple(item, depth + 1)) for key, item in pairs), len(value))
    if isinstance(value, type) or callable(value) or not hasattr(value, "__dict__"):
        return kind
    if type(value).__module__.split(".")[0] in _NOT_LOOKED_INTO:
        return kind
    return (kind, tuple((name, _simple(item, depth + 1)) for name, item in list(vars(value).items())))


_NOT_LOOKED_INTO = frozenset({"asyncio", "_asyncio", "logging", "chalicelib"})
