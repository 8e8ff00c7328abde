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
class Caller:
    """Who asks, proven; ``reply`` is the token by which the server proves itself in turn, as base64."""

    principal: str
    reply: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Why credentials were not accepted, for the log and never for the client.

    ``claimed`` is who the caller says it is, as far as that is known. ``wants_another_leg``: the
    client means to go on negotiating, so the answer is the one to a request without credentials.
    """

    reason: str
    claimed: str | None = None
    wants_another_leg: bool = False


Verdict = Caller | Refused

Verify = Callable[[str], Verdict]
"""Judges an ``Authorization`` header that is not empty; raises ``StoreUnavailable``."""
