"""The server under the auth backend that lets nobody in."""

from collections.abc import Iterator

import pytest
from chalice.app import Chalice

from chalicelib.api.surfaces import mount
from chalicelib.settings import Settings
from tests.integration.server.server import Server, running

DENY_ALL = {"AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.deny_all"}
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Basic YWRtaW46YWRtaW4="},
    {"Authorization": "Negotiate YQ=="},
)


@pytest.fixture(scope="module")
def denying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("denying"), **DENY_ALL) as server:
        yield server


def guarded_routes() -> list[tuple[str, str]]:
    """Method and path of all that the app serves behind an authorizer, with names filled in."""
    app = Chalice(app_name="updraft")
    mount(app, Settings.from_environ(DENY_ALL))
    return [
        (method, path.format_map(_Anything()))
        for path, views in app.routes.items()
        for method, view in views.items()
        if view.authorizer is not None
    ]


class _Anything(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "2024-01-01" if name == "execution_date" else "example_hello"


def test_every_route_answers_403_in_json_whatever_is_sent(denying: Server) -> None:
    routes = guarded_routes()
    assert len(routes) > 20
    for method, path in routes:
        for headers in HEADERS:
            answer = denying.api.send(method, f"/api{path}", headers, b"")
            wanted = "" if method == "HEAD" else {"error": "Forbidden"}
            assert (method, path, answer.status, answer.body) == (method, path, 403, wanted)
            assert answer.headers["content-type"] == "application/json"


def test_an_unknown_path_is_not_found_before_anybody_is_denied(denying: Server) -> None:
    answer = denying.api.send("GET", "/api/experimental/no/such/path", {}, b"")
    assert (answer.status, answer.body) == (404, {"error": "Not found"})


def test_nothing_warns_that_the_api_is_open(denying: Server) -> None:
    assert "open to everyone" not in denying.output
