"""``Login``: the checks that a user name has left, and the proof of its right credentials; pure.

Each try at a name uses up a check of that name, so the checks alone would let a stranger keep its user
out. Hence credentials that were proven right stay proven for a day without a check, by a keyed digest. But
to let the right password in after any number of tries is to answer guesses without bound. Therefore, while
no check is left, the right password has to come from an address that it came from before.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil

CHECKS_AT_ONCE = 24
"""Checks of a name that has not been tried for a while."""

BETWEEN_CHECKS = timedelta(seconds=10)
"""The time after which a name has one more check."""

CHECKS_A_MINUTE = CHECKS_AT_ONCE + timedelta(minutes=1) // BETWEEN_CHECKS
CHECKS_A_DAY = CHECKS_AT_ONCE + timedelta(days=1) // BETWEEN_CHECKS
"""The most checks in any minute and in any day, however they are spread."""

PROVEN_FOR = timedelta(days=1)
"""The time for which credentials count as proven; their use renews it."""

RENEWED_AFTER = timedelta(hours=1)
"""The age from which a proof is renewed by its use: most uses then cost no write."""

TOLD_FOR_SECONDS = 60
"""Seconds in which a process logs a throttled name once, whatever is tried."""

MOST_ADDRESSES = 20
"""The most addresses stored for a name; one more replaces all of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LONGEST_BUSY = CHECKS_AT_ONCE * BETWEEN_CHECKS
_CLOCKS_DIFFER = timedelta(minutes=1)
"""A moment further in the future was written by a wrong clock, and does not count."""

_TOLERANCE = _LONGEST_BUSY - BETWEEN_CHECKS


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Credentials that were right."""

    digest: str
    """The digest of name, password and the password's hash (see ``proof_digest``), in hex."""
    proven_at: datetime
    """The time of the check, or of the renewal by a use."""
    addresses: frozenset[str] = frozenset()
    """The addresses that the credentials came from since (see ``network_of``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """The tries at a user name."""

    busy_until: datetime | None = None
    """The time at which the name has all its checks again; None: it has them now. Each check moves it by
    ``BETWEEN_CHECKS`` (the generic cell rate algorithm), so no window begins at a foreseeable moment."""
    proof: Proof | None = None
    """The proof of its right credentials, as far as there is one."""

    def proof_of(self, digest: str, now: datetime) -> Proof | None:
        """The proof of the credentials of that digest, if they were proven within a day."""
        proof = self.proof
        if proof is None or not -_CLOCKS_DIFFER <= now - proof.proven_at < PROVEN_FOR:
            return None
        return proof if hmac.compare_digest(proof.digest, digest) else None

    def is_idle(self, now: datetime) -> bool:
        """Whether the name has all its checks."""
        return self.busy_until is None or not now < self.busy_until <= latest_busy(now)

    def wait(self, now: datetime) -> int:
        """Whole seconds until the name has a check; 0 if it has one now."""
        if self.busy_until is None or self.is_idle(now):
            return 0
        return max(0, ceil((self.busy_until - latest_for_a_check(now)).total_seconds()))

    def after_a_check(self, now: datetime) -> "Login":
        """The login with one check less."""
        start = now if self.busy_until is None or self.is_idle(now) else self.busy_until
        return replace(self, busy_until=start + BETWEEN_CHECKS)


def latest_for_a_check(now: datetime) -> datetime:
    """The last ``busy_until`` that leaves a check."""
    return now + _TOLERANCE


def latest_busy(now: datetime) -> datetime:
    """The last ``busy_until`` that checks can lead to, on a clock that is a little ahead."""
    return now + _LONGEST_BUSY + _CLOCKS_DIFFER


def proof_digest(key: bytes, username: str, password: str, kept: str) -> str:
    """The digest of right credentials, in hex.

    ``key`` is stored apart from the digests: a reader of these cannot try passwords faster than against
    the hashes. ``kept`` is the password's hash with a salt of its own, so another password, and another
    user of the same name and password, have another digest.
    """
    digest = hmac.new(key, digestmod="sha256")
    for part in (username, kept, password):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def name_digest(username: str) -> str:
    """The key under which the login of a name is stored.

    Passwords are typed as names by mistake, and a name from outside may be too long for a key.
    """
    return sha256(username.encode()).hexdigest()


def network_of(source_ip: str) -> str:
    """The network that counts as one address: an IPv4 address, 64 bits of IPv6, or this machine."""
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
    """An instant from milliseconds since 1970, the stored form of ``busy_until``."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)
