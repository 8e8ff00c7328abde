"""``Verdict``: a verifier's answer to an ``Authorization`` header."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

LONGEST_HEADER = 10_240
"""Characters: API Gateway takes no more than that for all headers together (AWS, REST API quotas)."""


class Scheme(StrEnum):
    """The kinds of credentials."""

    PASSWORD = "password"  # noqa: S105 - a word, no password
    KERBEROS = "kerberos"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The addresses from which credentials that are right may come."""

    addresses: frozenset[str] = frozenset()
    """The addresses that they came from before, in the form of ``logins.network_of``. From any other they
    may come while the name has a check left."""
    wait: int = 0
    """Seconds for which the name has no check left; 0: it has one."""
    was_checked: bool = False
    """Whether this request has used up a check: it may then come from anywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A caller whose credentials are right."""

    principal: str
    """The name of the user or the Kerberos principal."""
    reply: str | None = None
    """The token by which the server proves itself in turn, as base64."""
    origin: Origin | None = None
    """The addresses from which the request may come, to be checked before it is let in; None: any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Credentials that are not accepted."""

    reason: str
    """The reason, for the log and never for the client."""
    claimed: str | None = None
    """The name that the caller gave, as far as it is known."""
    wants_another_leg: bool = False
    """Whether the client means to go on negotiating: the answer is that to a request without credentials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Throttled:
    """Credentials that are not looked at, for too many were under the same name."""

    wait: int
    """Seconds after which to try again."""
    claimed: str
    """The name that the caller gave."""
    reason: str | None
    """The reason, for the log; None if this process has logged it for the name within a minute."""


Verdict = Caller | Refused | Throttled

Verify = Callable[[str], Verdict]
"""Judges an ``Authorization`` header that is not empty; raises ``StoreUnavailable``."""
