"""Credentials that were proven a moment ago, so that they need not be proven again."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

_MOST = 1000


class RecentlyProven:
    """Remembers fingerprints for some seconds each; safe to share among threads.

    ``clock`` gives the seconds since 1970: a monotonic one may stand still while a Lambda is frozen.
    Being asked prolongs nothing: what was proven has to be proven again in time.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], most: int = _MOST) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, fingerprint: bytes) -> bool:
        with self._lock:
            return self._clock() < self._until.get(fingerprint, 0.0)

    def add(self, fingerprint: bytes) -> None:
        """Remember a fingerprint; the oldest goes when there are too many."""
        with self._lock:
            self._until[fingerprint] = self._clock() + self._seconds
            self._until.move_to_end(fingerprint)
            if len(self._until) > self._most:
                self._until.popitem(last=False)
