"""The audit log: one line for each change that was made, and for each caller that was refused.

The lines go where a function's log goes (CloudWatch, ``chalicelib.audit``); they cost no request. No
line holds a password, a token, or what a client sent as a run's conf.
"""

import logging
from collections.abc import Mapping

from chalice.app import Request

from chalicelib import bootstrap
from chalicelib.auth.backends import Decision
from chalicelib.telemetry.log_lines import Fields

_LONGEST_NAME = 250

logger = logging.getLogger("chalicelib.audit")


def changed(request: Request, caller: str | None, change: Mapping[str, object]) -> None:
    """A request changed something; ``change`` says what, without secrets."""
    context = request.context
    logger.info(
        _line(
            audit="change",
            caller=caller,
            backend=bootstrap.settings().auth_backend,
            source=(context.get("identity") or {}).get("sourceIp"),
            route=f"{request.method} {context.get('resourcePath')}",
            api_request_id=context.get("requestId"),
            changed=dict(change),
        ),
    )


def refused(decision: Decision, method_arn: str) -> None:
    """Credentials were not accepted. The address is not known: API Gateway tells it no TOKEN authorizer."""
    logger.warning(
        _line(
            audit="refused",
            caller=decision.principal and decision.principal[:_LONGEST_NAME],
            backend=bootstrap.settings().auth_backend,
            route=_route(method_arn),
            reason=decision.reason,
        ),
    )


def _route(method_arn: str) -> str:
    """``GET /experimental/test`` of ``arn:aws:execute-api:<...>:<api>/<stage>/GET/experimental/test``."""
    _, _, called = method_arn.partition("/")
    _, _, method_and_path = called.partition("/")
    method, _, path = method_and_path.partition("/")
    return f"{method} /{path}"


def _line(audit: str, **fields: object) -> Fields:
    return Fields(audit, {"audit": audit, **fields})
