"""The answers that API Gateway gives by itself, before any function is asked, and its limits.

Chalice has no option for them, and its update of the API resets them (PutRestApi, ``overwrite``), so
they are put again after each ``chalice deploy``. So are the limits of the stage, which it leaves alone.
"""

import json
import time
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from chalicelib.auth.backends import Decision
from chalicelib.deploy.aws_errors import Sleep, error_code, when_not_busy
from chalicelib.deploy.description.functions import API_STAGE
from chalicelib.settings import Settings

_AS_API_GATEWAY_SAYS = '{"error": $context.error.messageString}'
"""API Gateway fills in its own message, with the quotes (AWS, ``$context`` variables)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayResponse:
    """API Gateway's answer of one kind."""

    kind: str
    """API Gateway's name for it (``responseType``)."""
    status: int | None = None
    """The HTTP status; None leaves API Gateway's own."""
    body: str = _AS_API_GATEWAY_SAYS
    challenge: str | None = None
    """The header ``WWW-Authenticate``, if any."""
    retry_after_s: int | None = None
    """The header ``Retry-After``, in seconds, if any."""


_WITH_THEIR_OWN_STATUS = {
    "BAD_REQUEST_BODY": HTTPStatus.BAD_REQUEST,
    "BAD_REQUEST_PARAMETERS": HTTPStatus.BAD_REQUEST,
    "INVALID_API_KEY": HTTPStatus.FORBIDDEN,
    "QUOTA_EXCEEDED": HTTPStatus.TOO_MANY_REQUESTS,
    "REQUEST_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "WAF_FILTERED": HTTPStatus.FORBIDDEN,
}
"""The 4xx kinds that say something about the request other than that its path is unknown (AWS)."""

_UNKNOWN_PATH = ("MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND", "INVALID_SIGNATURE", "EXPIRED_TOKEN")
"""How API Gateway sees a path that it does not have: as one that takes AWS's own signatures, which the
``Authorization`` header is not. No path of ours takes them, so all of these say that there is no such path.

Of ``IncompleteSignatureException``, which Basic and Negotiate lead to, AWS does not write which kind it is:
``INVALID_SIGNATURE`` by its description, ``MISSING_AUTHENTICATION_TOKEN`` by a report from 2020. Not tried
on an account: were it none of these but ``DEFAULT_4XX``, an unknown path with credentials would be 403.
"""

_BUSY = ("TooManyRequestsException", "ConflictException")
"""AWS allows an account one deployment of an API in five seconds, and Chalice has just made one; and what
was changed at the same instant is a conflict."""


def gateway_responses(missing_credentials: Decision) -> tuple[GatewayResponse, ...]:
    """The answers of a stage whose auth backend decides so about a request without credentials.

    Each body is ``{"error": ...}``. A TOKEN authorizer is not asked about a request that has no
    ``Authorization`` header, so ``UNAUTHORIZED`` has to say what the backend would: 403 with deny_all,
    as in Airflow.
    """
    return (
        _unauthorized(missing_credentials),
        _with_error("ACCESS_DENIED", HTTPStatus.FORBIDDEN, "Forbidden"),
        *(_with_error(kind, HTTPStatus.NOT_FOUND, "Not found") for kind in _UNKNOWN_PATH),
        # With a status of ours, all 4xx kinds that have no name would take it: a body above Lambda's 6 MB
        # is 413, and may be one of them. AWS's text would repeat the credentials of a bad signature.
        GatewayResponse(kind="DEFAULT_4XX", body=json.dumps({"error": "The request cannot be served"})),
        *(GatewayResponse(kind=kind, status=status) for kind, status in _WITH_THEIR_OWN_STATUS.items()),
        # In a second there is room for one more, at the least rate that can be set.
        GatewayResponse(kind="THROTTLED", status=HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=1),
        GatewayResponse(kind="DEFAULT_5XX"),
    )


def answer_in_json(
    rest_api_id: str, missing_credentials: Decision, apigateway: Any, *, sleep: Sleep = time.sleep
) -> None:
    """Put the gateway responses and deploy the API anew, without which they stay as they were."""
    calls = [
        partial(apigateway.put_gateway_response, restApiId=rest_api_id, **settings_of(response))
        for response in gateway_responses(missing_credentials)
    ]
    calls.append(partial(apigateway.create_deployment, restApiId=rest_api_id, stageName=API_STAGE))
    for call in calls:
        when_not_busy(call, busy=_BUSY, sleep=sleep)


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


def settings_of(response: GatewayResponse) -> dict[str, Any]:
    """The response as API Gateway writes it."""
    request: dict[str, Any] = {
        "responseType": response.kind,
        "responseTemplates": {"application/json": response.body},
    }
    if response.status:
        request["statusCode"] = str(int(response.status))
    headers = {"WWW-Authenticate": response.challenge, "Retry-After": response.retry_after_s}
    parameters = {  # a constant is written in single quotes
        f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items() if value
    }
    if parameters:
        request["responseParameters"] = parameters
    return request


def throttle(rest_api_id: str, settings: Settings, apigateway: Any, *, sleep: Sleep = time.sleep) -> None:
    """Limit the requests to each method of the stage; others of its settings stay.

    A redeployment leaves them as they are (CreateDeployment of a stage that is there).
    """
    limits = {"rateLimit": settings.throttling_rate_limit, "burstLimit": settings.throttling_burst_limit}
    patch = [
        {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(value)}
        for name, value in limits.items()
    ]
    update = partial(
        apigateway.update_stage, restApiId=rest_api_id, stageName=API_STAGE, patchOperations=patch
    )
    when_not_busy(update, busy=_BUSY, sleep=sleep)


def throttling_of(settings: Settings) -> dict[str, int]:
    """The limits of each method as API Gateway writes them in a stage's ``methodSettings``."""
    return {
        "throttlingRateLimit": settings.throttling_rate_limit,
        "throttlingBurstLimit": settings.throttling_burst_limit,
    }


def standing_throttling(rest_api_id: str, apigateway: Any) -> dict[str, int]:
    """The limits of all methods as they stand; empty where only the account's hold. 1 request."""
    from botocore.exceptions import ClientError

    try:
        stage = apigateway.get_stage(restApiId=rest_api_id, stageName=API_STAGE)
    except ClientError as error:
        if error_code(error) != "NotFoundException":  # a deployment was killed before it made the stage
            raise
        return {}
    of_all = stage.get("methodSettings", {}).get("*/*", {})
    return {name: int(value) for name, value in of_all.items() if name.startswith("throttling")}
