"""The audit log: a line for each change that was made, and for each caller that was refused.

The lines go where a function's log goes (CloudWatch, ``chalicelib.audit``); they cost no request. No
line holds a password, a token, or the conf of a run.
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
    """Log a change that a request made; ``change`` describes it, without secrets."""
    logger.info(
        _line(
            audit="change",
            caller=caller,
            backend=bootstrap.settings().auth_backend,
            source=source(request),
            route=route(request),
            api_request_id=request.context.get("requestId"),
            changed=dict(change),
        ),
    )


def source(request: Request) -> str | None:
    """The address that a request came from, according to API Gateway."""
    address: str | None = (request.context.get("identity") or {}).get("sourceIp")
    return address


def route(request: Request) -> str:
    """Method and resource, ``GET /experimental/test``."""
    return f"{request.method} {request.context.get('resourcePath')}"


def refused(decision: Decision, asked: str, address: str | None = None) -> None:
    """Log credentials that were not accepted, or not looked at, with the route that was asked for.

    The address is given where it is known: API Gateway does not tell it to a TOKEN authorizer.
    """
    where = {"source": address} if address else {}
    logger.warning(
        _line(
            audit="refused",
            caller=decision.principal and decision.principal[:_LONGEST_NAME],
            backend=bootstrap.settings().auth_backend,
            **where,
            route=asked,
            reason=decision.reason,
        ),
    )


def _line(audit: str, **fields: object) -> Fields:
    return Fields(audit, {"audit": audit, **fields})
