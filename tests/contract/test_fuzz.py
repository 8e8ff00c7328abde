"""Whatever a client sends is answered as the OpenAPI document says, and never with a 5xx.

schemathesis makes requests from the document that the app serves: what it allows, and what it does not;
with ids that exist, and with any. Others are made of odd pieces and random bytes, with no document at all.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chalicelib import bootstrap
from chalicelib.settings import Settings
from tests.contract.documented import PREFIX, AnyCase, DocumentedStage
from tests.contract.served import BACKENDS
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import engine_with_contract_dags

AnyOperation = APIOperation[Any, Any, Any, Any]
OPEN = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": BACKENDS[None]})
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXISTING = {
    "dag_id": "contract_bash",
    "task_id": "first",
    "execution_date": "2024-05-06T07:08:09.500000+00:00",
    "name": "reports",
    "word": "true",
    "execution_date_gte": "2024-05-07",
    "execution_date_lte": "9999-12-31T23:59:59.999999Z",
}
"""A value for each parameter that names something; all of them go together."""

RUNS = f"/dags/{EXISTING['dag_id']}/dag_runs"

LEAST_SHARE_OF_2XX = 0.9
"""Of the requests with existing ids that the document allows."""

LEAST_SHARE_OF_2XX_WHERE_THE_SCHEMA_SAYS_LESS = {"POST /dags/{dag_id}/dag_runs": 0.4}
"""Texts that are no date, no JSON or no run id are allowed by the schema and then refused."""

quietly = settings(suppress_health_check=list(HealthCheck))


def _stage() -> DocumentedStage:
    with bootstrap.use(settings=OPEN):
        return DocumentedStage(OPEN)


STAGE = _stage()


def _seed() -> None:
    """Make what the existing ids need beside the deployed DAGs: two runs and a pool."""
    for date in (EXISTING["execution_date"], EXISTING["execution_date_gte"]):
        _post(RUNS, {"execution_date": date})
    _post("/pools", {"name": EXISTING["name"], "slots": 4, "description": None})


def _post(path: str, body: dict[str, Any]) -> None:
    answer = STAGE.request("POST", PREFIX + path, body=json.dumps(body).encode())
    assert answer.status_code == 200, answer.content


def _second_page() -> str:
    """The cursor that a list of two runs gives for the second."""
    with bootstrap.use(settings=OPEN, engine=engine_with_contract_dags(MovedClock())):
        _seed()
        (links,) = STAGE.request("GET", f"{PREFIX}{RUNS}?limit=1").headers["link"]
    target = re.search(r'<([^>]+)>; rel="next"', links)
    assert target is not None, links
    return parse_qs(urlsplit(target[1]).query)["cursor"][0]


def _operations() -> Iterator[tuple[str, AnyOperation]]:
    for found in STAGE.schema.get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok().label, found.ok()


EXISTING["cursor"] = _second_page()
OPERATIONS = dict(_operations())
WRONGABLE = {label: found for label, found in OPERATIONS.items() if found.body or found.query}
"""What takes more than a path, in which any text is allowed."""

of_each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
of_each_operation_that_can_be_wronged = pytest.mark.parametrize(
    "operation", WRONGABLE.values(), ids=WRONGABLE.keys()
)


@pytest.fixture(autouse=True)
def open_api() -> Iterator[None]:
    with bootstrap.use(settings=OPEN):
        yield


def _called(case: AnyCase) -> Response:
    with bootstrap.use(engine=engine_with_contract_dags(MovedClock())):
        _seed()
        response = STAGE.call(case)
    _check_error(response)
    case.validate_response(response, checks=CHECKS)
    return response


def _existing(operation: AnyOperation) -> dict[str, dict[str, str]]:
    """The parameters of an operation that name something, naming what exists."""
    kinds = {"path_parameters": operation.path_parameters, "query": operation.query}
    return {
        kind: {
            parameter.name: EXISTING[parameter.name] for parameter in parameters if parameter.name in EXISTING
        }
        for kind, parameters in kinds.items()
    }


def _check_error(response: Response) -> None:
    if response.status_code >= 400 and response.content:
        error = json.loads(response.content)
        assert error.keys() == {"error"}
        assert isinstance(error["error"], str)
        assert error["error"]


@of_each_operation
def test_what_the_document_allows_is_done_where_the_ids_exist(operation: AnyOperation) -> None:
    statuses: Counter[int] = Counter()
    path, query = _existing(operation).values()

    @quietly
    @given(operation.as_strategy(GenerationMode.POSITIVE, path_parameters=path, query=query))
    def call(case: AnyCase) -> None:
        statuses[_called(case).status_code] += 1

    call()
    least = LEAST_SHARE_OF_2XX_WHERE_THE_SCHEMA_SAYS_LESS.get(operation.label, LEAST_SHARE_OF_2XX)
    assert statuses[200] >= least * statuses.total(), statuses


@of_each_operation
def test_what_the_document_allows_is_answered_as_it_says(operation: AnyOperation) -> None:
    @quietly
    @given(operation.as_strategy(GenerationMode.POSITIVE))
    def call(case: AnyCase) -> None:
        _called(case)

    call()


@of_each_operation_that_can_be_wronged
def test_what_the_document_does_not_allow_is_answered_as_it_says(operation: AnyOperation) -> None:
    existing = _existing(operation)["path_parameters"]

    @quietly
    @given(
        operation.as_strategy(GenerationMode.NEGATIVE)
        | operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=existing)
    )
    def call(case: AnyCase) -> None:
        _called(case)

    call()


ODD_SEGMENTS = st.one_of(
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "%",
            "%zz",
            "%00",
            "%2F",
            "%2f..%2f",
            "%ED%A0%80",
            "%FF",
            "%25",
            "+",
            "{dag_id}",
            "null",
        ]
    ),
    st.sampled_from(["x" * 3000, "%F0%9F%92%A9" * 700, "9" * 400, "-1", "2024-02-30", "P1D", "now"]),
    st.text(max_size=12).map(lambda text: quote(text, safe="", errors="surrogatepass")),
    st.binary(max_size=12).map(lambda raw: quote(raw, safe="")),
)
NAMES = st.sampled_from(["state", "limit", "cursor", "execution_date_gte", "execution_date_lte", "STATE", ""])
EXTREME_QUERIES = st.sampled_from(
    [
        "limit=1",
        "execution_date_gte=9999-12-31T23:59:59.999999",
        "execution_date_lte=0001-01-01",
        "cursor=PDAwMDEtMDEtMDFUMDA6MDA6MDAuMDAwMDAwKzAwOjAw",  # before the first instant
        "cursor=Pjk5OTktMTItMzFUMjM6NTk6NTkuOTk5OTk5KzAwOjAw",  # behind the last
    ]
)
ODD_QUERIES = st.lists(
    EXTREME_QUERIES | st.tuples(NAMES | ODD_SEGMENTS, ODD_SEGMENTS).map("=".join) | ODD_SEGMENTS, max_size=4
).map("&".join)
ODD_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "X-Any"]
    ),
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=20)
    | st.sampled_from(
        ["application/octet-stream", "application/json; charset=utf-16", "gzip", "Basic", "k" * 5000]
    ),
    max_size=3,
)
ODD_BODIES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [b"[" * 100_000, b'{"conf":' * 5000, b"NaN", b'{"slots": 1e999}', b'"\\ud800"', b"\xef\xbb\xbf{}"]
    ),
    st.dictionaries(
        st.sampled_from(
            ["run_id", "conf", "execution_date", "replace_microseconds", "name", "slots", "description"]
        ),
        st.sampled_from(
            [
                None,
                True,
                0,
                -1,
                10**400,
                1e308,
                "",
                "\0",
                "\ud800",
                "x" * 3000,
                [],
                {},
                "now",
                "9999-12-31T23:59-14",
            ]
        ),
    ).map(lambda body: json.dumps(body).encode()),
)
METHODS = st.sampled_from(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])


@st.composite
def _odd_requests(draw: st.DrawFn) -> tuple[str, str]:
    """The method and target of a route, with existing ids or odd pieces for its parameters, and a query."""
    operation = draw(st.sampled_from(list(OPERATIONS.values())))
    pieces = [
        draw(st.just(quote(EXISTING[piece[1:-1]])) | ODD_SEGMENTS) if piece.startswith("{") else piece
        for piece in operation.path.split("/")
    ]
    method = draw(st.just(operation.method.upper()) | METHODS)
    return method, f"{PREFIX}{'/'.join(pieces)}?{draw(ODD_QUERIES)}"


@settings(quietly, max_examples=quietly.max_examples * 10)
@given(request=_odd_requests(), headers=ODD_HEADERS, body=ODD_BODIES)
def test_anything_at_all_is_answered_without_a_5xx(
    request: tuple[str, str], headers: dict[str, str], body: bytes
) -> None:
    method, target = request
    with bootstrap.use(engine=engine_with_contract_dags(MovedClock())):
        _seed()
        response = STAGE.request(method, target, headers, body)
    assert response.status_code < 500
    if method != "HEAD":
        _check_error(response)
        STAGE.compare(method, target, response)
