"""The answers that API Gateway gives by itself, before any function of ours is asked.

Chalice has no option for them, and its update of the API resets them (PutRestApi, ``overwrite``), so
they are put again after each ``chalice deploy``.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalicelib.auth.backends import Decision
from chalicelib.deploy.busy import when_not_busy

STAGE = "api"
"""The stage in the URL; it makes the paths Airflow's own, ``/api/experimental/...``."""

_AS_API_GATEWAY_SAYS = '{"error": $context.error.messageString}'
"""API Gateway fills in its own message, with the quotes (AWS, ``$context`` variables)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayResponse:
    """API Gateway's answer of one kind.

    Without a ``status`` it keeps the one it has; ``challenge`` is its ``WWW-Authenticate`` header.
    """

    kind: str
    status: int | None = None
    body: str = _AS_API_GATEWAY_SAYS
    challenge: str | None = None


def gateway_responses(missing_credentials: Decision) -> tuple[GatewayResponse, ...]:
    """The answers of a stage whose auth backend decides so about a request without credentials.

    Each body is ``{"error": ...}``. A TOKEN authorizer is not asked about a request that has no
    ``Authorization`` header, so ``UNAUTHORIZED`` has to say what the backend would: 403 with deny_all,
    as in Airflow.
    """
    return (
        _unauthorized(missing_credentials),
        _with_error("ACCESS_DENIED", HTTPStatus.FORBIDDEN, "Forbidden"),
        # How API Gateway sees a path that it does not have.
        _with_error("MISSING_AUTHENTICATION_TOKEN", HTTPStatus.NOT_FOUND, "Not found"),
        GatewayResponse(kind="DEFAULT_4XX"),
        GatewayResponse(kind="DEFAULT_5XX"),
    )


def answer_in_json(rest_api_id: str, missing_credentials: Decision, apigateway: Any) -> None:
    """Put the gateway responses and deploy the API anew, without which they stay as they were."""
    for response in gateway_responses(missing_credentials):
        apigateway.put_gateway_response(restApiId=rest_api_id, **_request(response))
    when_not_busy(
        lambda: apigateway.create_deployment(restApiId=rest_api_id, stageName=STAGE),
        # AWS allows an account one deployment in five seconds, and Chalice has just made one.
        busy="TooManyRequestsException",
    )


def _unauthorized(missing_credentials: Decision) -> GatewayResponse:
    # An open stage has no authorizer and never answers so; 401 is API Gateway's own status.
    status = HTTPStatus.UNAUTHORIZED if missing_credentials.allowed else missing_credentials.status
    return GatewayResponse(
        kind="UNAUTHORIZED",
        status=status,
        body=json.dumps({"error": HTTPStatus(status).phrase}),
        challenge=missing_credentials.challenge,
    )


def _with_error(kind: str, status: int, error: str) -> GatewayResponse:
    return GatewayResponse(kind=kind, status=status, body=json.dumps({"error": error}))


def _request(response: GatewayResponse) -> dict[str, Any]:
    request: dict[str, Any] = {
        "responseType": response.kind,
        "responseTemplates": {"application/json": response.body},
    }
    if response.status:
        request["statusCode"] = str(int(response.status))
    if response.challenge:  # a constant is written in single quotes
        request["responseParameters"] = {"gatewayresponse.header.WWW-Authenticate": f"'{response.challenge}'"}
    return request
