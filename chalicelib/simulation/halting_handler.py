"""A handler that halts before every call of a port, so that other handlers may run in between.

It has a thread of its own, but only one thread runs at a time: who goes on is decided outside.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from chalicelib.simulation.queue import InFlight

T = TypeVar("T")

_here = threading.local()


def current() -> "Handler | None":
    """The handler whose thread this is."""
    handler: Handler | None = getattr(_here, "handler", None)
    return handler


class Handler:
    """One invocation. ``go_on`` lets it make one call; it is over when its thread has ended.

    ``halted_at`` names the call that comes next, ``error`` is what it died of.
    """

    def __init__(self, work: Callable[[], None], entry: InFlight, ends_at: datetime) -> None:
        self.entry, self.ends_at = entry, ends_at
        self.error: BaseException | None = None
        self.in_user_code = False
        self.halted_at = ""
        self._work = work
        self._errand: Callable[[], None] | None = None
        self._fault: BaseException | None = None
        self._takes_effect = False
        self._go, self._halted = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait_for_halt()

    @property
    def is_over(self) -> bool:
        """Whether its thread has ended."""
        return self._work is _nothing

    def go_on(self, fault: BaseException | None = None, *, takes_effect: bool = False) -> None:
        """One call more; with a ``fault`` it fails, before it took effect or after (a lost reply)."""
        self._fault, self._takes_effect = fault, takes_effect
        self._go.release()
        self._wait_for_halt()

    def _wait_for_halt(self) -> None:
        self._halted.acquire()
        while self._errand is not None:
            errand, self._errand = self._errand, None
            errand()
            self._go.release()
            self._halted.acquire()

    def halt(self, at: str = "") -> None:
        """Wait, on the handler's own thread, to be told to go on."""
        self.halted_at = at
        self._halted.release()
        self._go.acquire()
        if self._fault is not None and not self._takes_effect:
            raise self._fault

    def lose_reply(self) -> None:
        """After a call: raise the fault that lets the call take effect, if there is one."""
        if self._fault is not None and self._takes_effect:
            raise self._fault

    def have_done(self, work: Callable[[], T]) -> T:
        """Have it done, without halts, by the thread that lets the handler go on.

        User code needs that: Python interrupts it (``execution_timeout``) in the main thread only.
        """
        done: list[T] = []
        errors: list[BaseException] = []

        def errand() -> None:
            try:
                done.append(work())
            except BaseException as error:  # it belongs to the handler
                errors.append(error)

        self._errand = errand
        self._halted.release()
        self._go.acquire()
        if errors:
            raise errors[0]
        return done[0]

    def _run(self) -> None:
        _here.handler = self
        try:
            self.halt()
            self._work()
        except BaseException as error:
            self.error = error
        finally:
            self._work = _nothing
            self._halted.release()


def _nothing() -> None:
    """What a handler that is over has to do."""


class Halting:
    """Any port seen from a handler: it halts before each call."""

    def __init__(self, target: Any, name: str = "") -> None:
        self._target, self._name = target, name

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        path = f"{self._name}.{name}" if self._name else name
        if not callable(member):
            return Halting(member, path)
        return lambda *args, **kwargs: _halting_call(path, member, *args, **kwargs)


def _halting_call(path: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    handler = current()
    if handler is None:
        return method(*args, **kwargs)
    handler.halt(path)
    answer = method(*args, **kwargs)
    handler.lose_reply()
    return answer
