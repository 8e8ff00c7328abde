"""The admission of a request to its view, behind the authorizer, and the replies that refuse it."""

from dataclasses import replace

from chalice.app import Request as ChaliceRequest

from chalicelib import bootstrap
from chalicelib.api.http import audit
from chalicelib.api.http.authorizer_context import AuthorizerContext
from chalicelib.api.http.request_and_reply import NO_HEADERS, Reply
from chalicelib.api.http.surface import Surface
from chalicelib.auth.backends import Decision, confirm, throttled


def decide(request: ChaliceRequest, context: AuthorizerContext) -> Decision:
    """Whether a request may enter its view; raises ``StoreUnavailable``."""
    backend = bootstrap.settings().auth_backend
    if context.wait:
        return Decision(allowed=False, status=429, wait=context.wait)
    decision = confirm(backend, context.principal)
    if not decision.allowed or decision.principal is None or context.origin is None:
        return decision
    verdict = bootstrap.check_origin(decision.principal, context.origin, audit.source(request) or "")
    if verdict is None:
        return decision
    decision = throttled(verdict)
    if decision.reason:
        audit.refused(decision, audit.route(request), audit.source(request))
    return decision


def refusal(decision: Decision, surface: Surface) -> Reply:
    """The reply to a request that may not enter its view."""
    if decision.wait:
        text = f"Too many passwords were tried for this user name; try again in {decision.wait} s"
        return surface.error_reply(429, text, headers={"Retry-After": str(decision.wait)})
    text = "Unauthorized" if decision.status == 401 else "Forbidden"
    challenge = {"WWW-Authenticate": decision.challenge} if decision.challenge else NO_HEADERS
    return surface.error_reply(decision.status, text, headers=challenge)


def proving_the_server(reply: Reply, token: str | None) -> Reply:
    """The reply with the server's own token, as Airflow sends it (API Gateway renames the header)."""
    if token is None:
        return reply
    return replace(reply, headers={**reply.headers, "WWW-Authenticate": f"negotiate {token}"})
