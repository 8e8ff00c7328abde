"""Verifies ``Authorization: Basic``: user name and password (RFC 7617)."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.auth.passwords import decoy, matches
from chalicelib.auth.ports import Users
from chalicelib.auth.recently_proven import RecentlyProven
from chalicelib.auth.users import LONGEST_NAME, LONGEST_PASSWORD, LoginRecord, canonical, window_at
from chalicelib.auth.verdicts import LONGEST_HEADER, Caller, Refused, Verdict

_NOT_READABLE = Refused(reason="the header holds no user name and password")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Credentials:
    username: str
    password: str


class PasswordVerifier:
    """Checks user names and passwords; safe to share among threads.

    Credentials that were proven right are taken at their word for ``seconds_remembered``: within that
    time a changed password goes on to be accepted, and so does a deleted user. A wrong one is never
    remembered. ``now`` is the aware time, ``check`` whether a password is the one kept.
    """

    def __init__(
        self,
        *,
        users: Users,
        cost: int,
        seconds_remembered: float,
        now: Callable[[], datetime],
        check: Callable[[str, str], bool] = matches,
    ) -> None:
        self._users = users
        self._cost = cost
        self._now = now
        self._check = check
        self._proven = RecentlyProven(seconds_remembered, lambda: now().timestamp())
        self._key = secrets.token_bytes(32)

    def __call__(self, authorization: str) -> Verdict:
        """Judge a header; 1 request, and 1 more for a failed try. None for credentials just proven."""
        credentials = _parse(authorization)
        if credentials is None:
            return _NOT_READABLE
        fingerprint = self._fingerprint(credentials)
        if fingerprint in self._proven:
            return Caller(principal=credentials.username)
        refused = self._try(credentials)
        if refused:
            return refused
        self._proven.add(fingerprint)
        return Caller(principal=credentials.username)

    def _try(self, credentials: _Credentials) -> Refused | None:
        username, window = credentials.username, window_at(self._now())
        record = self._record(username, window)
        if record.has_failed_too_often:
            return Refused(reason="too many failed tries", claimed=username)
        # A name that nobody has is checked as long as one that somebody has.
        kept = record.user.password_hash if record.user else decoy(self._cost)
        if self._check(credentials.password, kept) and record.user:
            return None
        if len(username) <= LONGEST_NAME:
            self._users.note_failure(username, window)
        return Refused(reason="wrong password" if record.user else "unknown user", claimed=username)

    def _record(self, username: str, window: int) -> LoginRecord:
        if len(username) > LONGEST_NAME:  # nobody can have it, and it may not fit a key
            return LoginRecord(user=None, failures=0)
        return self._users.for_login(username, window)

    def _fingerprint(self, credentials: _Credentials) -> bytes:
        # Unlike passwords it is in memory only; a name holds no colon, so no two pairs share a text.
        text = f"{credentials.username}:{credentials.password}"
        return hmac.digest(self._key, text.encode(), "sha256")


def _parse(authorization: str) -> _Credentials | None:
    """The credentials of a header; None if there are none that a user can have."""
    if len(authorization) > LONGEST_HEADER:
        return None
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    text = _decoded(encoded.strip())
    if text is None:
        return None
    username, colon, password = text.partition(":")
    if not colon or not username or not password or len(password) > LONGEST_PASSWORD:
        return None
    return _Credentials(username=canonical(username), password=canonical(password))


def _decoded(encoded: str) -> str | None:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # what Python's requests sends
