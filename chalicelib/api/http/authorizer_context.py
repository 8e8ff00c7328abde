"""``AuthorizerContext``: what the authorizer hands on to a view, in ``requestContext.authorizer``.

An authorizer can let a request pass, or refuse it with 401 or 403. Any other refusal is the view's: 429
for a caller who has to wait, and whether the caller may come from that address. For those the
authorizer lets the view be called, and says in its context what the view has to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.auth.backends import Decision
from chalicelib.auth.verdicts import Origin

_REPLY = "reply"
_ADDRESSES = "addresses"
_NONE = "-"
_WAIT = "wait"
_WAS_CHECKED = "was_checked"

THROTTLED = ":throttled"
"""The principal of a caller who has to wait: no user name has a colon, and a Kerberos principal has an @."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizerContext:
    """The authorizer's decision, as a view reads it."""

    principal: str | None = None
    """The principal that the authorizer vouches for; None: it vouches for none."""
    reply: str | None = None
    """The token that proves the server to the caller."""
    wait: int = 0
    """Seconds after which the caller may try again; 0: at once."""
    origin: Origin | None = None
    """The addresses from which the caller may come; None: from any."""

    @classmethod
    def of(cls, context: Mapping[str, str] | None) -> "AuthorizerContext":
        """The context as API Gateway hands it on: texts, or nothing where no authorizer was asked."""
        given = context or {}
        principal, wait = given.get("principalId"), int(given.get(_WAIT, 0))
        if principal == THROTTLED:
            return cls(wait=max(1, wait))
        return cls(principal=principal, reply=given.get(_REPLY), origin=_origin_in(given, wait))


def context_of(decision: Decision) -> dict[str, str]:
    """The context of a decision that lets the view be called: a flat map of texts, as API Gateway asks."""
    if decision.wait:
        return {_WAIT: str(decision.wait)}
    context = {_REPLY: decision.reply} if decision.reply else {}
    if decision.origin is None:
        return context
    context[_ADDRESSES] = " ".join(sorted(decision.origin.addresses)) or _NONE
    if decision.origin.wait:
        context[_WAIT] = str(decision.origin.wait)
    if decision.origin.was_checked:
        context[_WAS_CHECKED] = "true"
    return context


def _origin_in(context: Mapping[str, str], wait: int) -> Origin | None:
    if _ADDRESSES not in context:
        return None
    addresses = frozenset(context[_ADDRESSES].split()) - {_NONE}
    return Origin(addresses=addresses, wait=wait, was_checked=_WAS_CHECKED in context)
