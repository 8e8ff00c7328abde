"""Users, the tries at their passwords, and the authenticators that were presented once."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from threading import RLock

from chalicelib.auth.logins import MOST_ADDRESSES, Login, Proof, name_digest
from chalicelib.auth.users import User


class MemoryUsers:
    """Implements ``auth.ports.Users``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._users: dict[str, User] = {}
        self._logins: dict[str, Login] = {}

    def get(self, username: str) -> User | None:
        return self._users.get(username)

    def list(self) -> Iterator[User]:
        with self._lock:
            return iter(list(self._users.values()))

    def create(self, user: User) -> bool:
        with self._lock:
            return self._users.setdefault(user.username, user) == user

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        with self._lock:
            user = self._users.get(username)
            if user is None:
                return False
            self._users[username] = replace(user, password_hash=password_hash, password_set_at=set_at)
            return True

    def delete(self, username: str) -> None:
        with self._lock:
            self._users.pop(username, None)

    def for_login(self, username: str) -> tuple[User | None, Login]:
        with self._lock:
            return self._users.get(username), self._login(username)

    def begin_check(self, username: str, seen: Login, now: datetime) -> tuple[bool, Login]:
        with self._lock:
            login = self._login(username)
            if seen.wait(now) or login.wait(now):
                return False, seen if seen.wait(now) else login
            return True, self._keep(username, login.after_a_check(now))

    def keep_proof(self, username: str, digest: str, now: datetime) -> None:
        with self._lock:
            login = self._login(username)
            if login.proof_of(digest, now) is None:
                self._keep(username, replace(login, proof=Proof(digest=digest, proven_at=now)))

    def renew_proof(self, username: str, digest: str, now: datetime) -> None:
        with self._lock:
            login = self._login(username)
            if login.proof and login.proof.digest == digest:
                self._keep(username, replace(login, proof=replace(login.proof, proven_at=now)))

    def come_from(
        self, username: str, address: str, now: datetime, *, was_checked: bool
    ) -> tuple[bool, Login]:
        with self._lock:
            login = self._login(username)
            addresses = login.proof.addresses if login.proof else frozenset()
            if not was_checked and address not in addresses and login.wait(now):
                return False, login
            if login.proof is None:
                return True, login
            addresses |= {address}
            kept = addresses if len(addresses) <= MOST_ADDRESSES else frozenset({address})
            return True, self._keep(username, replace(login, proof=replace(login.proof, addresses=kept)))

    def _login(self, username: str) -> Login:
        return self._logins.get(name_digest(username), Login())

    def _keep(self, username: str, login: Login) -> Login:
        self._logins[name_digest(username)] = login
        return login


class MemoryProofKey:
    """Implements ``auth.ports.ProofKey``."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def read(self) -> bytes:
        return self._key


class MemoryReplays:
    """Implements ``auth.ports.Replays``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._claims: dict[str, tuple[str, datetime]] = {}

    def claim(self, authenticator: str, claimant: str, now: datetime, until: datetime) -> bool:
        with self._lock:
            claims = {key: claim for key, claim in self._claims.items() if claim[1] > now}
            first, _ = claims.setdefault(authenticator, (claimant, until))
            self._claims = claims
            return first == claimant
