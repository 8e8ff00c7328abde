"""An event loop that gives each trigger a time of its own, which begins with its deferral.

A trigger begins each window from its beginning, so it asks for its sleeps again. While nothing of a trigger
is at work but sleeps, its time goes on to the end of the first of its timers; what ended before the window
began is over at once, and the window ends with the first that did not. Time-outs (``asyncio.timeout``,
``wait_for``) are timers by the same time, and come to their end after so long in reality, too, for they
guard calls. Rounds of loops are left out (``rounds``).
"""

import asyncio
import heapq
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from types import FrameType
from typing import Any

from chalicelib.authoring.running.rounds import Arrival, Place, Rounds, arrival_of, rounds_between

MOST_SLEEPS = 1000
"""Sleeps that a window repeats; beyond them, a sleep is over with all that is left of the time until now."""

LONGEST_REPEAT = 20.0
"""Seconds of a window in which sleeps are repeated; as above."""

LONGEST_WAIT = 1.0
"""Seconds that a window really waits in all, rather than to end."""

_END_OF_SLEEP = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]

_UNKNOWN = 1.0
"""Seconds in which another task of a trigger that sleeps may come to the end of a call."""

_LOOK_AGAIN = 0.02
"""Seconds until it is looked at again whether a call has ended."""

OnWait = Callable[[float, Rounds | None], None]


@dataclass(slots=True, order=True)
class _Timer:
    ends: float
    number: int
    handle: asyncio.TimerHandle = field(compare=False)
    seconds: float = field(compare=False)
    sleeper: "asyncio.Future[Any] | None" = field(compare=False)
    """What a task that sleeps waits for; None: a time-out."""


