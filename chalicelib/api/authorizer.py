"""The authorizer: the Lambda that API Gateway asks about an ``Authorization`` header before any view.

It is deployed where the auth backend has something to decide. An open API has none, and where the header
is missing API Gateway refuses by itself.

This module does not move: its function is deployed under the handler string
``chalicelib.api.authorizer.authorizer``, and Chalice never changes the handler of a function that exists
(``TypedAWSClient.update_function`` does not send one). A stage would keep the old string, and find no
module there.
"""

import os

from chalice.app import AuthRequest, AuthResponse, AuthRoute, Blueprint

from chalicelib import bootstrap
from chalicelib.api.http import audit
from chalicelib.api.http.authorizer_context import THROTTLED, context_of
from chalicelib.auth.backends import decide
from chalicelib.telemetry.log_lines import set_up

_ANONYMOUS = "anonymous"

blueprint = Blueprint(__name__)

set_up(os.environ)


class Unauthorized(Exception):
    """The error for a 401: API Gateway looks at its text (AWS, Lambda authorizers)."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@blueprint.authorizer(ttl_seconds=0)
def authorizer(request: AuthRequest) -> AuthResponse:
    """The policy for a request: over the whole API where a view may answer, over nothing otherwise.

    API Gateway keeps no decision (``ttl_seconds``), or one could outlive a password by an hour.
    """
    decision = decide(bootstrap.settings().auth_backend, request.token, bootstrap.verify)
    if decision.reason:
        audit.refused(decision, _route(request.method_arn))
    principal = decision.principal or _ANONYMOUS
    if decision.allowed:
        return _policy(["*"], principal, context_of(decision))
    if decision.wait:
        return _policy(["*"], THROTTLED, context_of(decision))
    if decision.status == 401:
        raise Unauthorized
    return _policy([], principal, {})


def _policy(routes: list[str | AuthRoute], principal: str, context: dict[str, str]) -> AuthResponse:
    return AuthResponse(routes=routes, principal_id=principal, context=context)


def _route(method_arn: str) -> str:
    """``GET /experimental/test`` of ``arn:aws:execute-api:<...>:<api>/<stage>/GET/experimental/test``."""
    _, _, called = method_arn.partition("/")
    _, _, method_and_path = called.partition("/")
    method, _, path = method_and_path.partition("/")
    return f"{method} /{path}"
