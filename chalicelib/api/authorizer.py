"""The Lambda that API Gateway asks about a request's ``Authorization`` header before it calls a view.

It is deployed where the auth backend has something to decide; an open API has none, for API Gateway
refuses by itself what comes without the header.
"""

import os

from chalice.app import AuthRequest, AuthResponse, AuthRoute, Blueprint

from chalicelib import bootstrap
from chalicelib.api import audit
from chalicelib.auth.backends import Decision, decide
from chalicelib.telemetry.log_lines import set_up

REPLY = "reply"
"""Where the authorizer leaves the token that proves the server to the caller, for the view's answer."""

blueprint = Blueprint(__name__)

set_up(os.environ)


class Unauthorized(Exception):
    """What an authorizer raises for a 401: API Gateway looks at the text (AWS, Lambda authorizers)."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@blueprint.authorizer(ttl_seconds=0)
def authorizer(request: AuthRequest) -> AuthResponse:
    """A policy over the whole API for whom the backend lets in, over nothing for everyone else.

    API Gateway keeps no decision (``ttl_seconds``), or one could outlive a password by an hour.
    """
    decision = decide(bootstrap.settings().auth_backend, request.token, bootstrap.verify)
    if decision.allowed:
        return _policy(decision, ["*"])
    if decision.reason:
        audit.refused(decision, request.method_arn)
    if decision.status == 401:
        raise Unauthorized
    return _policy(decision, [])


def _policy(decision: Decision, routes: list[str | AuthRoute]) -> AuthResponse:
    context = {REPLY: decision.reply} if decision.reply else {}
    return AuthResponse(routes=routes, principal_id=decision.principal or "anonymous", context=context)
