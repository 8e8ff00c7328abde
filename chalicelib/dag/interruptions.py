"""Cutting user code short: a time limit, and the end of the process.

Both rest on signals, which Python delivers to the main thread only. In another thread the limit cannot
be enforced (a warning is logged) and the end of the process is left to whoever owns it.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from chalicelib.dag.exceptions import AirflowTaskTerminated, AirflowTaskTimeout

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

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(message)

    previous = signal.signal(signal.SIGALRM, stop)
    # A limit of zero would switch the timer off instead of firing at once.
    signal.setitimer(signal.ITIMER_REAL, max(limit.total_seconds(), 1e-6))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Raise ``AirflowTaskTerminated`` in the code inside when the process is told to end (SIGTERM)."""
    if not in_main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTerminated("Task received SIGTERM signal")

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def in_main_thread() -> bool:
    """Whether signals can interrupt the code that asks."""
    return threading.current_thread() is threading.main_thread()
