"""What follows `chalice deploy`: read its record, set what it has no option for."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.auth.backends import (
    BASIC_AUTH,
    DEFAULT,
    DENY_ALL,
    KERBEROS_AUTH,
    PASSWORD_AUTH,
    without_credentials,
)
from chalicelib.deploy.aws_errors import when_not_busy
from chalicelib.deploy.chalice.record import NotDeployed, read_deployed
from chalicelib.deploy.provisioning.after_chalice import finish_deployment
from chalicelib.deploy.provisioning.api_gateway import GatewayResponse, gateway_responses, settings_of

URL = "https://abc123.execute-api.eu-west-1.amazonaws.com/api/"
QUEUES = ("scheduler", "worker", "triggerer", "events")


def arn(handler: str) -> str:
    return f"arn:aws:lambda:eu-west-1:123456789012:function:updraft-dev-{handler}"


def write_record(project: Path, resources: list[dict[str, str]]) -> None:
    directory = project / ".chalice" / "deployed"
    directory.mkdir(parents=True)
    record = {"resources": resources, "schema_version": "2.0", "backend": "api"}
    (directory / "dev.json").write_text(json.dumps(record))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the record that Chalice 1.34 leaves of a deployment."""
    functions = [
        {"name": name, "resource_type": "lambda_function", "lambda_arn": arn(name)}
        for name in ("api_handler", "authorizer", "scheduler", "worker", "triggerer", "events", "tick")
    ]
    mappings = [
        {
            "name": f"{name}-sqs-event-source",
            "resource_type": "sqs_event",
            "lambda_arn": arn(name),
            "event_uuid": f"uuid-of-{name}",
        }
        for name in QUEUES
    ]
    api = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc123", "rest_api_url": URL}
    write_record(tmp_path, [*functions, *mappings, api])
    return tmp_path


class FakeAWS:
    """Lambda and API Gateway as far as finishing asks them; keeps what it was told."""

    def __init__(self, auth_backend: str) -> None:
        self.variables = {"AIRFLOW__API__AUTH_BACKEND": auth_backend}
        self.response_types: dict[str, list[str]] = {f"uuid-of-{name}": [] for name in QUEUES}
        self.updates = 0
        self.recursion: dict[str, str] = {}
        self.gateway: dict[str, dict[str, Any]] = {}
        self.live: dict[str, dict[str, Any]] = {}
        self.limits: dict[str, tuple[str, str]] = {}

    def client(self, service: str) -> "FakeAWS":
        assert service in ("lambda", "apigateway")
        return self

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        return {"FunctionResponseTypes": self.response_types[UUID]}

    def update_event_source_mapping(self, *, UUID: str, FunctionResponseTypes: list[str]) -> None:  # noqa: N803
        self.updates += 1
        self.response_types[UUID] = FunctionResponseTypes

    def put_function_recursion_config(self, *, FunctionName: str, RecursiveLoop: str) -> None:  # noqa: N803
        self.recursion[FunctionName] = RecursiveLoop

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == arn("api_handler")
        return {"Environment": {"Variables": self.variables}}

    def put_gateway_response(self, *, restApiId: str, responseType: str, **settings: Any) -> None:  # noqa: N803
        assert restApiId == "abc123"
        self.gateway[responseType] = settings

    def create_deployment(self, *, restApiId: str, stageName: str) -> None:  # noqa: N803
        assert (restApiId, stageName) == ("abc123", "api")
        self.live = dict(self.gateway)

    def update_stage(self, *, restApiId: str, stageName: str, patchOperations: list[dict[str, str]]) -> None:  # noqa: N803
        assert (restApiId, stageName) == ("abc123", "api")
        self.limits = {each["path"]: (each["op"], each["value"]) for each in patchOperations}


def test_finishing_sets_what_chalice_cannot(project: Path) -> None:
    aws = FakeAWS(DEFAULT)

    finish_deployment(project, "dev", client=aws.client)

    assert aws.response_types == {f"uuid-of-{name}": ["ReportBatchItemFailures"] for name in QUEUES}
    assert aws.recursion == {arn(name): "Allow" for name in ("scheduler", "worker", "triggerer")}
    assert aws.live["UNAUTHORIZED"]["statusCode"] == "401"


def test_finishing_limits_each_method_as_the_deployed_function_is_told(project: Path) -> None:
    aws = FakeAWS(DEFAULT)
    aws.variables |= {
        "UPDRAFT__API__THROTTLING_RATE_LIMIT": "7",
        "UPDRAFT__API__THROTTLING_BURST_LIMIT": "9",
    }

    finish_deployment(project, "dev", client=aws.client)

    assert aws.limits == {
        "/*/*/throttling/rateLimit": ("replace", "7"),
        "/*/*/throttling/burstLimit": ("replace", "9"),
    }


def test_finishing_twice_leaves_the_queue_mappings_alone(project: Path) -> None:
    aws = FakeAWS(DEFAULT)

    finish_deployment(project, "dev", client=aws.client)
    finish_deployment(project, "dev", client=aws.client)

    assert aws.updates == len(QUEUES)


def test_missing_credentials_are_forbidden_where_everything_is(project: Path) -> None:
    aws = FakeAWS(DENY_ALL)

    finish_deployment(project, "dev", client=aws.client)

    assert aws.live["UNAUTHORIZED"]["statusCode"] == "403"
    assert json.loads(aws.live["UNAUTHORIZED"]["responseTemplates"]["application/json"]) == {
        "error": "Forbidden"
    }


