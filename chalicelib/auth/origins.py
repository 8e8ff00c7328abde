"""``OriginCheck``: the check of the address that a right password comes from.

The authorizer does not know the address, so the function that serves the request looks at it (see
``logins``).
"""

from collections.abc import Callable
from datetime import datetime

from chalicelib.auth.logins import TOLD_FOR_SECONDS, network_of
from chalicelib.auth.ports import Users
from chalicelib.auth.short_memory import ShortMemory
from chalicelib.auth.verdicts import Origin, Throttled

_ELSEWHERE = "too many password checks for the name, which was not used from this address before"


class OriginCheck:
    """Looks at addresses; safe to share among threads. ``now`` is the aware time."""

    def __init__(self, *, users: Users, seconds_remembered: float, now: Callable[[], datetime]) -> None:
        self._users = users
        self._now = now
        self._recent: ShortMemory[None] = ShortMemory(seconds_remembered, self._clock)
        self._told: ShortMemory[None] = ShortMemory(TOLD_FOR_SECONDS, self._clock)

    def __call__(self, username: str, origin: Origin, source_ip: str) -> Throttled | None:
        """Whether the caller has to wait; None if it may come in. Raises ``StoreUnavailable``.

        No request for an address that the name came from before, nor where the authorizer knew that
        there was no check left; else 1.
        """
        address = network_of(source_ip)
        if address in origin.addresses:
            return None
        if origin.wait and not origin.was_checked:
            return self._throttled(username, origin.wait)
        seen = f"{username}:{address}".encode()
        if seen in self._recent and not origin.was_checked:
            return None
        now = self._now()
        may_come, login = self._users.come_from(username, address, now, was_checked=origin.was_checked)
        if not may_come:
            return self._throttled(username, login.wait(now))
        self._recent.put(seen, None)
        return None

    def _throttled(self, username: str, wait: int) -> Throttled:
        is_news = self._told.put_new(username.encode(), None)
        return Throttled(wait=max(1, wait), claimed=username, reason=_ELSEWHERE if is_news else None)

    def _clock(self) -> float:
        return self._now().timestamp()
