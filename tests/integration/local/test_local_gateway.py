"""The HTTP server in place of API Gateway: routes, authorizer, refusals, over real sockets."""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.local.admission import GuardedGateway
from chalicelib.local.gateway import HttpRequest, Refusal, StageGateway
from chalicelib.local.http_server import GatewayServer
from tests.integration.local.fake_app import app

JSON = "application/json"


@pytest.fixture(scope="module")
def server() -> Iterator[GatewayServer]:
    server = GatewayServer(("127.0.0.1", 0))
    challenge = Refusal(status=401, body='{"error": "Who?"}', headers=(("WWW-Authenticate", "Basic"),))
    server.start(StageGateway(app, {"UNAUTHORIZED": challenge}))
    yield server
    server.stop(grace=1)


@pytest.fixture
def client(server: GatewayServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
    yield connection
    connection.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any, http.client.HTTPMessage]:
    client.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    response = client.getresponse()
    content = response.read()
    return response.status, json.loads(content) if content else None, response.headers


def test_a_path_reaches_the_app_below_api_still_percent_encoded(client: http.client.HTTPConnection) -> None:
    status, answer, _ = ask(client, "GET", "/api/echo/a%2Fb%20c?x=1&x=2&y=&z=%C3%A9")
    assert status == 200
    assert answer["name"] == "a%2Fb%20c"
    assert answer["query"] == {"x": ["1", "2"], "y": [""], "z": ["é"]}


def test_a_trailing_slash_is_the_same_path(client: http.client.HTTPConnection) -> None:
    assert ask(client, "GET", "/api/echo/x/")[1]["name"] == "x"


def test_a_literal_path_goes_before_one_with_a_parameter(client: http.client.HTTPConnection) -> None:
    assert ask(client, "GET", "/api/echo/fixed")[1] == {"fixed": True}


@pytest.mark.parametrize("path", ["/", "/echo/x", "/api", "/api/", "/apiecho/x", "/api/nope", "/api/echo//"])
def test_an_unknown_path_is_404_in_json(client: http.client.HTTPConnection, path: str) -> None:
    status, answer, headers = ask(client, "GET", path)
    assert (status, answer, headers["Content-Type"]) == (404, {"error": "Not found"}, JSON)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"])
def test_a_wrong_method_is_405_and_says_which_are_right(
    client: http.client.HTTPConnection, method: str
) -> None:
    status, answer, headers = ask(client, method, "/api/echo/x")
    assert (status, answer, headers["Allow"]) == (405, {"error": "Method not allowed"}, "GET, POST")


def test_head_gets_the_head_only_and_the_connection_goes_on(client: http.client.HTTPConnection) -> None:
    client.request("HEAD", "/api/echo/x")
    response = client.getresponse()
    assert (response.status, response.read()) == (405, b"")
    assert int(response.headers["Content-Length"]) > 0
    assert ask(client, "GET", "/api/echo/x")[0] == 200


def test_a_body_may_claim_to_be_multipart(client: http.client.HTTPConnection) -> None:
    client.request("POST", "/api/echo/x", b"{}", {"Content-Type": "multipart/form-data; boundary=b"})
    response = client.getresponse()
    assert (response.status, bool(response.read())) == (200, True)


def test_no_content_has_no_length(client: http.client.HTTPConnection) -> None:
    status, answer, headers = ask(client, "GET", "/api/empty")
    assert (status, answer, headers["Content-Length"]) == (204, None, None)
    assert ask(client, "GET", "/api/echo/x")[0] == 200


