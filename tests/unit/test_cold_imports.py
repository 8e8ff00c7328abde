"""What a Lambda loads before its first event: a fresh interpreter per handler, as on a cold start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.api.surfaces import SURFACES

ROOT = Path(__file__).parents[2]
HEAVY = {
    "asn1crypto",
    "bcrypt",
    "boto3",
    "botocore",
    "croniter",
    "cryptography",
    "dateutil",
    "jinja2",
    "jmespath",
    "jsonschema",
    "minikerberos",
    "pendulum",
    "pynamodb",
    "referencing",
    "ulid",
}
UNUSED_BY_ANY = HEAVY | {
    "chalicelib.aws",
    "chalicelib.authoring",
    "chalicelib.engine",
    "chalicelib.events",
    "chalicelib.store",
}

HANDLERS = {
    "app.app": UNUSED_BY_ANY,
    "chalicelib.handlers.scheduler": UNUSED_BY_ANY | {"app", "chalicelib.api"},
    "chalicelib.handlers.worker": UNUSED_BY_ANY | {"app", "chalicelib.api"},
    "chalicelib.handlers.triggerer": UNUSED_BY_ANY | {"app", "chalicelib.api"},
    "chalicelib.handlers.events": UNUSED_BY_ANY | {"app", "chalicelib.api"},
    "chalicelib.handlers.tick": UNUSED_BY_ANY | {"app", "chalicelib.api"},
    "chalicelib.api.authorizer.authorizer": UNUSED_BY_ANY
    | {"app", "chalicelib.handlers", "chalicelib.api.http.routing", "chalicelib.api.experimental"},
}
"""The handler strings of the Lambdas, and what importing them must not load.

The strings are deployed, and Chalice never changes the handler of a function that exists: under another
one the functions of every stage that stands would find no module any more.
"""


def _loaded(module: str, *statements: str, environ: dict[str, str] | None = None) -> set[str]:
    """The modules of a fresh interpreter after it imported that module and ran the statements."""
    code = ["import json, sys", f"import {module}", *statements, "print(json.dumps(sorted(sys.modules)))"]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(run.stdout))


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_cold_start_loads_nothing_that_the_handler_may_not_need(handler: str) -> None:
    module = handler.rpartition(".")[0]
    assert _loaded(module) & HANDLERS[handler] == set()


def test_the_functions_have_the_handlers_under_which_they_are_deployed() -> None:
    code = (
        "import json, app; a = app.app;"
        "print(json.dumps([h.handler_string for h in [*a.builtin_auth_handlers, *a.event_sources]]))"
    )
    environ = {**os.environ, "AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.deny_all"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert {"app.app", *json.loads(run.stdout)} == HANDLERS.keys()


def test_a_request_that_needs_no_store_loads_none() -> None:
    loaded = _loaded(
        "app",
        "path = '/experimental/test'",
        "context = {'httpMethod': 'GET', 'resourcePath': path, 'path': '/api' + path}",
        "event = {'requestContext': context, 'headers': {}, 'pathParameters': None, 'body': None,"
        " 'multiValueQueryStringParameters': None, 'stageVariables': None}",
        "assert app.app(event, None)['statusCode'] == 200",
        environ={"AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default"},
    )
    assert loaded & UNUSED_BY_ANY == set()


def test_a_cold_start_of_the_apis_loads_no_view_and_no_document() -> None:
    surfaces = {surface.package: f"{surface.package}.surface" for surface in SURFACES}
    loaded = {name for name in _loaded("app") for package in surfaces if name.startswith(f"{package}.")}
    assert loaded == set(surfaces.values())


def test_a_plain_date_is_read_without_pendulum() -> None:
    loaded = _loaded(
        "chalicelib.engine.runs.execution_dates",
        "chalicelib.engine.runs.execution_dates.execution_date('2024-05-06T07:08:09.500000+02:00')",
    )
    assert loaded & HEAVY == set()
