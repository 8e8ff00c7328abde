"""What a verifier makes of an ``Authorization`` header."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

LONGEST_HEADER = 10_240
"""Characters: API Gateway takes no more than that for all headers together (AWS, REST API quotas)."""


class Scheme(StrEnum):
    """How callers prove who they are."""

    PASSWORD = "password"  # noqa: S105 - a word, no password
    KERBEROS = "kerberos"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """From where credentials that are right may come; the addresses are those of ``logins.network_of``.

    They may come from ``addresses``, from where they came before. From any other they may while the name
    has a check left, which it has not for ``wait`` seconds. ``was_checked``: this request has used up a
    check, so it may come from anywhere.
    """

    addresses: frozenset[str] = frozenset()
    wait: int = 0
    was_checked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks, proven; ``reply`` is the token by which the server proves itself in turn, as base64.

    ``origin``: whoever lets the caller in has to look at where the request comes from; None: it need not.
    """

    principal: str
    reply: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Why credentials were not accepted, for the log and never for the client.

    ``claimed`` is who the caller says it is, as far as that is known. ``wants_another_leg``: the
    client means to go on negotiating, so the answer is the one to a request without credentials.
    """

    reason: str
    claimed: str | None = None
    wants_another_leg: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Throttled:
    """Credentials were not looked at: too many were, under that name.

    ``wait`` is the number of seconds after which to try again. ``reason`` is for the log; None where this
    process has told it of the name within a minute.
    """

    wait: int
    claimed: str
    reason: str | None


Verdict = Caller | Refused | Throttled

Verify = Callable[[str], Verdict]
"""Judges an ``Authorization`` header that is not empty; raises ``StoreUnavailable``."""
