import logging
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.failures import let_fail
from tests.scripted.in_process_api import InProcessApi

PREFIX = EXPERIMENTAL.prefix

METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


def test_every_path_declares_every_method(api: InProcessApi) -> None:
    assert {path: set(methods) for path, methods in api.app.routes.items()} == dict.fromkeys(
        api.app.routes, METHODS
    )


def test_variables_in_the_same_place_of_a_path_have_one_name(api: InProcessApi) -> None:
    """AWS API Gateway refuses siblings of different names."""
    names: dict[str, set[str]] = {}
    for path in api.app.routes:
        parts = path.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:place]), set()).add(part)
    assert [found for found in names.values() if len(found) > 1] == []


def test_answers_are_written_as_airflow_writes_them(api: InProcessApi) -> None:
    api.post("/pools", {"name": "p", "slots": 1, "description": "\N{SNOWMAN}"})
    event = _event(api, "GET", "/pools/{name}", {"name": "p"})
    assert event["body"].startswith(r'{"description": "\u2603", "id": ')
    assert event["headers"]["Content-Type"] == "application/json"


def test_every_answer_says_that_the_api_is_deprecated(api: InProcessApi) -> None:
    for answer in (api.get("/test"), api.get("/pools/none"), api.send("PUT", f"{PREFIX}/test", {}, b"")):
        assert answer.headers["deprecation"] == "true"
        assert answer.headers["link"].endswith('>; rel="deprecation"; type="text/html"')


def test_head_answers_as_get_without_a_body(api: InProcessApi) -> None:
    assert api.send("HEAD", f"{PREFIX}/test", {}, b"").status == 200
    assert api.send("HEAD", f"{PREFIX}/pools/none", {}, b"").status == 404
    assert api.send("HEAD", f"{PREFIX}/test", {}, b"").body == ""


def test_options_tells_the_methods_that_are_served(api: InProcessApi) -> None:
    answer = api.send("OPTIONS", f"{PREFIX}/dags/any/dag_runs", {}, b"")
    assert (answer.status, answer.body) == (200, "")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_wrong_method_is_refused_in_json_and_told_the_right_ones(api: InProcessApi) -> None:
    answer = api.send("PATCH", f"{PREFIX}/pools", {}, b"")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert answer.body["error"]


@pytest.mark.parametrize("path", ["/test/", "/pools/", "/dags/etl/paused/"])
def test_a_slash_at_the_end_makes_another_path(api: InProcessApi, path: str) -> None:
    assert api.get(path).status == 404


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
def test_a_switched_off_api_is_not_there(engine: Engine, settings: Settings, method: str) -> None:
    off = replace(settings, enable_experimental_api=False, auth_backend="airflow.api.auth.backend.deny_all")
    with bootstrap.use(engine=engine, settings=off):
        assert InProcessApi(off).send(method, f"{PREFIX}/test", {}, b"").status == 404


def test_names_are_percent_decoded_once(api: InProcessApi) -> None:
    api.post("/pools", {"name": "a/b%2Fc", "slots": 1, "description": ""})
    assert api.get("/pools/a%2Fb%252Fc").status == 200
    assert api.get("/pools/a%252Fb%25252Fc").status == 404


def test_any_content_type_will_do(api: InProcessApi) -> None:
    for kind in ("text/plain", "application/octet-stream", "nonsense", ""):
        body = f'{{"name": "p{len(kind)}", "slots": 1, "description": ""}}'.encode()
        assert api.send("POST", f"{PREFIX}/pools", {"Content-Type": kind}, body).status == 200, kind


def test_an_error_nobody_foresaw_tells_the_client_only_where_to_look(
    api: InProcessApi, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    let_fail(engine.store.pools.get, RuntimeError("password=hunter2"))
    answer = api.get("/pools/any")
    assert answer.status == 500
    reference = answer.body["error"].split()[-1]
    assert "hunter2" not in str(answer)
    assert reference in caplog.text
    assert "hunter2" in caplog.text


def test_a_store_that_is_not_available_is_no_error_of_ours(
    api: InProcessApi, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    let_fail(engine.store.pools.get, StoreUnavailable("throttled: table x"))
    answer = api.get("/pools/any")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "table x" not in str(answer.body)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_an_answer_that_lambda_could_not_return_is_refused_with_a_word(
    api: InProcessApi, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = engine.store.pools
    api.post("/pools", {"name": "p", "slots": 1, "description": "x" * 16_000})
    many = [*pool.list()] * 400
    monkeypatch.setattr(pool, "list", lambda: iter(many))
    answer = api.get("/pools")
    assert answer.status == 400
    assert "larger" in answer.body["error"]


def _event(api: InProcessApi, method: str, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    return api.app(
        {
            "requestContext": {"httpMethod": method, "resourcePath": f"{PREFIX}{path}", "path": "/api/x"},
            "headers": {},
            "pathParameters": parameters,
            "multiValueQueryStringParameters": None,
            "stageVariables": None,
            "body": None,
        },
        None,
    )
