"""What is known of the tries at a name's password: how many checks it has left, what is proven; pure.

Whoever gives a name uses up checks of that name, so the checks alone would let a stranger keep its user
out. Hence credentials that were proven right stay so for a day without a check, by a keyed digest. But to
let the right password in, however many tries there were, is to answer guesses without bound: therefore,
while no check is left, it has to come from an address that it came from before.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil

CHECKS_AT_ONCE = 24
"""Checks of a name that was left alone for a while."""

BETWEEN_CHECKS = timedelta(seconds=10)
"""After them, one more each time that this has passed."""

CHECKS_A_MINUTE = CHECKS_AT_ONCE + timedelta(minutes=1) // BETWEEN_CHECKS
CHECKS_A_DAY = CHECKS_AT_ONCE + timedelta(days=1) // BETWEEN_CHECKS
"""The most that there are in any minute and in any day, however they are spread."""

PROVEN_FOR = timedelta(days=1)
"""How long credentials count as proven; their use renews that."""

RENEWED_AFTER = timedelta(hours=1)
"""A proof that is older is renewed by its use, so that a use costs no write as a rule."""

TOLD_FOR_SECONDS = 60
"""A name that is throttled is one line of a process's log in so many seconds, whatever is tried."""

MOST_ADDRESSES = 20
"""Addresses kept of a name; one more takes the place of all."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LONGEST_BUSY = CHECKS_AT_ONCE * BETWEEN_CHECKS
_CLOCKS_DIFFER = timedelta(minutes=1)
"""What is further in the future was written by a clock that is wrong, and does not count."""

_TOLERANCE = _LONGEST_BUSY - BETWEEN_CHECKS


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Credentials that were right.

    ``digest`` is that of name, password and what is kept of the password (see ``proof_digest``), in hex.
    ``addresses`` are where they came from since (see ``network_of``).
    """

    digest: str
    proven_at: datetime
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """What is known of a name.

    ``busy_until`` is when all its checks are there again: each check moves it by ``BETWEEN_CHECKS`` (the
    generic cell rate algorithm), so no window begins at a moment that can be foreseen. None: they are.
    """

    busy_until: datetime | None = None
    proof: Proof | None = None

    def proof_of(self, digest: str, now: datetime) -> Proof | None:
        """The proof of the credentials of that digest, if they were proven within a day."""
        proof = self.proof
        if proof is None or not -_CLOCKS_DIFFER <= now - proof.proven_at < PROVEN_FOR:
            return None
        return proof if hmac.compare_digest(proof.digest, digest) else None

    def is_idle(self, now: datetime) -> bool:
        """Whether all checks are there."""
        return self.busy_until is None or not now < self.busy_until <= latest_busy(now)

    def wait(self, now: datetime) -> int:
        """Whole seconds until there is a check; 0 if there is one now."""
        if self.busy_until is None or self.is_idle(now):
            return 0
        return max(0, ceil((self.busy_until - latest_for_a_check(now)).total_seconds()))

    def after_a_check(self, now: datetime) -> "Login":
        """With one check less."""
        start = now if self.busy_until is None or self.is_idle(now) else self.busy_until
        return replace(self, busy_until=start + BETWEEN_CHECKS)


def latest_for_a_check(now: datetime) -> datetime:
    """The last ``busy_until`` that leaves a check."""
    return now + _TOLERANCE


def latest_busy(now: datetime) -> datetime:
    """The last ``busy_until`` that checks can come to, on a clock that is a little ahead."""
    return now + _LONGEST_BUSY + _CLOCKS_DIFFER


def proof_digest(key: bytes, username: str, password: str, kept: str) -> str:
    """The digest of right credentials, in hex.

    ``key`` is kept apart from the digests: whoever reads these cannot try passwords faster than against
    what is kept of them. ``kept`` has a salt of its own, so another password, and another user of the
    same name and password, have another digest.
    """
    digest = hmac.new(key, digestmod="sha256")
    for part in (username, kept, password):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def name_digest(username: str) -> str:
    """Under what the logins of a name are kept.

    Passwords are typed as names by mistake, and a name from outside may be too long for a key.
    """
    return sha256(username.encode()).hexdigest()


def network_of(source_ip: str) -> str:
    """What counts as one address: of IPv6 the 64 bits that a host has to itself; this machine is one."""
    try:
        address = ip_address(source_ip)
    except ValueError:
        return source_ip or "unknown"  # a set of DynamoDB holds no empty text
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return "loopback"
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


def moment(milliseconds: int) -> datetime:
    """An instant from milliseconds since 1970, as which ``busy_until`` is kept."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)
