"""The Lambda that API Gateway asks about a request's ``Authorization`` header before it calls a view.

It is deployed where the auth backend has something to decide; an open API has none, for API Gateway
refuses by itself what comes without the header.
"""

from chalice.app import AuthRequest, AuthResponse, AuthRoute, Blueprint

from chalicelib import bootstrap
from chalicelib.auth.backends import decide

blueprint = Blueprint(__name__)


@blueprint.authorizer(ttl_seconds=0)
def authorizer(request: AuthRequest) -> AuthResponse:
    """A policy over the whole API for whom the backend lets in, over nothing for everyone else."""
    decision = decide(bootstrap.settings().auth_backend, request.token)
    routes: list[str | AuthRoute] = ["*"] if decision.allowed else []
    return AuthResponse(routes=routes, principal_id=decision.principal or "anonymous")
