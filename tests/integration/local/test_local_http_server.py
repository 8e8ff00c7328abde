"""The local server's sockets, byte by byte: what is no valid request, what is slow, what is too many."""

import contextlib
import http.client
import json
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.local.gateway import HttpAnswer, HttpRequest, StageGateway
from chalicelib.local.http_server import GatewayServer, WireLimits
from tests.integration.local.fake_app import app

HOST = b"Host: localhost\r\n"
POST = b"POST /api/echo/x HTTP/1.1\r\n" + HOST
GET = b"GET /api/echo/x HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /api/echo/smuggled HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
QUICK = WireLimits(
    idle_seconds=0.6, head_seconds=0.3, silence_seconds=0.3, body_seconds=0.9, drain_seconds=0.3
)


class Held:
    """A gateway whose answers wait until they are let go."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.asked = threading.Semaphore(0)
        self.let_go = threading.Event()
        self._body = body

    def answer(self, request: HttpRequest) -> HttpAnswer:
        self.asked.release()
        assert self.let_go.wait(20)
        return HttpAnswer(status=200, body=self._body)


@pytest.fixture(scope="module")
def server() -> Iterator[GatewayServer]:
    with serving(StageGateway(app)) as started:
        yield started


@contextmanager
def serving(gateway: Any, limits: WireLimits | None = None) -> Iterator[GatewayServer]:
    server = GatewayServer(("127.0.0.1", 0), limits)
    server.start(gateway)
    try:
        yield server
    finally:
        server.stop(grace=1)


@contextmanager
def connected(server: GatewayServer) -> Iterator[socket.socket]:
    with socket.create_connection(server.server_address, timeout=10) as connection:
        yield connection


def send_raw(server: GatewayServer, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are; gives all that comes back until the server closes."""
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_pipelined_requests_are_answered_in_order(server: GatewayServer) -> None:
    many = b"".join(b"GET /api/echo/%d HTTP/1.1\r\n%b\r\n" % (number, HOST) for number in range(300))
    answer = send_raw(server, many + b"\r\n" + SMUGGLED)
    places = [answer.index(b'"name":"%d"' % number) for number in range(300)]
    assert places == sorted(places)
    assert places[-1] < answer.index(b'"smuggled"')


def test_what_is_wrong_is_told_after_the_answers_to_what_was_right(server: GatewayServer) -> None:
    answer = send_raw(server, GET + b"\r\n" + GET + b"\r\nnonsense\r\n\r\n" + SMUGGLED)
    assert [part.split()[0] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]


def test_http_1_0_is_answered_and_closed(server: GatewayServer) -> None:
    answer = send_raw(server, b"GET /api/echo/x HTTP/1.0\r\n\r\n")
    assert status_of(answer) == 200
    assert b"Connection: close" in answer


def test_http_1_0_can_be_kept_open(server: GatewayServer) -> None:
    kept = b"GET /api/echo/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    answer = send_raw(server, kept + SMUGGLED)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert b"Connection: keep-alive" in answer


def test_a_client_that_expects_100_continue_gets_it_once_and_at_once(server: GatewayServer) -> None:
    with connected(server) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"h")
        connection.sendall(b"i")
        answer = received(connection)
    assert b"100 Continue" not in answer
    assert body_of(answer)["body"] == "hi"