@dataclass(slots=True)
class SleptTime:
    """The time of one trigger, in seconds since its deferral."""

    passed: Callable[[], float]
    """Gives the real time since the deferral."""
    may_wait: bool
    """Whether short sleeps are really slept (not where time is virtual)."""
    on_wait: OnWait
    """Told when the trigger waits for longer than the window: until when, and the loop that it is in."""
    known: Rounds | None = None
    """The loop that it was in when its last window ended."""
    trigger: Any = None
    at: float = 0.0
    before: float = 0.0
    """The time since the deferral when the window began."""
    is_over: bool = False
    sleeps: int = 0
    timers: list[_Timer] = field(default_factory=list)
    tasks: "set[asyncio.Task[Any]]" = field(default_factory=set)
    lines: set[tuple[str, int]] = field(default_factory=set)
    """Lines of its functions that have been run since it slept last."""
    _first: dict[Any, Arrival] = field(default_factory=dict)
    _last: dict[Any, Arrival] = field(default_factory=dict)
    _found: dict[Any, Rounds] = field(default_factory=dict)
    _broken: set[Any] = field(default_factory=set)
    """Places at which its rounds do not follow one another."""
    _began: float = field(default_factory=time.monotonic)
    _asleep_since: float | None = None
    _waited: float = 0.0

    def begin(self, trigger: Any) -> None:
        """Begin with what is known of the rounds until now."""
        self.trigger = trigger
        self.before = self.passed()
        if self.known is not None and self.known.begins_anywhere:
            rounds = self.known.until(self.before)
            self.at = rounds * self.known.period
            self.known.advance(trigger, rounds)

    def may_go_on(self) -> bool:
        """Whether its tasks wait for nothing but timers, as far as that can be known."""
        is_asleep = self._is_asleep()
        if is_asleep is not None:
            self._asleep_since = None
            return is_asleep
        now = time.monotonic()
        self._asleep_since = self._asleep_since or now
        return now - self._asleep_since > _UNKNOWN

    def _is_asleep(self) -> bool | None:
        tasks = [task for task in self.tasks if not task.done()]
        awaited = [_awaited(task) for task in tasks]
        if not tasks or any(future is None or future.done() for future in awaited):
            return False
        if all(self._is_known(future, tasks) for future in awaited):
            return True
        return None if any(timer.sleeper is not None for timer in self._pending()) else False

    def _is_known(self, future: Any, tasks: "list[asyncio.Task[Any]]") -> bool:
        if future in tasks:
            return True
        children = getattr(future, "_children", None)  # of asyncio.gather
        if children is not None:
            return all(child.done() or child in tasks for child in children)
        return any(timer.sleeper is future or _guards(timer, future) for timer in self._pending())

    def _pending(self) -> list[_Timer]:
        return [timer for timer in self.timers if not timer.handle.cancelled()]

    def go_on(self, wake: Callable[[_Timer, float], None]) -> None:
        """Wake what is over by now, or else end the window. ``wake`` takes a timer and seconds to wait."""
        heapq.heapify(self.timers)
        while self.timers and self.timers[0].handle.cancelled():
            heapq.heappop(self.timers)
        if not self.timers:
            return
        place = self._leave_rounds_out(self.timers[0])
        heapq.heapify(self.timers)
        timer = self.timers[0]
        if timer.ends > self.before:
            self._begin_really(timer)
        wait = max(timer.ends - self.passed(), 0.0)
        if timer.ends <= self.before or self._waits_for(wait):
            heapq.heappop(self.timers)
            self.at = max(self.at, timer.ends)
            wake(timer, 0.0 if timer.ends <= self.before else wait)
            return
        self.is_over = True
        self.on_wait(timer.ends, self._loop_at(place))

    def _loop_at(self, place: Place | None) -> Rounds | None:
        """The loop in which it sleeps, if it is known."""
        loop = self._found.get(place) if place else None
        if loop is None and place and self._is_within_known(place):
            loop = self.known
        if loop is None or place is None or place != loop.place or place in self._broken:
            return loop
        return loop.at_round(self._last[place].at)

    def _begin_really(self, timer: _Timer) -> None:
        """Where the trigger's calls took longer than a sleep, it is slept after them."""
        if timer.sleeper is not None and timer.ends <= self.passed():
            self.at = self.passed()
            timer.ends = self.at + timer.seconds

    def _waits_for(self, wait: float) -> bool:
        if not self.may_wait or self._waited + wait > LONGEST_WAIT:
            return False
        self._waited += wait
        return True

    def _leave_rounds_out(self, timer: _Timer) -> Any:
        """Let rounds pass that are over; the place where the trigger sleeps."""
        others = [each for each in self._pending() if each is not timer]
        if timer.sleeper is None or any(each.sleeper is not None for each in others):
            return None
        self.sleeps += 1
        sleeper = next((task for task in self.tasks if _awaited(task) is timer.sleeper), None)
        if sleeper is None:
            return None
        arrival = arrival_of(sleeper, timer.seconds, self.at, self.trigger)
        if arrival is None:
            return None
        arrival.lines = frozenset(self.lines)
        self.lines.clear()
        place = arrival.place
        last = self._last.get(place)
        of_round = [each for each in others if last and each.ends - each.seconds > last.at]
        until = min([self.before, *(each.ends for each in others if each not in of_round)])
        moved = self._moved(arrival, last, timer, until, is_alone=not others)
        if moved:
            self.at += moved
            for each in (timer, *of_round):
                each.ends += moved
            lines = arrival.lines
            arrival = arrival_of(sleeper, timer.seconds, self.at, self.trigger) or arrival
            arrival.lines = lines
        self._first.setdefault(place, arrival)
        self._last[place] = arrival
        return place

    def _moved(
        self, arrival: Arrival, last: Arrival | None, timer: _Timer, until: float, *, is_alone: bool
    ) -> float:
        """By how much the time of a trigger goes on, or back, at a place, and the trigger with it."""
        if last is None:
            return self.known.meet(arrival, until) if self.known is not None else 0.0
        place = arrival.place
        found = rounds_between(last, arrival, self._last)
        if found is None:
            self._broken.add(place)
            return self._beyond_all_bounds(timer)
        if not is_alone:  # a time-out begins when the trigger does
            found = replace(found, begins_anywhere=False)
        known = self.known if self.known is not None and self.known.place == place else None
        loop = self._found.get(place) or known
        if loop is not None and not loop.goes_on(found):
            self._broken.add(place)
        elif loop is None and last is self._first[place] and not self._is_within_known(place):
            self._found[place] = found
        if found.may_end_by_numbers:
            return self._beyond_all_bounds(timer)
        rounds = int(max(until - timer.ends, 0) // found.period)
        return arrival.advance(found, rounds) * found.period

    def _is_within_known(self, place: Place) -> bool:
        return self.known is not None and place in self.known.places

    def _beyond_all_bounds(self, timer: _Timer) -> float:
        if self.sleeps < MOST_SLEEPS and time.monotonic() - self._began < LONGEST_REPEAT:
            return 0.0
        step = max(timer.seconds, 1e-3)
        return max((self.before - self.at) // step - 1, 0) * step


def _awaited(task: "asyncio.Task[Any]") -> Any:
    """The future that a task waits for; None: it goes on."""
    return getattr(task, "_fut_waiter", None)


def _guards(timer: _Timer, future: Any) -> bool:
    """Whether a future is the one by which ``wait_for`` waits for a task."""
    return any(argument is future for argument in timer.handle._args)


current: ContextVar[SleptTime | None] = ContextVar("slept_time", default=None)
"""The time of the trigger whose code runs; tasks that a trigger makes have it, too."""


@contextmanager
def noting_lines() -> Iterator[None]:
    """Note which lines of their functions triggers run."""
    before = sys.gettrace()
    sys.settrace(_traced)
    try:
        yield
    finally:
        sys.settrace(before)


def _traced(frame: FrameType, event: str, _argument: Any) -> Any:
    """Python's trace function: of functions that may sleep, the lines are of interest."""
    slept = current.get()
    is_asyncios = frame.f_globals.get("__package__") == "asyncio"
    if slept is None or is_asyncios or not frame.f_code.co_flags & _MAY_SLEEP:
        return None
    if event == "line":
        slept.lines.add((frame.f_code.co_qualname, frame.f_lineno))
    return _traced


_MAY_SLEEP = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


_OF_NETWORKS = frozenset({"aiobotocore", "aiohttp", "asyncssh", "httpcore", "httpx"})
"""Libraries whose own timers (how long a connection is kept, how long a request may take) count reality: no
trigger waits for them, so they end no window."""


def _is_of_networks(callback: Any) -> bool:
    return str(getattr(callback, "__module__", "")).partition(".")[0] in _OF_NETWORKS


class SleepCountingLoop(asyncio.SelectorEventLoop):
    """Runs triggers side by side, each by its own time."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_task_of_trigger)
        self._numbers = count()
        self._outside = Context()
        """The context of what is no trigger's."""
        self._unsettled: dict[int, SleptTime] = {}
        """The times that may go on, once their triggers are asleep."""
        self._will_look = False

    def time(self) -> float:
        """The time of the trigger that asks, in seconds since its deferral; else the loop's own."""
        slept = current.get()
        return super().time() if slept is None else slept.at

    def call_at(  # type: ignore[override]  # whatever the arguments are, they are handed on
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As the event loop's; in a trigger, at a moment of the trigger's time."""
        slept = current.get()
        if slept is None:
            return super().call_at(when, callback, *args, context=context)
        if _is_of_networks(callback):
            really = super().time() + when - slept.at
            return super().call_at(really, callback, *args, context=context)
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        sleeper = args[0] if callback is _END_OF_SLEEP else None
        timer = _Timer(when, next(self._numbers), handle, when - slept.at, sleeper)
        slept.timers.append(timer)
        if sleeper is None:
            really = super().time() + timer.seconds
            super().call_at(really, self._run_out, slept, timer, context=self._outside)
        self._look_at(slept)
        return handle

    def _look_at(self, slept: SleptTime) -> None:
        self._unsettled[id(slept)] = slept
        if not self._will_look:
            self._will_look = True
            super().call_soon(self._look, context=self._outside)

    def _look(self) -> None:
        """Let the time of triggers go on that are asleep, once everything else has been done."""
        if self._ready:  # type: ignore[attr-defined]
            super().call_soon(self._look, context=self._outside)
            return
        self._will_look = False
        for key, slept in list(self._unsettled.items()):
            if slept.is_over or not slept.tasks:
                del self._unsettled[key]
            elif slept.may_go_on():
                del self._unsettled[key]
                slept.go_on(partial(self._wake, slept))
        if self._unsettled and not self._will_look:
            self._will_look = True
            self.call_later(_LOOK_AGAIN, self._look)

    def _wake(self, slept: SleptTime, timer: _Timer, wait: float) -> None:
        self.call_later(wait, self._run, slept, timer)

    def _run(self, slept: SleptTime, timer: _Timer) -> None:
        if not timer.handle.cancelled():
            timer.handle._run()
        self._look_at(slept)

    def _run_out(self, slept: SleptTime, timer: _Timer) -> None:
        """A time-out has come in reality."""
        if timer in slept.timers and not slept.is_over:
            slept.timers.remove(timer)
            self._run(slept, timer)


def _task_of_trigger(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **kwargs)
    slept = current.get()
    if slept is not None:
        slept.tasks.add(task)
        task.add_done_callback(slept.tasks.discard, context=Context())
    return task
