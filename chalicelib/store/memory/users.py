"""Users, and the authenticators that were presented once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from threading import RLock

from chalicelib.auth.users import LoginRecord, User


class MemoryUsers:
    """Implements ``auth.ports.Users``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._users: dict[str, User] = {}
        self._failures: dict[tuple[str, int], int] = {}

    def get(self, username: str) -> User | None:
        """See the port."""
        return self._users.get(username)

    def list(self) -> Iterator[User]:
        """See the port."""
        with self._lock:
            return iter(list(self._users.values()))

    def create(self, user: User) -> bool:
        """See the port."""
        with self._lock:
            return self._users.setdefault(user.username, user) == user

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        """See the port."""
        with self._lock:
            user = self._users.get(username)
            if user is None:
                return False
            self._users[username] = replace(user, password_hash=password_hash, password_set_at=set_at)
            return True

    def delete(self, username: str) -> None:
        """See the port."""
        with self._lock:
            self._users.pop(username, None)

    def for_login(self, username: str, window: int) -> LoginRecord:
        """See the port."""
        with self._lock:
            failures = self._failures.get((username, window), 0)
            return LoginRecord(user=self._users.get(username), failures=failures)

    def note_failure(self, username: str, window: int) -> None:
        """See the port."""
        with self._lock:
            self._failures = {key: count for key, count in self._failures.items() if key[1] >= window}
            self._failures[username, window] = self._failures.get((username, window), 0) + 1


class MemoryReplays:
    """Implements ``auth.ports.Replays``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._claims: dict[str, tuple[str, datetime]] = {}

    def claim(self, authenticator: str, claimant: str, now: datetime, until: datetime) -> bool:
        """See the port."""
        with self._lock:
            claims = {key: claim for key, claim in self._claims.items() if claim[1] > now}
            first, _ = claims.setdefault(authenticator, (claimant, until))
            self._claims = claims
            return first == claimant
