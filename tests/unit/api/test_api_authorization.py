from dataclasses import replace
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib import bootstrap
from chalicelib.api.authorizer import authorizer
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.api.http.authorizer_context import AuthorizerContext
from chalicelib.api.surfaces import mount
from chalicelib.auth.backends import DENY_ALL
from chalicelib.auth.verdicts import Origin
from chalicelib.engine.engine import Engine
from chalicelib.settings import SettingError, Settings
from tests.pages import on_one_line, page
from tests.scripted.in_process_api import InProcessApi

PREFIX = EXPERIMENTAL.prefix

PLAIN_METHODS = {"GET", "HEAD", "POST"}


def _app(settings: Settings) -> Chalice:
    app = Chalice(app_name="updraft")
    mount(app, settings)
    return app


def _views(app: Chalice) -> list[Any]:
    return [view for methods in app.routes.values() for view in methods.values()]


def _event(method: str, path: str, authorizer: dict[str, Any] | None) -> dict[str, Any]:
    """What API Gateway sends a Lambda."""
    context: dict[str, Any] = {"httpMethod": method, "resourcePath": path, "path": f"/api{path}"}
    if authorizer is not None:
        context["authorizer"] = authorizer
    return {
        "requestContext": context,
        "headers": {},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
    }


@pytest.fixture
def closed(settings: Settings) -> Settings:
    return replace(settings, auth_backend=DENY_ALL)


def test_an_open_api_has_no_authorizer_at_all(settings: Settings) -> None:
    app = _app(settings)
    assert app.builtin_auth_handlers == []
    assert all(view.authorizer is None for view in _views(app))


def test_every_view_that_does_something_is_behind_the_authorizer(closed: Settings) -> None:
    app = _app(closed)
    assert [config.name for config in app.builtin_auth_handlers] == ["authorizer"]
    assert app.builtin_auth_handlers[0].ttl_seconds == 0
    served = [methods[name] for methods in app.routes.values() for name in PLAIN_METHODS & _allowed(methods)]
    assert served
    assert all(view.authorizer is authorizer for view in served)
    # Each of them has its own share of the requests that API Gateway lets through.
    guarded = sum(len(_allowed(methods)) for methods in app.routes.values())
    assert f"over all {guarded} methods that ask one" in on_one_line(page("operating"))


def _allowed(methods: dict[str, Any]) -> set[str]:
    return {name for name, view in methods.items() if view.authorizer is not None}


def test_paths_and_methods_are_answered_for_before_anyone_is_asked_who_they_are(closed: Settings) -> None:
    with bootstrap.use(settings=closed):
        api = InProcessApi(closed)
        options = api.send("OPTIONS", f"{PREFIX}/pools", {}, b"")
        wrong_method = api.send("PUT", f"{PREFIX}/pools", {}, b"")
        unknown_path = api.get("/nope")
    assert (options.status, wrong_method.status, unknown_path.status) == (200, 405, 404)


@pytest.mark.parametrize("vouched_for", [None, {}, {"principalId": ""}, {"principalId": "admin"}])
def test_deny_all_is_closed_behind_the_authorizer_too(
    engine: Engine, closed: Settings, vouched_for: dict[str, Any] | None
) -> None:
    with bootstrap.use(engine=engine, settings=closed):
        response = _app(closed)(_event("GET", f"{PREFIX}/test", vouched_for), None)
    assert (response["statusCode"], response["body"]) == (403, '{"error": "Forbidden"}')


def test_the_authorizer_lets_nobody_in_under_deny_all(closed: Settings) -> None:
    event = {"type": "TOKEN", "authorizationToken": "Basic YTpi", "methodArn": _ARN}
    with bootstrap.use(settings=closed):
        policy = authorizer(event, {})
    assert policy["policyDocument"]["Statement"][0]["Resource"] == []


def test_whom_the_backend_lets_in_may_use_the_whole_api(settings: Settings) -> None:
    event = {"type": "TOKEN", "authorizationToken": "Basic YTpi", "methodArn": _ARN}
    with bootstrap.use(settings=settings):
        policy = authorizer(event, {})
    assert policy["policyDocument"]["Statement"][0]["Resource"] == [
        "arn:aws:execute-api:eu-west-1:123456789012:abc/api/*/*"
    ]


def test_an_open_api_on_a_deployed_stage_is_warned_of(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    _app(replace(settings, stage="dev"))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "stage dev is open to everyone" in record.message


def test_no_other_api_is_warned_of(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    _app(settings)  # the local server says so by itself
    _app(replace(settings, stage="dev", auth_backend=DENY_ALL))
    _app(replace(settings, stage="dev", enable_experimental_api=False))
    assert caplog.records == []


def test_a_backend_that_is_not_served_stops_the_app(settings: Settings) -> None:
    with pytest.raises(SettingError, match="nobody_knows"):
        _app(replace(settings, auth_backend="nobody_knows"))


_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/api/GET/experimental/test"


@pytest.mark.parametrize(
    ("given", "context"),
    [
        (None, AuthorizerContext()),
        ({}, AuthorizerContext()),
        ({"principalId": "ada"}, AuthorizerContext(principal="ada")),
        ({"principalId": "u@REALM", "reply": "abc"}, AuthorizerContext(principal="u@REALM", reply="abc")),
        ({"principalId": "ada", "addresses": "-"}, AuthorizerContext(principal="ada", origin=Origin())),
        (
            {
                "principalId": "ada",
                "addresses": "192.0.2.7 2001:db8::/64",
                "wait": "7",
                "was_checked": "true",
            },
            AuthorizerContext(
                principal="ada",
                origin=Origin(addresses=frozenset({"192.0.2.7", "2001:db8::/64"}), wait=7, was_checked=True),
            ),
        ),
        ({"principalId": ":throttled", "wait": "7"}, AuthorizerContext(wait=7)),
        ({"principalId": ":throttled"}, AuthorizerContext(wait=1)),
    ],
)
def test_what_the_authorizer_hands_on_is_read_as_it_was_meant(
    given: dict[str, str] | None, context: AuthorizerContext
) -> None:
    assert AuthorizerContext.of(given) == context
