"""Paths and methods of the deployed API: what API Gateway makes of those that are served, and of others."""

from typing import Any

import pytest

from tests.e2e.stage.forced_by_api_gateway import FORCED, Forced
from tests.e2e.stage.project import API, METHODS, Project, filled_in
from tests.scripted.asking import Answer

pytestmark = pytest.mark.e2e

UNKNOWN_PATHS = ["/api", "/api/nothing", API, f"{API}/nothing", f"{API}/dags/d/nothing", f"{API}/pools/p/q"]
CREDENTIALS = [None, "Basic YWRhOmxvdmVsYWNl"]
BROKEN_SIGNATURE = "AWS4-HMAC-SHA256 Credential=YWRhOmxvdmVsYWNl"


def allowed(answer: Answer) -> set[str]:
    return set(answer.headers["allow"].split(", "))


def error_body(method: str, error: str) -> Any:
    """The answer to HEAD has no body."""
    return "" if method == "HEAD" else {"error": error}


def test_every_path_tells_its_methods_and_refuses_all_others(open_stage: Project) -> None:
    call = open_stage.gateway.call
    for path in open_stage.routes():
        options = call("OPTIONS", path)
        assert (options.status, options.body) == (200, ""), path
        for method in METHODS - allowed(options):
            refusal = call(method, path)
            assert (refusal.status, allowed(refusal)) == (405, allowed(options)), (method, path)
            assert refusal.headers["content-type"] == "application/json"
            assert refusal.body == error_body(method, "The method is not allowed for the requested URL")


def test_head_answers_as_get_does_without_a_body(open_stage: Project) -> None:
    call = open_stage.gateway.call
    paths = [path for path in open_stage.routes() if "GET" in allowed(call("OPTIONS", path))]
    assert f"{API}/test" in paths
    for path in paths:
        get, head = call("GET", path), call("HEAD", path)
        assert head.status == get.status, path
        assert head.headers["content-type"] == get.headers["content-type"], path
        assert head.body == ""


@pytest.mark.parametrize("authorization", CREDENTIALS)
@pytest.mark.parametrize("path", UNKNOWN_PATHS)
def test_an_unknown_path_is_not_found_in_json(
    open_stage: Project, path: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    for method in sorted(METHODS):
        answer = open_stage.gateway.call(method, path, **headers)
        assert answer.status == 404, method
        assert answer.headers["content-type"] == "application/json"
        assert answer.body == error_body(method, "Not found")


@pytest.mark.parametrize("path", UNKNOWN_PATHS)
def test_a_broken_signature_of_awss_own_is_refused_in_json_and_not_repeated(
    open_stage: Project, path: str
) -> None:
    for method in sorted(METHODS):
        answer = open_stage.gateway.call(method, path, Authorization=BROKEN_SIGNATURE)
        assert answer.status == 403, method
        assert answer.headers["content-type"] == "application/json"
        assert answer.body == error_body(method, "The request cannot be served")


@pytest.mark.parametrize(
    "forced", [pytest.param(forced, id=forced.what) for forced in FORCED if forced.asked]
)
def test_what_is_forced_is_still_so(open_stage: Project, forced: Forced) -> None:
    assert forced.asked is not None
    answer = open_stage.gateway.call(*forced.asked)
    assert (answer.status, answer.body) == (forced.status, forced.body)


def test_the_description_has_every_path_that_is_deployed(open_stage: Project) -> None:
    described = open_stage.gateway.call("GET", f"{API}/openapi.json").body["paths"]
    assert sorted(filled_in(f"/experimental{path}") for path in described) == sorted(open_stage.routes())
