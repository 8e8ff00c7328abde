"""The HTTP server in place of API Gateway, over real sockets and byte by byte."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.local.gateway import Refusal, StageGateway
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


def send_raw(server: GatewayServer, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are; gives all that comes back until the server closes."""
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


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


def test_pipelined_requests_are_answered_in_order(server: GatewayServer) -> None:
    first = b"GET /api/echo/one HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"\r\nGET /api/echo/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = send_raw(server, first + last)
    assert 0 < answer.index(b'"one"') < answer.index(b'"two"')


def test_http_1_0_is_answered_and_closed(server: GatewayServer) -> None:
    answer = send_raw(server, b"GET /api/echo/x HTTP/1.0\r\n\r\n")
    assert status_of(answer) == 200
    assert b"Connection: close" in answer


def test_a_client_that_expects_100_continue_gets_it_at_once(server: GatewayServer) -> None:
    head = b"POST /api/echo/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
    with socket.create_connection(server.server_address[:2], timeout=2) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hi")
        assert b'"body":"hi"' in connection.recv(65536)


def test_too_large_a_body_is_413_whether_announced_or_streamed(server: GatewayServer) -> None:
    head = b"POST /api/echo/x HTTP/1.1\r\n"
    announced = send_raw(server, head + b"Content-Length: 10485761\r\n\r\n", b"x" * 2_000_000)
    expecting = send_raw(server, head + b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
    chunk = b"A00000\r\n" + b"x" * 0xA00000 + b"\r\n"
    streamed = send_raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n", chunk, b"1\r\nx\r\n0\r\n\r\n")
    for answer in (announced, expecting, streamed):
        assert (status_of(answer), body_of(answer)) == (413, {"error": "Request Too Long"})


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /api/echo/x\r\n\r\n",
        b"GET  HTTP/9.9.9\r\n\r\n",
        b"GET /api/echo/x HTTP/banana\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /api/echo/x HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST /api/echo/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/echo/x HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
        b"POST /api/echo/x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /api/echo/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/echo/x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /api/echo/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/echo/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n",
    ],
)
def test_a_malformed_request_is_400_in_json(server: GatewayServer, request_bytes: bytes) -> None:
    answer = send_raw(server, request_bytes)
    assert status_of(answer) == 400
    assert body_of(answer)["error"]
    assert b"Connection: close" in answer


def test_a_body_that_ends_early_is_400(server: GatewayServer) -> None:
    with socket.create_connection(server.server_address[:2], timeout=5) as connection:
        connection.sendall(b"POST /api/echo/x HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        connection.shutdown(socket.SHUT_WR)
        assert status_of(connection.recv(65536)) == 400


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /api/echo/x HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /api/echo/x HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET /api/echo/x HTTP/2.0\r\n\r\n", 505),
    ],
)
def test_what_is_too_long_or_too_new_is_told_so(
    server: GatewayServer, request_bytes: bytes, status: int
) -> None:
    answer = send_raw(server, request_bytes)
    assert status_of(answer) == status
    assert body_of(answer)["error"]


def test_absolute_targets_and_raw_bytes_are_understood(server: GatewayServer) -> None:
    tail = b" HTTP/1.1\r\nConnection: close\r\n\r\n"
    absolute = send_raw(server, b"GET http://elsewhere/api/echo/x?q=1" + tail)
    assert body_of(absolute)["query"] == {"q": ["1"]}
    raw = send_raw(server, b"GET /api/echo/\xc3\xa9" + tail)
    assert body_of(raw)["name"] == "%C3%A9"


def test_a_slow_client_gets_its_answer(server: GatewayServer) -> None:
    tail = (b"HTTP/1.1\r\n", b"Connection: close\r\n", b"Content-Length: 3\r\n\r\n", b"a", b"bc")
    answer = send_raw(server, b"POST /api/ech", b"o/x ", *tail, pause=0.02)
    assert body_of(answer)["body"] == "abc"


def test_a_client_that_hangs_up_leaves_no_trace(
    server: GatewayServer, caplog: pytest.LogCaptureFixture
) -> None:
    for part in (b"", b"GET /api/echo/x HTTP/1.1\r\n", b"GET /api/slow?id=1 HTTP/1.1\r\n\r\n"):
        connection = socket.create_connection(server.server_address[:2])
        connection.sendall(part)
        connection.close()
    time.sleep(0.2)
    assert caplog.text == ""


def test_requests_at_the_same_time_keep_apart(server: GatewayServer) -> None:
    def probe(number: int) -> bool:
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
        same: bool = ask(connection, "GET", f"/api/slow?id={number}")[1]["same"]
        connection.close()
        return same

    with ThreadPoolExecutor(64) as threads:
        assert all(threads.map(probe, range(128)))


def test_a_stop_lets_requests_finish() -> None:
    server = GatewayServer(("127.0.0.1", 0))
    server.start(StageGateway(app))
    with ThreadPoolExecutor(1) as thread:
        tail = b" HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = thread.submit(send_raw, server, b"GET /api/slow?id=1" + tail)
        time.sleep(0.03)
        server.stop(grace=2)
        assert status_of(answer.result()) == 200