def test_a_pipelined_100_continue_comes_after_the_answers_before_it(server: GatewayServer) -> None:
    with connected(server) as connection:
        connection.sendall(GET + b"\r\n" + POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        got = b""
        while not got.endswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
            got += connection.recv(65536)
    assert got.startswith(b"HTTP/1.1 200")


def test_too_large_a_body_is_413_whether_announced_or_streamed(server: GatewayServer) -> None:
    too_much = 6_000_001
    announced = send_raw(server, POST + b"Content-Length: %d\r\n\r\n" % too_much, b"x" * 2_000_000)
    expecting = send_raw(server, POST + b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
    streamed = send_raw(server, CHUNKED, b"%x\r\n" % too_much + b"x" * too_much + b"\r\n0\r\n\r\n")
    in_pieces = send_raw(server, CHUNKED, (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 97)
    for answer in (announced, expecting, streamed, in_pieces):
        assert (status_of(answer), body_of(answer)) == (413, {"error": "Request Too Long"})
        assert b"100 Continue" not in answer


LENGTH = POST + b"Content-Length: "
MALFORMED = {
    "no request line": b"nonsense\r\n\r\n",
    "no version": b"GET /api/echo/x\r\n\r\n",
    "no target": b"GET  HTTP/9.9.9\r\n\r\n",
    "an unknown version": b"GET /api/echo/x HTTP/banana\r\n\r\n",
    "a version of two digits": b"GET /api/echo/x HTTP/1.10\r\n" + HOST + b"\r\n",
    "a version of 1 that there is not": b"GET /api/echo/x HTTP/1.9\r\n" + HOST + b"\r\n",
    "small letters in the version": b"GET /api/echo/x http/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2 by prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a space in the target": b"GET /api/echo/x y HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab for a space": b"GET\t/api/echo/x\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes in the target that are no ASCII": b"GET /api/echo/\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "invalid UTF-8 in the target": b"GET /api/echo/\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in the target": b"GET /api/echo/\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no Host": b"GET /api/echo/x HTTP/1.1\r\n\r\n",
    "two Hosts": GET + b"Host: other\r\n\r\n",
    "the same Host twice": GET + HOST + b"\r\n",
    "two Hosts in HTTP/1.0": b"GET /api/echo/x HTTP/1.0\r\n" + HOST + HOST + b"\r\n",
    "a Host with a path": b"GET /api/echo/x HTTP/1.1\r\nHost: localhost/x\r\n\r\n",
    "a Host with a space": b"GET /api/echo/x HTTP/1.1\r\nHost: local host\r\n\r\n",
    "a Host with a user": b"GET /api/echo/x HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
    "a list of Hosts": b"GET /api/echo/x HTTP/1.1\r\nHost: localhost, other:1\r\n\r\n",
    "no colon": GET + b"no colon here\r\n\r\n",
    "a header without a name": GET + b": x\r\n\r\n",
    "a space before the colon": LENGTH[:-2] + b" : 5\r\n\r\n12345",
    "a space before the first header": b"GET /api/echo/x HTTP/1.1\r\n " + HOST + b"\r\n",
    "a folded header": GET + b"X: a\r\n b\r\n\r\n",
    "a folded length": POST + b"Content-Length:\r\n 5\r\n\r\n12345",
    "a folded coding": POST + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
    "NUL in a header": GET + b"X: a\0b\r\n\r\n",
    "NUL in a name": GET + b"X\0: a\r\n\r\n",
    "a carriage return in a header": GET + b"X: a\rb\r\n\r\n",
    "bare line feeds": b"GET /api/echo/x HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed after the request line": b"GET /api/echo/x HTTP/1.1\n" + HOST + b"\r\n",
    "a bare line feed after a header": GET + b"X: a\nY: b\r\n\r\n",
    "a bare line feed at the end of the head": GET + b"X: a\r\n\n",
    "a negative length": LENGTH + b"-1\r\n\r\n",
    "a signed length": LENGTH + b"+5\r\n\r\n12345",
    "a length in hexadecimal": LENGTH + b"0x5\r\n\r\n12345",
    "a length with an underscore": LENGTH + b"5_0\r\n\r\n12345",
    "a length with a space": LENGTH + b"1 2\r\n\r\n12345",
    "a length with a vertical tab": LENGTH + b"\x0b5\r\n\r\n12345",
    "a length in other digits": LENGTH + "\N{ARABIC-INDIC DIGIT FIVE}".encode() + b"\r\n\r\n12345",
    "a list of lengths": LENGTH + b"5, 5\r\n\r\n12345",
    "an empty length": LENGTH + b"\r\n\r\n",
    "a length beyond 64 bits": LENGTH + b"9" * 30 + b"\r\n\r\n12345",
    "lengths that differ": LENGTH + b"1\r\nContent-Length: 2\r\n\r\nxx",
    "a length twice": LENGTH + b"2\r\nContent-Length: 2\r\n\r\nxx",
    "a length and chunks": LENGTH + b"5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a coding before chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding after chunks": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n12345",
    "chunks twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks after a vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted chunks": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunks in HTTP/1.0": b"POST /api/echo/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is none": CHUNKED + b"zz\r\n",
    "a chunk size with a prefix": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a signed chunk size": CHUNKED + b"+5\r\nabcde\r\n0\r\n\r\n",
    "an empty chunk size": CHUNKED + b"\r\nabcde\r\n0\r\n\r\n",
    "a space after a chunk size": CHUNKED + b"5 \r\nabcde\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": CHUNKED + b"f" * 17 + b"\r\na\r\n0\r\n\r\n",
    "a chunk that is longer than its size": CHUNKED + b"1\r\nxyz\r\n",
    "a chunk that ends in a line feed": CHUNKED + b"1\r\nx\n0\r\n\r\n",
    "a chunk size that ends in a line feed": CHUNKED + b"1\nx\r\n0\r\n\r\n",
    "an extension with a line feed": CHUNKED + b"1;\nxx\r\na\r\n0\r\n\r\n",
    "trailers that end in a line feed": CHUNKED + b"0\r\n\n",
    "a trailer with a line feed": CHUNKED + b"0\r\nX: a\n\r\n",
    "a trailer with NUL": CHUNKED + b"0\r\nX: \0\r\n\r\n",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_request_is_400_in_json_and_nothing_after_it_is_served(
    server: GatewayServer, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    answer = send_raw(server, MALFORMED[kind] + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert status_of(answer) == 400
    assert body_of(answer)["error"]
    assert b"Connection: close" in answer
    assert caplog.text == ""


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_request_is_seen_byte_by_byte(server: GatewayServer, kind: str) -> None:
    from chalicelib.local.http_reader import Malformed, RequestReader

    reader = RequestReader("127.0.0.1")
    found = [each for byte in MALFORMED[kind] + SMUGGLED for each in reader.feed(bytes([byte]))]
    assert [type(each) for each in found] == [Malformed]


ZEROS = b"0" * 20
TOO_MUCH = {
    "a target": (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a target without an end": (b"GET /" + b"x" * 200_000, 414),
    "a header": (GET + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    "a header without an end": (GET + b"X: " + b"x" * 300_000, 431),
    "a name without an end": (GET + b"x" * 300_000, 431),
    "headers by number": (GET + b"X: y\r\n" * 200 + b"\r\n", 431),
    "headers by size": (GET + (b"X: " + b"y" * 1000 + b"\r\n") * 90 + b"\r\n", 431),
    "empty headers without an end": (GET + b"X:\r\n" * 20_000, 431),
    "trailers": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", 431),
    "a trailer without an end": (CHUNKED + b"0\r\nX: " + b"y" * 300_000, 431),
    "an extension of a chunk": (CHUNKED + b"1;" + b"x" * 1_000_000 + b"\r\na\r\n0\r\n\r\n", 431),
    "zeros of a chunk size": (CHUNKED + b"0" * 300_000, 431),
    "a version": (b"GET /api/echo/x HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "a length": (LENGTH + b"99999999999\r\n\r\nxx", 413),
    "a length behind zeros": (LENGTH + ZEROS + b"30000000\r\n\r\nxx", 413),
    "a larger length behind zeros": (LENGTH + ZEROS + b"99999999999\r\n\r\nxx", 413),
    "a length behind thousands of zeros": (LENGTH + b"0" * 6000 + b"30000000\r\n\r\nxx", 413),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_is_too_much_is_told_so(
    server: GatewayServer, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    request_bytes, status = TOO_MUCH[kind]
    with connected(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request_bytes)
        answer = received(connection)
    assert (answer.count(b"HTTP/1.1 "), status_of(answer)) == (1, status)
    assert body_of(answer)["error"]
    assert caplog.text == ""


def test_zeros_before_a_length_are_no_harm(server: GatewayServer) -> None:
    answer = send_raw(server, LENGTH + b"0" * 6000 + b"2\r\n\r\nhi" + SMUGGLED)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert b'"body":"hi"' in answer


def test_a_trailer_does_not_become_a_header_of_the_next_request(server: GatewayServer) -> None:
    chunks = CHUNKED + b"2\r\nhi\r\n0\r\nX-Probe: trailer\r\n\r\n"
    answer = send_raw(server, chunks + SMUGGLED)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert b"trailer" not in answer


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"", None),
        (b"Content-Length: 2\r\n", b"hi"),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 1000])
def test_an_offer_of_another_protocol_is_declined(
    server: GatewayServer, framing: bytes, body: bytes | None, pieces: int
) -> None:
    sent = POST + OFFER + framing + b"\r\n" + (body or b"") + SMUGGLED
    size = max(1, len(sent) // pieces)
    answer = send_raw(server, *(sent[start : start + size] for start in range(0, len(sent), size)))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert (b'"body":"hi"' in answer) == (body is not None)


def test_connect_makes_no_tunnel(server: GatewayServer) -> None:
    answer = send_raw(server, b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED)
    assert (answer.count(b"HTTP/1.1 "), status_of(answer)) == (1, 404)


def test_absolute_targets_are_understood(server: GatewayServer) -> None:
    target = b"http://localhost/api/echo/a%2Fb?q=1"
    answer = send_raw(server, SMUGGLED.replace(b"/api/echo/smuggled", target))
    assert (body_of(answer)["name"], body_of(answer)["query"]) == ("a%2Fb", {"q": ["1"]})


def test_a_body_that_ends_early_is_400(server: GatewayServer) -> None:
    for sent in (POST + b"Content-Length: 10\r\n\r\nabc", CHUNKED + b"5\r\nabc", GET[:-2]):
        with connected(server) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert status_of(received(connection)) == 400


def test_a_client_that_sends_no_more_gets_all_its_answers(server: GatewayServer) -> None:
    with connected(server) as connection:
        connection.sendall((GET + b"\r\n") * 3)
        connection.shutdown(socket.SHUT_WR)
        assert received(connection).count(b"HTTP/1.1 200") == 3


def test_a_slow_client_gets_its_answer(server: GatewayServer) -> None:
    tail = (b"HTTP/1.1\r\n" + HOST, b"Connection: close\r\n", b"Content-Length: 3\r\n\r\n", b"a", b"bc")
    answer = send_raw(server, b"POST /api/ech", b"o/x ", *tail, pause=0.02)
    assert body_of(answer)["body"] == "abc"


def test_a_client_that_hangs_up_leaves_no_trace(
    server: GatewayServer, caplog: pytest.LogCaptureFixture
) -> None:
    slow = b"GET /api/slow?id=1 HTTP/1.1\r\n" + HOST + b"\r\n"
    for part in (b"", GET, LENGTH + b"9\r\n\r\nabc", slow, slow * 3):
        connection = socket.create_connection(server.server_address)
        connection.sendall(part)
        connection.close()
        reset = socket.create_connection(server.server_address)
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.sendall(part)
        reset.close()
    assert status_of(send_raw(server, slow + SMUGGLED)) == 200
    assert caplog.text == ""


def drip(first: bytes, piece: bytes, every: float = 0.05) -> Callable[[GatewayServer], bytes]:
    """A client that sends a piece again and again until the server has enough; gives what that said."""

    def client(server: GatewayServer) -> bytes:
        with connected(server) as connection:
            connection.sendall(first)
            with contextlib.suppress(ConnectionError):
                while not select.select([connection], [], [], every)[0]:
                    connection.sendall(piece)
            return received(connection)

    return client


@pytest.mark.parametrize(
    "client",
    [
        drip(b"G", b"G"),
        drip(b"GET /", b"x"),
        drip(GET, b"X: y\r\n", every=0.1),
        drip(POST + b"Content-Length: 100000\r\n\r\n", b"x"),
        drip(CHUNKED, b"1\r\nx\r\n"),
        drip(CHUNKED + b"0\r\n", b"X: y\r\n", every=0.1),
        drip(GET + b"X: ", b""),
        drip(POST + b"Content-Length: 5\r\n\r\nx", b""),
        drip(CHUNKED + b"ffffffff\r\nx", b""),
        drip(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b""),
    ],
)
def test_a_client_that_drips_is_cut(client: Callable[[GatewayServer], bytes]) -> None:
    with serving(StageGateway(app), QUICK) as server:
        answer = client(server).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert status_of(answer) in (400, 408)
    assert b"Connection: close" in answer


@pytest.mark.parametrize("piece", [b"", b"\r\n"])
def test_a_connection_without_a_request_is_closed_without_a_word(piece: bytes) -> None:
    with serving(StageGateway(app), QUICK) as server:
        assert drip(piece, piece)(server) == b""


def test_a_client_that_does_not_take_its_answer_is_cut() -> None:
    gateway = Held(b"x" * 30_000_000)
    gateway.let_go.set()
    with serving(gateway, QUICK) as server, connected(server) as connection:
        connection.sendall(GET + b"\r\n" + GET + b"\r\n")
        assert gateway.asked.acquire(timeout=5)
        gone = select.poll()
        gone.register(connection, select.POLLHUP)
        assert gone.poll(10_000)
        assert not gateway.asked.acquire(timeout=0)


def test_a_client_that_is_alone_and_one_that_joins_it_get_their_own_answers(server: GatewayServer) -> None:
    def ask(name: str) -> set[bool]:
        connection = http.client.HTTPConnection(*server.server_address, timeout=30)
        with contextlib.closing(connection):
            right = set()
            for number in range(200):
                connection.request("POST", f"/api/echo/{name}{number}", body=name * number)
                answer = json.loads(connection.getresponse().read())
                right.add((answer["name"], answer["body"] or "") == (f"{name}{number}", name * number))
            return right

    assert ask("a") == {True}
    with ThreadPoolExecutor(3) as clients:
        assert list(clients.map(ask, "bcd")) == [{True}] * 3


def test_a_client_that_is_alone_may_end_in_any_way(
    server: GatewayServer, caplog: pytest.LogCaptureFixture
) -> None:
    endings = {
        b"": b"",
        b"GET /api": b"HTTP/1.1 400",
        b"nonsense\r\n\r\n": b"HTTP/1.1 400",
        POST + b"Content-Length: 2\r\n\r\nh": b"HTTP/1.1 400",
        POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n": b"HTTP/1.1 100",
        SMUGGLED: b"HTTP/1.1 200",
    }
    for last, answer in endings.items():
        with connected(server) as connection:
            connection.sendall(GET + b"\r\n")
            assert b"HTTP/1.1 200" in connection.recv(65536)
            connection.sendall(last)
            connection.shutdown(socket.SHUT_WR)
            assert received(connection).startswith(answer)
    assert caplog.text == ""


def test_an_answer_of_any_size_arrives_whole() -> None:
    gateway = Held(b"x" * 30_000_000)
    gateway.let_go.set()
    with serving(gateway) as server:
        answer = send_raw(server, GET + b"\r\n" + SMUGGLED)
    assert answer.count(b"x" * 30_000_000) == 2


def test_a_gateway_that_breaks_its_word_costs_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if "break" in request.target:
                raise RuntimeError("secret detail")
            return HttpAnswer(status=200, headers=(("X", "\ud800" if "head" in request.target else "y"),))

    with serving(Broken(), WireLimits(threads=1)) as server:
        for path in (b"break", b"head"):
            answer = send_raw(server, GET.replace(b"echo/x", path) + b"\r\n" + SMUGGLED)
            assert (answer.count(b"HTTP/1.1 "), status_of(answer)) == (1, 500)
            assert b"secret" not in answer
            assert status_of(send_raw(server, SMUGGLED)) == 200
    assert "secret detail" in caplog.text


def test_requests_that_hang_hold_up_only_as_many_as_there_are_threads() -> None:
    gateway = Held()
    with serving(gateway, WireLimits(threads=3)) as server, ThreadPoolExecutor(8) as clients:
        answers = [clients.submit(send_raw, server, SMUGGLED) for _ in range(8)]
        for _ in range(3):
            assert gateway.asked.acquire(timeout=5)
        assert not gateway.asked.acquire(timeout=0.2)
        gateway.let_go.set()
        assert [status_of(each.result()) for each in answers] == [200] * 8


def test_300_clients_at_once_are_served(server: GatewayServer) -> None:
    def ask(number: int) -> int:
        connection = http.client.HTTPConnection(*server.server_address, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/slow?id={number}")
            return connection.getresponse().status

    with ThreadPoolExecutor(300) as clients:
        assert list(clients.map(ask, range(300))) == [200] * 300


@pytest.mark.parametrize("dripping", [0, 10, 50])
def test_idle_connections_make_room_for_new_ones(caplog: pytest.LogCaptureFixture, dripping: int) -> None:
    with serving(StageGateway(app), WireLimits(connections=20)) as server, contextlib.ExitStack() as opened:
        idle = [opened.enter_context(connected(server)) for _ in range(50)]
        for connection in idle[50 - dripping :]:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET /")
        for _ in range(3):
            assert status_of(send_raw(server, SMUGGLED)) == 200
    assert caplog.text == ""


def test_with_all_connections_at_work_a_further_one_is_told_to_come_again() -> None:
    gateway = Held()
    limits = WireLimits(connections=4, threads=4)
    with serving(gateway, limits) as server, ThreadPoolExecutor(4) as clients:
        answers = [clients.submit(send_raw, server, SMUGGLED) for _ in range(4)]
        for _ in range(4):
            assert gateway.asked.acquire(timeout=5)
        assert status_of(send_raw(server, SMUGGLED)) == 503
        gateway.let_go.set()
        assert [status_of(each.result()) for each in answers] == [200] * 4


def test_half_of_the_descriptors_stay_the_servers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _limit: (16, 16))
    with serving(StageGateway(app)) as server, contextlib.ExitStack() as opened:
        idle = [opened.enter_context(connected(server)) for _ in range(9)]
        assert status_of(send_raw(server, SMUGGLED)) == 200
        assert idle[0].recv(1) == b""


def test_before_there_is_a_gateway_clients_are_told_to_come_again() -> None:
    server = GatewayServer(("127.0.0.1", 0))
    answer = send_raw(server, SMUGGLED)
    server.start(StageGateway(app))
    assert (status_of(answer), body_of(answer)) == (503, {"error": "Updraft is starting; try again"})
    assert status_of(send_raw(server, SMUGGLED)) == 200
    server.stop(grace=1)


def test_a_port_that_is_taken_is_an_error(server: GatewayServer) -> None:
    with pytest.raises(OSError, match="in use"):
        GatewayServer(server.server_address)


def test_a_stop_lets_requests_finish_and_no_new_one_begin() -> None:
    gateway = Held()
    with serving(gateway) as server, connected(server) as idle, ThreadPoolExecutor(2) as threads:
        answer = threads.submit(send_raw, server, GET + b"\r\n" + SMUGGLED)
        assert gateway.asked.acquire(timeout=5)
        stopped = threads.submit(server.stop, grace=5)
        assert idle.recv(1) == b""
        gateway.let_go.set()
        assert answer.result().count(b"HTTP/1.1 200") == 1
        stopped.result()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.server_address)


def test_a_stop_does_not_wait_for_a_request_that_hangs() -> None:
    gateway = Held()
    with serving(gateway) as server, connected(server) as connection:
        connection.sendall(SMUGGLED)
        assert gateway.asked.acquire(timeout=5)
        server.stop(grace=0.1)
        assert connection.recv(1) == b""
        gateway.let_go.set()
