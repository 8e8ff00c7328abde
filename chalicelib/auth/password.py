"""``PasswordVerifier``, which verifies ``Authorization: Basic``: user name and password (RFC 7617)."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.auth.logins import RENEWED_AFTER, TOLD_FOR_SECONDS, Proof, name_digest, proof_digest
from chalicelib.auth.passwords import decoy, matches
from chalicelib.auth.ports import Users
from chalicelib.auth.short_memory import ShortMemory
from chalicelib.auth.users import LONGEST_NAME, LONGEST_PASSWORD, canonical
from chalicelib.auth.verdicts import LONGEST_HEADER, Caller, Origin, Refused, Throttled, Verdict

_NOT_READABLE = Refused(reason="the header holds no user name and password")

_TOO_MANY = "too many password checks for the name"

_KEY_HELD_FOR_SECONDS = 3600
"""After it a process reads the key again, so that all processes soon see a changed or a removed one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Credentials:
    username: str
    password: str


class PasswordVerifier:
    """Checks user names and passwords; safe to share among threads.

    The checks of a name's password are limited (see ``logins``); further tries are throttled, from any
    caller, and whether there is such a user or not. Credentials that were proven right need no check for a
    day, in any process: their digest is stored, keyed by what ``read_key`` gives. For
    ``seconds_remembered`` this process accepts them without any request: within that time a changed
    password goes on to be accepted, and so does a deleted user. A wrong password is never remembered.

    ``now`` is the aware time, ``check`` tells whether a password has a hash.
    """

    def __init__(
        self,
        *,
        users: Users,
        read_key: Callable[[], bytes],
        cost: int,
        seconds_remembered: float,
        now: Callable[[], datetime],
        check: Callable[[str, str], bool] = matches,
    ) -> None:
        self._users = users
        self._cost = cost
        self._now = now
        self._check = check
        self._read_key = read_key
        self._keys: ShortMemory[bytes] = ShortMemory(_KEY_HELD_FOR_SECONDS, self._clock)
        self._recent: ShortMemory[Origin] = ShortMemory(seconds_remembered, self._clock)
        self._told: ShortMemory[None] = ShortMemory(TOLD_FOR_SECONDS, self._clock)
        self._key = secrets.token_bytes(32)

    def __call__(self, authorization: str) -> Verdict:
        """Judge a header.

        No request for credentials that this process has just seen; 1 for others that are proven, and for
        a name without a check left; else 2, and 1 more if they are right. Once an hour the use of a proof
        is 1 more. Once an hour of a process there is 1 more of S3. Raises ``StoreUnavailable``.
        """
        credentials = _parse(authorization)
        if credentials is None:
            return _NOT_READABLE
        fingerprint = self._fingerprint(credentials)
        origin = self._recent.get(fingerprint)
        if origin is not None:
            return Caller(principal=credentials.username, origin=origin)
        verdict = self._judge(credentials)
        if isinstance(verdict, Caller) and verdict.origin and not verdict.origin.wait:
            self._recent.put(fingerprint, Origin(addresses=verdict.origin.addresses))
        return verdict

    def _judge(self, credentials: _Credentials) -> Verdict:
        username, now = credentials.username, self._now()
        name = username if len(username) <= LONGEST_NAME else name_digest(username)  # which fits a key
        user, login = self._users.for_login(name)
        user = user if name == username else None  # no user has a longer one
        # An unknown name costs as much time, and as many requests, as the name of a user.
        kept = user.password_hash if user else decoy(self._cost)
        digest = proof_digest(self._proof_key(), username, credentials.password, kept)
        if user and (proof := login.proof_of(digest, now)):
            return self._proven(name, proof, login.wait(now), now)
        began, login = self._users.begin_check(name, login, now)
        if not began:
            if user and (proof := login.proof_of(digest, now)):  # another process has proven them just now
                return self._proven(name, proof, login.wait(now), now)
            return self._throttled(username, login.wait(now))
        if not self._check(credentials.password, kept) or user is None:
            return Refused(reason="wrong password" if user else "unknown user", claimed=username)
        self._users.keep_proof(name, digest, now)
        return Caller(principal=username, origin=Origin(was_checked=True))

    def _proof_key(self) -> bytes:
        key = self._keys.get(b"")
        if key is None:
            key = self._read_key()
            self._keys.put(b"", key)
        return key

    def _proven(self, username: str, proof: Proof, wait: int, now: datetime) -> Caller:
        if now - proof.proven_at > RENEWED_AFTER:
            self._users.renew_proof(username, proof.digest, now)
        return Caller(principal=username, origin=Origin(addresses=proof.addresses, wait=wait))

    def _throttled(self, username: str, wait: int) -> Throttled:
        is_news = self._told.put_new(name_digest(username).encode(), None)
        return Throttled(wait=max(1, wait), claimed=username, reason=_TOO_MANY if is_news else None)

    def _clock(self) -> float:
        return self._now().timestamp()

    def _fingerprint(self, credentials: _Credentials) -> bytes:
        # Unlike passwords it is in memory only; a name holds no colon, so no two pairs share a text.
        text = f"{credentials.username}:{credentials.password}"
        return hmac.digest(self._key, text.encode(), "sha256")


def _parse(authorization: str) -> _Credentials | None:
    """The credentials in a header; None if it holds none, or none that the rules allow."""
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
