"""The Lambda that API Gateway asks about a request's ``Authorization`` header before it calls a view.

It is deployed where the auth backend has something to decide; an open API has none, for API Gateway
refuses by itself what comes without the header.

An authorizer can say yes, 403 and 401. What else there is to say it leaves for the view (``Word``), which
it lets be called: that a caller has to wait, which is 429, and from where it may come.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from chalice.app import AuthRequest, AuthResponse, AuthRoute, Blueprint

from chalicelib import bootstrap
from chalicelib.api.http import audit
from chalicelib.auth.backends import Decision, decide
from chalicelib.auth.verdicts import Origin
from chalicelib.telemetry.log_lines import set_up

_REPLY = "reply"
_ADDRESSES = "addresses"
_NONE = "-"
_WAIT = "wait"
_WAS_CHECKED = "was_checked"

_NOBODY = ":throttled"
"""The principal of who has to wait: no name of a user, for it has a colon, nor of a Kerberos realm."""

blueprint = Blueprint(__name__)

set_up(os.environ)


class Unauthorized(Exception):
    """What an authorizer raises for a 401: API Gateway looks at the text (AWS, Lambda authorizers)."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """What the authorizer says of a request to the view: ``requestContext.authorizer``.

    ``principal`` is whom it vouches for, None for nobody. ``reply`` is the token that proves the server to
    the caller. ``wait``: the seconds after which the caller may try again. ``origin``: where the request
    has to come from, if that matters.
    """

    principal: str | None = None
    reply: str | None = None
    wait: int = 0
    origin: Origin | None = None

    @classmethod
    def of(cls, context: Mapping[str, str] | None) -> "Word":
        """What API Gateway hands on, all of it as texts; nothing, where no authorizer was asked."""
        given = context or {}
        principal, wait = given.get("principalId"), int(given.get(_WAIT, 0))
        if principal == _NOBODY:
            return cls(wait=max(1, wait))
        return cls(principal=principal, reply=given.get(_REPLY), origin=_origin_in(given, wait))


@blueprint.authorizer(ttl_seconds=0)
def authorizer(request: AuthRequest) -> AuthResponse:
    """A policy over the whole API for whom a view may answer, over nothing for everyone else.

    API Gateway keeps no decision (``ttl_seconds``), or one could outlive a password by an hour.
    """
    decision = decide(bootstrap.settings().auth_backend, request.token, bootstrap.verify)
    if decision.reason:
        audit.refused(decision, _route(request.method_arn))
    if decision.allowed:
        return _policy(["*"], decision.principal or "anonymous", _context(decision))
    if decision.wait:
        return _policy(["*"], _NOBODY, {_WAIT: str(decision.wait)})
    if decision.status == 401:
        raise Unauthorized
    return _policy([], decision.principal or "anonymous", {})


def _policy(routes: list[str | AuthRoute], principal: str, context: dict[str, str]) -> AuthResponse:
    return AuthResponse(routes=routes, principal_id=principal, context=context)


def _context(decision: Decision) -> dict[str, str]:
    """A flat map of texts: API Gateway takes no other."""
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


def _route(method_arn: str) -> str:
    """``GET /experimental/test`` of ``arn:aws:execute-api:<...>:<api>/<stage>/GET/experimental/test``."""
    _, _, called = method_arn.partition("/")
    _, _, method_and_path = called.partition("/")
    method, _, path = method_and_path.partition("/")
    return f"{method} /{path}"
