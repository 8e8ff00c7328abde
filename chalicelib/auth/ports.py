"""Ports of the backends to stored data; ``store`` implements them, by the rules of ``engine.ports``."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from chalicelib.auth.logins import Login
from chalicelib.auth.users import User


class Users(Protocol):
    """Tables ``users`` and ``logins``."""

    def get(self, username: str) -> User | None:
        """A user; 1 request."""

    def list(self) -> Iterator[User]:
        """All users, for lists; 1 request per MB."""

    def create(self, user: User) -> bool:
        """Keep a new user; False if the name is taken. 1 request."""

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        """Replace a password's hash; False if there is no such user. 1 request."""

    def delete(self, username: str) -> None:
        """Delete a user; one that is gone is no error. 1 request."""

    def for_login(self, username: str) -> tuple[User | None, Login]:
        """The user of a name, if there is one, and the tries at the name; 1 request."""

    def begin_check(self, username: str, seen: Login, now: datetime) -> tuple[bool, Login]:
        """Take one of the checks that a name has left, known or not: whether there was one.

        ``seen`` is the login as it was read just before; the login as it is now is given back. No request
        if there was no check left then, else 1; 2 or 3 when others begin in the same moment. After a lost
        reply two checks may have been taken.
        """

    def keep_proof(self, username: str, digest: str, now: datetime) -> None:
        """Note that the credentials of that digest are proven, from no address yet; 1 request.

        Nothing changes if they are stored as proven already.
        """

    def renew_proof(self, username: str, digest: str, now: datetime) -> None:
        """Note that proven credentials were used, if they are still those of the name; 1 request."""

    def come_from(
        self, username: str, address: str, now: datetime, *, was_checked: bool
    ) -> tuple[bool, Login]:
        """Note an address that a name's proven credentials came from; whether they may come from there.

        They may if they were checked just now, if they came from there before, or if the name has a check
        left. The login is given back as it is now. 1 request, and 1 more when there are too many addresses.
        """


class ProofKey(Protocol):
    """An object of the stage's bucket: the key of the digests in ``logins``, apart from them."""

    def read(self) -> bytes:
        """The key, 32 bytes, made by the first call; 1 request of S3, 2 or 3 the first time."""


class Replays(Protocol):
    """Table ``kerberos_replays``."""

    def claim(self, authenticator: str, claimant: str, now: datetime, until: datetime) -> bool:
        """Whether this is the first time that an authenticator (its digest) is seen; 1 request.

        It is remembered at least ``until`` then. ``claimant`` is unique to the request that brought
        it, and gets the same answer again.
        """
