"""What the backends need kept. ``store`` implements it, by the rules of ``engine.ports``."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from chalicelib.auth.users import LoginRecord, User


class Users(Protocol):
    """Tables ``users`` and ``failed_logins``."""

    def get(self, username: str) -> User | None:
        """A user; 1 request."""

    def list(self) -> Iterator[User]:
        """All users, for lists; 1 request per MB."""

    def create(self, user: User) -> bool:
        """Keep a new user; False if the name is taken. 1 request."""

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        """Renew what is kept of a password; False if there is no such user. 1 request."""

    def delete(self, username: str) -> None:
        """Forget a user; one that is gone is no error. 1 request."""

    def for_login(self, username: str, window: int) -> LoginRecord:
        """What is known of a name in a window (see ``users.window_at``); 1 request."""

    def note_failure(self, username: str, window: int) -> None:
        """Count a failed try for a name, known or not; 1 request.

        Of a lost reply the try may be counted twice. What is counted goes when its window is over.
        """


class Replays(Protocol):
    """Table ``kerberos_replays``."""

    def claim(self, authenticator: str, claimant: str, now: datetime, until: datetime) -> bool:
        """Whether this is the first time that an authenticator (its digest) is seen; 1 request.

        It is remembered at least ``until`` then. ``claimant`` is unique to the request that brought
        it, and gets the same answer again.
        """
