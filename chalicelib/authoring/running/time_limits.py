"""Limits to the time of user code: a timeout, and the end of the process.

Both rest on signals, which Python delivers to the main thread only. In another thread the limit cannot
be enforced (a warning is logged) and the end of the process is left to its owner.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from chalicelib.authoring.exceptions import AirflowTaskTerminated, AirflowTaskTimeout

log = logging.getLogger("airflow.task")


@contextmanager
def time_limit(limit: timedelta | None, message: str) -> Iterator[None]:
    """Raise ``AirflowTaskTimeout`` with the message in the code inside when the limit has passed."""
    if limit is None:
        yield
        return
    if not in_main_thread():
        log.warning("Outside the main thread the time limit of %s cannot be enforced", limit)
        yield
        return

    def time_is_over() -> None:
        raise AirflowTaskTimeout(message)

    def stop(_number: int, _frame: FrameType | None) -> None:
        _interrupt(time_is_over)

    previous = signal.signal(signal.SIGALRM, stop)
    # A limit of zero would switch the timer off instead of firing at once.
    signal.setitimer(signal.ITIMER_REAL, max(limit.total_seconds(), 1e-6))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def timeout(seconds: float = 1, error_message: str = "Timeout") -> Iterator[None]:
    """Airflow's form of it: the message is followed by the process's number."""
    with time_limit(timedelta(seconds=seconds), f"{error_message}, PID: {os.getpid()}"):
        yield


@contextmanager
def ending_on_sigterm(on_kill: Callable[[], None]) -> Iterator[None]:
    """When the process is told to end (SIGTERM), call ``on_kill`` and raise ``AirflowTaskTerminated`` inside.

    A process that the code inside has forked just ends, as in Airflow: it is not its task.
    """
    if not in_main_thread():
        yield
        return
    own = os.getpid()

    def terminate() -> None:
        log.error("Received SIGTERM. Terminating subprocesses.")
        try:
            on_kill()
        finally:
            raise AirflowTaskTerminated("Task received SIGTERM signal")

    def stop(_number: int, _frame: FrameType | None) -> None:
        if os.getpid() != own:
            os._exit(1)
        _interrupt(terminate)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


_sections = 0
_postponed: list[Callable[[], None]] = []


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Postpone what would cut the code inside short until it is through: it must not be left half done.

    Only the main thread is ever interrupted; in others this does nothing.
    """
    global _sections
    if not in_main_thread():
        yield
        return
    _sections += 1
    try:
        yield
    finally:
        _sections -= 1
        if _sections == 0 and _postponed:
            interruption = _postponed[0]
            _postponed.clear()
            interruption()


def _interrupt(interruption: Callable[[], None]) -> None:
    """Do what raises in the code that is at work, as soon as that may be."""
    if _sections:
        _postponed.append(interruption)
    else:
        interruption()


def in_main_thread() -> bool:
    """Whether signals can interrupt the code that asks."""
    return threading.current_thread() is threading.main_thread()