def test_an_exception_is_500_without_details(
    client: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    status, answer, _ = ask(client, "GET", "/api/boom")
    assert status == 500
    assert "secret" not in json.dumps(answer)
    assert "secret detail" in caplog.text


def test_the_authorizer_lets_pass(client: http.client.HTTPConnection) -> None:
    status, answer, _ = ask(client, "GET", "/api/guarded", Authorization="let me in")
    assert (status, answer) == (200, {"principalId": "somebody"})


def test_the_authorizer_denies(client: http.client.HTTPConnection) -> None:
    assert ask(client, "GET", "/api/guarded", Authorization="me?")[:2] == (403, {"error": "Forbidden"})


@pytest.mark.parametrize("headers", [{}, {"Authorization": "raise"}])
def test_missing_credentials_get_the_stages_own_answer(
    client: http.client.HTTPConnection, headers: dict[str, str]
) -> None:
    status, answer, got = ask(client, "GET", "/api/guarded", **headers)
    assert (status, answer, got["WWW-Authenticate"]) == (401, {"error": "Who?"}, "Basic")


def test_a_broken_authorizer_is_500_without_details(client: http.client.HTTPConnection) -> None:
    answer = ask(client, "GET", "/api/guarded", Authorization="break")[:2]
    assert answer == (500, {"error": "Internal server error"})


def test_a_chunked_body_arrives_whole(client: http.client.HTTPConnection) -> None:
    client.request("POST", "/api/echo/x", body=iter([b"ab", b"cd" * 5000]), encode_chunked=True)
    assert json.loads(client.getresponse().read())["body"] == "ab" + "cd" * 5000


def test_requests_on_one_connection_do_not_wait_for_acknowledgements(
    client: http.client.HTTPConnection,
) -> None:
    ask(client, "GET", "/api/echo/x")
    started = time.monotonic()
    for _ in range(50):
        ask(client, "POST", "/api/echo/x", body=b"x" * 2000)
    assert (time.monotonic() - started) / 50 < 0.02


def test_requests_at_the_same_time_keep_apart(server: GatewayServer) -> None:
    def probe(number: int) -> bool:
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
        same: bool = ask(connection, "GET", f"/api/slow?id={number}")[1]["same"]
        connection.close()
        return same

    with ThreadPoolExecutor(64) as threads:
        assert all(threads.map(probe, range(128)))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 6_200_000, 413),
        (b"x" * 6_000_000, 413),
        (b'"' * 3_200_000, 413),
        (b"\x01" * 1_000_000, 413),
        (b"x" * 5_990_000, 200),
        (b'"' * 2_990_000, 200),
        ("\N{SNOWMAN}".encode() * 1_990_000, 200),
    ],
)
def test_a_body_counts_as_the_text_that_it_is_in_lambdas_event(
    client: http.client.HTTPConnection, body: bytes, status: int
) -> None:
    client.request("POST", "/api/echo/x", body)
    response = client.getresponse()
    content = response.read()
    assert response.status == status
    assert status == 200 or json.loads(content) == {"error": "Request Too Long"}


def test_credentials_come_before_the_size(client: http.client.HTTPConnection) -> None:
    status, answer, _ = ask(client, "GET", "/api/guarded", b'"' * 3_200_000)
    assert (status, answer) == (401, {"error": "Who?"})


@pytest.mark.parametrize("target", ["http://[::1/api/echo/x", "http://[/", "//[x]@]/api", "http://a]b/api"])
def test_a_target_that_is_no_url_is_a_clients_error(
    server: GatewayServer, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    answer = StageGateway(app).answer(HttpRequest(method="GET", target=target))
    assert answer.status in (400, 404)
    assert json.loads(answer.body)["error"]
    assert caplog.text == ""


def test_a_guarded_gateway_only_sees_what_is_let_in() -> None:
    guarded = GuardedGateway(StageGateway(app), {"dev.example"})
    answers = {
        host: guarded.answer(HttpRequest(method="GET", target="/api/echo/x", headers=(("Host", host),)))
        for host in ("dev.example", "localhost", "evil.example")
    }
    assert {host: answer.status for host, answer in answers.items()} == {
        "dev.example": 200,
        "localhost": 200,
        "evil.example": 421,
    }
    assert "dev.example" in json.loads(answers["evil.example"].body)["error"]
