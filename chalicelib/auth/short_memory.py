"""``ShortMemory``: facts that a process remembers for some seconds, to spare requests and log lines."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 1000


class ShortMemory(Generic[T]):
    """Remembers fingerprints, each with a value, for some seconds; safe to share among threads.

    ``clock`` gives the seconds since 1970: a monotonic one may stand still while a Lambda is frozen.
    A read prolongs nothing: what was proven has to be proven again in time.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], most: int = _MOST) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, fingerprint: bytes) -> bool:
        with self._lock:
            return self._find(fingerprint) is not None

    def get(self, fingerprint: bytes) -> T | None:
        """The value of a fingerprint; None if it is not remembered (any more)."""
        with self._lock:
            entry = self._find(fingerprint)
        return entry[1] if entry else None

    def put(self, fingerprint: bytes, value: T) -> None:
        """Remember a fingerprint from now on; the oldest goes when there are too many."""
        with self._lock:
            self._put(fingerprint, value)

    def put_new(self, fingerprint: bytes, value: T) -> bool:
        """Remember a fingerprint unless it is remembered; True if it was not."""
        with self._lock:
            if self._find(fingerprint) is not None:
                return False
            self._put(fingerprint, value)
            return True

    def _find(self, fingerprint: bytes) -> tuple[float, T] | None:
        entry = self._entries.get(fingerprint)
        return entry if entry and self._clock() < entry[0] else None

    def _put(self, fingerprint: bytes, value: T) -> None:
        self._entries[fingerprint] = (self._clock() + self._seconds, value)
        self._entries.move_to_end(fingerprint)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