@pytest.mark.parametrize(
    ("backend", "challenge"), [(PASSWORD_AUTH, "Basic"), (BASIC_AUTH, "Basic"), (KERBEROS_AUTH, "Negotiate")]
)
def test_missing_credentials_are_asked_for_as_the_backend_wants_them(
    project: Path, backend: str, challenge: str
) -> None:
    aws = FakeAWS(backend)

    finish_deployment(project, "dev", client=aws.client)

    assert aws.live["UNAUTHORIZED"] == {
        "statusCode": "401",
        "responseTemplates": {"application/json": '{"error": "Unauthorized"}'},
        "responseParameters": {"gatewayresponse.header.WWW-Authenticate": f"'{challenge}'"},
    }


def test_a_stage_that_chalice_has_not_deployed_cannot_be_finished(tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="deploy --stage dev"):
        finish_deployment(tmp_path, "dev", client=FakeAWS(DEFAULT).client)


def test_a_stage_that_chalice_has_deleted_is_not_deployed(tmp_path: Path) -> None:
    write_record(tmp_path, [])
    with pytest.raises(NotDeployed):
        read_deployed(tmp_path, "dev")


@pytest.mark.parametrize("backend", [DEFAULT, DENY_ALL, PASSWORD_AUTH, BASIC_AUTH, KERBEROS_AUTH])
def test_every_answer_of_the_gateway_is_a_json_error(backend: str) -> None:
    for response in gateway_responses(without_credentials(backend)):
        body = response.body.replace("$context.error.messageString", '"Unsupported Media Type"')
        assert list(json.loads(body)) == ["error"]


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    (throttled,) = (
        settings_of(each)
        for each in gateway_responses(without_credentials(DEFAULT))
        if each.kind == "THROTTLED"
    )
    assert throttled["statusCode"] == "429"
    assert throttled["responseParameters"] == {"gatewayresponse.header.Retry-After": "'1'"}


def test_an_unknown_path_is_not_found() -> None:
    (unknown,) = (
        each
        for each in gateway_responses(without_credentials(DEFAULT))
        if each.kind == "MISSING_AUTHENTICATION_TOKEN"
    )
    assert unknown == GatewayResponse(
        kind="MISSING_AUTHENTICATION_TOKEN", status=404, body='{"error": "Not found"}'
    )


@pytest.mark.parametrize("backend", [DEFAULT, BASIC_AUTH])
def test_a_body_that_is_too_large_stays_413_whatever_kind_of_answer_aws_takes_for_it(backend: str) -> None:
    responses = {each.kind: each for each in gateway_responses(without_credentials(backend))}
    assert responses["REQUEST_TOO_LARGE"].status == 413
    # A status here would be that of all kinds that have no name, of Lambda's 6 MB among them.
    assert responses["DEFAULT_4XX"].status is None


def test_credentials_for_an_unknown_path_are_no_bad_signature_and_are_not_repeated() -> None:
    responses = {each.kind: each for each in gateway_responses(without_credentials(DEFAULT))}
    kinds = {kind for kind, each in responses.items() if each.status == 404}
    assert kinds == {
        "MISSING_AUTHENTICATION_TOKEN",
        "RESOURCE_NOT_FOUND",
        "INVALID_SIGNATURE",
        "EXPIRED_TOKEN",
    }
    for kind in (*kinds, "DEFAULT_4XX", "ACCESS_DENIED", "UNAUTHORIZED"):
        assert "$context" not in responses[kind].body


KINDS = {
    *("ACCESS_DENIED", "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "EXPIRED_TOKEN"),
    *("INVALID_API_KEY", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED"),
    *("REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE"),
    "WAF_FILTERED",
}
"""API Gateway's kinds of 4xx answers (AWS, "Gateway response types")."""


def test_each_kind_of_refusal_has_an_answer_of_ours() -> None:
    kinds = [each.kind for each in gateway_responses(without_credentials(DEFAULT))]
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) == KINDS | {"DEFAULT_5XX"}


class Busy:
    """A call that AWS refuses a number of times before it takes it."""

    def __init__(self, *, refusals: int, code: str = "ResourceInUseException") -> None:
        self._refusals = refusals
        self._error = ClientError({"Error": {"Code": code, "Message": "in use"}}, "Update")
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._refusals:
            raise self._error
        return "done"


def test_a_busy_resource_is_asked_again_until_it_has_time() -> None:
    pauses: list[float] = []
    assert when_not_busy(Busy(refusals=3), busy="ResourceInUseException", sleep=pauses.append) == "done"
    assert len(pauses) == 3


def test_a_resource_that_stays_busy_is_an_error_in_the_end() -> None:
    call = Busy(refusals=100)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        when_not_busy(call, busy="ResourceInUseException", attempts=5, sleep=lambda _: None)
    assert call.calls == 5


def test_any_of_several_codes_is_busy_and_a_text_may_be_asked_for() -> None:
    busy = ("ResourceInUseException", "Other")
    assert when_not_busy(Busy(refusals=1, code="Other"), busy=busy, sleep=lambda _: None) == "done"
    assert when_not_busy(Busy(refusals=1), busy=busy, saying="In Use", sleep=lambda _: None) == "done"
    with pytest.raises(ClientError, match="in use"):
        when_not_busy(Busy(refusals=1), busy=busy, saying="deleted", sleep=lambda _: None)


def test_another_error_is_not_tried_again() -> None:
    call = Busy(refusals=1, code="AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        when_not_busy(call, busy="ResourceInUseException", sleep=lambda _: None)
    assert call.calls == 1
