"""What each surface decides for itself, shown on a second API of eighty routes; and registered views."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import pytest
from chalice.app import Chalice

from chalicelib import bootstrap
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply
from chalicelib.api.http.surface import Surface
from chalicelib.api.surfaces import SURFACES, mount
from chalicelib.auth.backends import DENY_ALL
from chalicelib.domain.errors import DagNotFound, DagRunAlreadyExists
from chalicelib.settings import Settings
from tests.scripted.in_process_api import InProcessApi

PACKAGE = "made_up_views"
VIEWS = '''
from chalicelib.api.http.request_and_reply import Reply, json_reply
from chalicelib.domain.errors import DagNotFound, DagRunAlreadyExists

def show(request):
    """Shows it."""
    return json_reply({"module": __name__})

def page(request):
    """Shows a page that is not the last."""
    return Reply(text="[]", next_page="/next")

def add(request):
    """Refuses."""
    raise DagRunAlreadyExists("one", "two", "three")

def remove(request):
    """Finds nothing."""
    raise DagNotFound("one")
'''


def problem(status: int, text: str, *, headers: Mapping[str, str] | None = None) -> Reply:
    """An error in the form of RFC 7807."""
    return json_reply({"status": status, "detail": text}, status=status, headers=headers or {})


SECOND = Surface(
    prefix="/v1",
    is_on=lambda settings: settings.stage != "without",
    package=PACKAGE,
    routes={
        # One path that both surfaces have, one whose view is missing, and others.
        "/pools": {"GET": "things_0:show", "POST": "things_0:add"},
        "/missing": {"GET": "things_0:nowhere"},
        "/pages": {"GET": "things_0:page"},
        **{
            f"/things/{number}/{{dag_id}}": {
                "GET": f"things_{number}:show",
                "POST": f"things_{number}:add",
                "DELETE": f"things_{number}:remove",
                "PATCH": f"things_{number}:show",
            }
            for number in range(19)
        },
    },
    error_reply=problem,
    statuses={DagNotFound: 410, DagRunAlreadyExists: 409},
    not_found="No such thing",
    method_not_allowed="Not this way",
    headers={"X-Api": "second"},
    may_end_in_a_slash=frozenset({"/pools"}),
)


@pytest.fixture
def views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of the second surface's views, none of them imported."""
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("")
    for number in range(19):
        (package / f"things_{number}.py").write_text(VIEWS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in imported_views() | {PACKAGE}:
        sys.modules.pop(name, None)


def imported_views() -> set[str]:
    return {name for name in sys.modules if name.startswith(f"{PACKAGE}.")}


@pytest.fixture
def api(settings: Settings, views: None) -> Iterator[InProcessApi]:
    with bootstrap.use(settings=settings):
        yield InProcessApi(settings, (EXPERIMENTAL, SECOND))


def get(api: InProcessApi, path: str, method: str = "GET") -> tuple[int, object]:
    answer = api.send(method, path, {}, b"")
    return answer.status, answer.body


def test_eighty_routes_are_declared_without_importing_a_view(api: InProcessApi) -> None:
    assert sum(len(methods) for methods in SECOND.routes.values()) == 80
    declared = {path.removeprefix("/v1") for path in api.app.routes if path.startswith("/v1/")}
    assert declared == SECOND.routes.keys()
    assert PACKAGE not in sys.modules


def test_a_call_imports_the_module_of_its_view_and_no_other(api: InProcessApi) -> None:
    assert get(api, "/v1/things/7/etl") == (200, {"module": f"{PACKAGE}.things_7"})
    assert imported_views() == {f"{PACKAGE}.things_7"}


def test_a_method_or_a_path_that_is_not_served_imports_no_view(api: InProcessApi) -> None:
    assert get(api, "/v1/things/7/etl", "PUT")[0] == 405
    assert get(api, "/v1/things/7/etl", "OPTIONS")[0] == 200
    assert get(api, "/v1/things/7/etl/")[0] == 404
    assert PACKAGE not in sys.modules


def test_surfaces_may_have_the_same_paths(api: InProcessApi) -> None:
    assert get(api, "/v1/pools") == (200, {"module": f"{PACKAGE}.things_0"})
    assert get(api, "/experimental/pools", "PATCH")[0] == 405
    assert get(api, "/v1/pools", "PATCH")[0] == 405


def test_each_surface_writes_its_own_errors(api: InProcessApi) -> None:
    assert get(api, "/v1/pools", "PUT") == (405, {"status": 405, "detail": "Not this way"})
    assert get(api, "/v1/things/1/etl/") == (404, {"status": 404, "detail": "No such thing"})
    assert get(api, "/experimental/test/") == (404, {"error": "Not found"})


def test_each_surface_has_its_own_statuses(api: InProcessApi) -> None:
    assert get(api, "/v1/things/1/etl", "POST")[0] == 409
    assert get(api, "/v1/things/1/etl", "DELETE")[0] == 410


def test_each_surface_has_its_own_headers(api: InProcessApi) -> None:
    first = api.send("GET", "/experimental/test", {}, b"").headers
    second = api.send("GET", "/v1/pages", {}, b"").headers
    assert ("x-api" in first, "deprecation" in first) == (False, True)
    assert (second["x-api"], "deprecation" in second) == ("second", False)
    assert second["link"] == '</next>; rel="next"'


def test_a_slash_at_the_end_is_overlooked_where_the_surface_says_so(api: InProcessApi) -> None:
    assert get(api, "/v1/pools/")[0] == 200
    assert get(api, "/experimental/pools/")[0] == 404


def test_each_surface_has_its_own_switch(settings: Settings, views: None) -> None:
    off = replace(settings, stage="without")
    with bootstrap.use(settings=off):
        api = InProcessApi(off, (EXPERIMENTAL, SECOND))
        assert get(api, "/v1/pools")[0] == 404
        assert get(api, "/experimental/test")[0] == 200


def test_a_surface_that_is_switched_off_asks_no_authorizer(settings: Settings) -> None:
    app = Chalice(app_name="updraft")
    mount(app, replace(settings, stage="without", auth_backend=DENY_ALL), (EXPERIMENTAL, SECOND))
    assert app.routes["/experimental/pools"]["GET"].authorizer is not None
    assert app.routes["/v1/pools"]["GET"].authorizer is None


def test_two_surfaces_are_guarded_by_one_authorizer(settings: Settings) -> None:
    app = Chalice(app_name="updraft")
    mount(app, replace(settings, auth_backend=DENY_ALL), (EXPERIMENTAL, SECOND))
    assert [config.name for config in app.builtin_auth_handlers] == ["authorizer"]
    guards = {app.routes[path]["GET"].authorizer for path in ("/experimental/pools", "/v1/pools")}
    assert len(guards) == 1


def test_a_view_that_is_missing_is_an_error_of_the_server(
    api: InProcessApi, caplog: pytest.LogCaptureFixture
) -> None:
    status, body = get(api, "/v1/missing")
    assert status == 500
    assert "nowhere" not in json.dumps(body)
    assert "nowhere" in caplog.text


REGISTERED = [
    pytest.param(surface, name, id=f"{surface.prefix} {method} {path}")
    for surface in SURFACES
    for path, names in surface.routes.items()
    for method, name in names.items()
]


@pytest.mark.parametrize(("surface", "name"), REGISTERED)
def test_every_registered_view_is_a_documented_view(surface: Surface, name: str) -> None:
    view = surface.view(name)
    assert view.__doc__
    assert list(get_type_hints(view).values()) == [Request, Reply]
