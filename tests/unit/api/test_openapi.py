"""The OpenAPI document and the routes say the same."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from chalicelib import __version__, bootstrap
from chalicelib.api.experimental.openapi.document import document
from chalicelib.api.experimental.openapi.operations import OPERATIONS as BY_VIEW
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.settings import AIRFLOW_VERSION, Settings
from tests.pages import page, table
from tests.scripted.in_process_api import InProcessApi

ROOT = Path(__file__).parents[3]
DOCUMENT = document()
OPERATIONS = [
    pytest.param(path, method, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method != "parameters"
]
OF_THE_PROTOCOL = {"HEAD", "OPTIONS"}
"""Methods that every path serves by a rule that the document states once."""


def test_the_document_is_openapi_3_1(api: InProcessApi) -> None:
    served = api.get("/openapi.json")
    assert (served.status, served.headers["content-type"]) == (200, "application/json")
    assert served.body == json.loads(json.dumps(DOCUMENT))
    assert re.fullmatch(r"3\.1\.\d+", served.body["openapi"])
    schemathesis.openapi.from_dict(served.body).validate()


def test_the_document_names_the_version_of_the_api_and_ours() -> None:
    assert DOCUMENT["info"]["version"] == AIRFLOW_VERSION
    assert DOCUMENT["info"]["x-updraft-version"] == __version__


def test_the_document_and_the_app_have_the_same_routes(api: InProcessApi) -> None:
    documented = {(path, method.upper()) for path, method in map(_values, OPERATIONS)}
    assert documented == set(_served(api))


def _served(api: InProcessApi) -> Iterator[tuple[str, str]]:
    """Every path of the app with every method that it owns to."""
    for route in api.app.routes:
        allowed = api.send("OPTIONS", route.replace("{", "").replace("}", ""), {}, b"").headers["allow"]
        for method in set(allowed.split(", ")) - OF_THE_PROTOCOL:
            yield route.removeprefix(EXPERIMENTAL.prefix), method


def test_every_view_has_its_operation_and_no_operation_is_without_a_view() -> None:
    views = {name for names in EXPERIMENTAL.routes.values() for name in names.values()}
    assert views == BY_VIEW.keys()


def test_the_document_is_found_where_its_server_says(api: InProcessApi) -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == [f"/api{EXPERIMENTAL.prefix}"]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_names_the_parameters_of_its_path(path: str, method: str) -> None:
    named = [
        _resolved(parameter)["name"]
        for parameter in DOCUMENT["paths"][path]["parameters"]
        if _resolved(parameter)["in"] == "path"
    ]
    assert named == re.findall(r"\{(\w+)\}", path)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_describes_each_answer_in_json_with_an_example(path: str, method: str) -> None:
    for status, response in DOCUMENT["paths"][path][method]["responses"].items():
        described = _resolved(response)
        assert described["description"], status
        assert described["headers"].keys() >= {"Deprecation", "Link"}
        for content in described["content"].values():
            if "example" in content:
                assert list(_validator(content["schema"]).iter_errors(content["example"])) == []


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_examples_of_bodies_are_what_the_schema_takes(path: str, method: str) -> None:
    body = DOCUMENT["paths"][path][method].get("requestBody")
    if body is None:
        return
    content = body["content"]["application/json"]
    for example in content["examples"].values():
        assert list(_validator(content["schema"]).iter_errors(example["value"])) == []


def test_operation_ids_are_unique() -> None:
    ids = [DOCUMENT["paths"][path][method]["operationId"] for path, method in map(_values, OPERATIONS)]
    assert len(ids) == len(set(ids))


def test_every_component_is_used() -> None:
    used = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(DOCUMENT)))
    kinds = ("schemas", "parameters", "headers", "responses")
    assert used == {f"{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]}


def test_credentials_may_be_needed_for_the_document_as_for_all_else(settings: Settings) -> None:
    closed = replace(settings, auth_backend="airflow.api.auth.backend.deny_all")
    with bootstrap.use(settings=closed):
        assert InProcessApi(closed).get("/openapi.json").status == 403


def test_the_document_is_served_without_a_store(settings: Settings) -> None:
    with bootstrap.use(settings=settings):
        assert InProcessApi(settings).get("/openapi.json").status == 200


def _values(parameters: Any) -> tuple[str, str]:
    path, method = parameters.values
    return path, method


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    resolved: dict[str, Any] = DOCUMENT["components"][kind][name]
    return resolved


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_the_page_lists_every_route_and_no_other() -> None:
    listed = [tuple(row[0].strip("`").split()) for row in table(page("api"), "request", "answer")]
    served = {
        (method.upper(), path)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method in ("get", "post", "delete")
    }
    assert sorted(listed) == sorted(served)
