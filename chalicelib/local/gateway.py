"""API Gateway on one machine: an HTTP request in, a Lambda proxy event to the app, its answer out.

``StageGateway`` is the gateway without a wire: routes, authorizer, refusals, events, as the deployed
stage ``api`` has them. ``GatewayServer`` is the wire: HTTP/1.1 by the letter, whatever a client sends,
and an answer in JSON for everything that never reaches the app.
"""

import base64
import json
import logging
import re
import socket
import socketserver
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from chalicelib.local.function_host import FunctionContext

STAGE = "api"
LARGEST_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's limit on a request's payload (AWS, REST API quotas)."""

_INTEGRATION_TIMEOUT_SECONDS = 29
_IDLE_SECONDS = 75
_LONGEST_LINE = 65536
_DRAIN_SECONDS = 5.0
_HEAD_DEFECTS = (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
"""What can be wrong with a head; the parser also misses the parts of a multipart body it is not shown."""
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_METHOD_ARN = "arn:aws:execute-api:us-east-1:000000000000:local/{stage}/{method}{path}"
_ACCOUNT = "000000000000"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """A request as it came: ``target`` is path and query, still percent-encoded."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpAnswer:
    """An answer to send; Content-Length, Date and Connection are the wire's."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A gateway response: what API Gateway answers by itself."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


def json_error(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    """``{"error": message}`` with a status."""
    return HttpAnswer(
        status=status,
        headers=(("Content-Type", "application/json"), *headers),
        body=json.dumps({"error": message}).encode(),
    )


DEFAULT_REFUSALS: Mapping[str, Refusal] = {
    "UNAUTHORIZED": Refusal(status=401, body='{"error": "Unauthorized"}'),
    "ACCESS_DENIED": Refusal(status=403, body='{"error": "Forbidden"}'),
    "MISSING_AUTHENTICATION_TOKEN": Refusal(status=404, body='{"error": "Not found"}'),
}
"""API Gateway's response types that depend on the stage's auth backend, with that of an ordinary one."""


class _Refused(Exception):
    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, kw_only=True, slots=True)
class _Route:
    resource: str
    parameters: dict[str, str] = field(default_factory=dict)


class StageGateway:
    """Answers requests with a Chalice app mounted at ``/api``; safe to use from many threads.

    ``refusals`` says what API Gateway's response types look like on this stage.
    """

    def __init__(self, app: Any, refusals: Mapping[str, Refusal] = DEFAULT_REFUSALS) -> None:
        self._app = _with_request_per_thread(app)
        self._refusals = {**DEFAULT_REFUSALS, **refusals}
        self._resources = _by_length(list(app.routes))

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer to a request; never raises."""
        try:
            return self._answer(request)
        except _Refused as refused:
            return _refusal_answer(self._refusals[refused.kind])
        except Exception:
            logger.exception("%s %s failed", request.method, urlsplit(request.target).path)
            return json_error(500, "Internal server error")

    def _answer(self, request: HttpRequest) -> HttpAnswer:
        path, _, query = _origin_form(request.target).partition("?")
        route = self._route(path)
        if route is None:
            raise _Refused("MISSING_AUTHENTICATION_TOKEN")  # so API Gateway calls a path it does not know
        views = self._app.routes[route.resource]
        if request.method not in views:
            return json_error(405, "Method not allowed", (("Allow", ", ".join(sorted(views))),))
        event = self._event(request, path, query, route)
        context = _context()
        authorizer = views[request.method].authorizer
        if authorizer is not None:
            event["requestContext"]["authorizer"] = _authorize(authorizer, event, path, context)
        return _http_answer(self._app(event, context))

    def _route(self, path: str) -> _Route | None:
        if path != f"/{STAGE}" and not path.startswith(f"/{STAGE}/"):
            return None
        segments = (path[len(STAGE) + 1 :].removesuffix("/") or "/").split("/")
        for resource, pattern in self._resources.get(len(segments), ()):
            parameters = _match(pattern, segments)
            if parameters is not None:
                return _Route(resource=resource, parameters=parameters)
        return None

    def _event(self, request: HttpRequest, path: str, query: str, route: _Route) -> dict[str, Any]:
        """The event of API Gateway's Lambda proxy integration (payload version 1.0)."""
        many_headers: dict[str, list[str]] = {}
        for name, value in request.headers:
            many_headers.setdefault(name, []).append(value)
        parameters = parse_qs(query, keep_blank_values=True) or None
        body, is_base64 = self._body(request)
        return {
            "resource": route.resource,
            "path": path[len(STAGE) + 1 :] or "/",
            "httpMethod": request.method,
            "headers": {name: values[-1] for name, values in many_headers.items()},
            "multiValueHeaders": many_headers,
            "queryStringParameters": parameters and {name: values[-1] for name, values in parameters.items()},
            "multiValueQueryStringParameters": parameters,
            "pathParameters": route.parameters or None,
            "stageVariables": None,
            "requestContext": {
                "accountId": _ACCOUNT,
                "apiId": "local",
                "httpMethod": request.method,
                "identity": {"sourceIp": request.source_ip},
                "path": path,
                "protocol": "HTTP/1.1",
                "requestId": str(uuid.uuid4()),
                "requestTimeEpoch": int(time.time() * 1000),
                "resourcePath": route.resource,
                "stage": STAGE,
            },
            "body": body,
            "isBase64Encoded": is_base64,
        }

    def _body(self, request: HttpRequest) -> tuple[str | None, bool]:
        """Text, except for the media types that the app declares binary."""
        if not request.body:
            return None, False
        media_type = _header(request.headers, "content-type").partition(";")[0].strip().lower()
        if media_type in self._app.api.binary_types:
            return base64.b64encode(request.body).decode(), True
        return request.body.decode("utf-8", errors="replace"), False


def _with_request_per_thread(app: Any) -> Any:
    """Chalice keeps the current request on the app, which on Lambda serves one at a time; here many."""
    from chalice.local import LocalChalice

    if not isinstance(app, LocalChalice):
        app.__class__ = type("ThreadedChalice", (LocalChalice, type(app)), {})
    return app


def _by_length(resources: Sequence[str]) -> dict[int, list[tuple[str, list[str]]]]:
    """The resources by their number of segments, literal ones before those with parameters."""
    index: dict[int, list[tuple[str, list[str]]]] = {}
    for resource in sorted(resources, key=lambda path: [part.startswith("{") for part in path.split("/")]):
        pattern = resource.split("/")
        index.setdefault(len(pattern), []).append((resource, pattern))
    return index


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    """The path parameters, percent-encoded as they came; None when the path is another one."""
    parameters = {}
    for expected, found in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not found:
                return None
            parameters[expected[1:-1]] = found
        elif unquote(found) != expected:
            return None
    return parameters


def _origin_form(target: str) -> str:
    """``/path?query``, with raw bytes percent-encoded; a proxy's absolute form is shortened."""
    if not target.startswith("/"):
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if target.isascii():
        return target
    return quote(target.encode("latin-1"), safe="/?&=%;:@!$'()*+,~-._[]")


def _authorize(authorizer: Any, event: dict[str, Any], path: str, context: FunctionContext) -> dict[str, Any]:
    """Ask a TOKEN authorizer as API Gateway does; gives ``requestContext.authorizer``, or raises _Refused."""
    token = _header(tuple(event["headers"].items()), "authorization")
    if not token:
        raise _Refused("UNAUTHORIZED")  # the authorizer is not even asked
    arn = _METHOD_ARN.format(stage=STAGE, method=event["httpMethod"], path=path[len(STAGE) + 1 :] or "/")
    try:
        decision = authorizer({"type": "TOKEN", "authorizationToken": token, "methodArn": arn}, context)
    except Exception as error:
        if str(error) == "Unauthorized":  # the one way for an authorizer to ask for a 401 (AWS)
            raise _Refused("UNAUTHORIZED") from error
        raise
    if not _allows(decision, arn):
        raise _Refused("ACCESS_DENIED")
    given = {name: str(value) for name, value in (decision.get("context") or {}).items()}
    return {**given, "principalId": decision["principalId"]}


def _allows(decision: Mapping[str, Any], arn: str) -> bool:
    """Whether the policy that an authorizer gave lets this method be invoked: a Deny beats every Allow."""
    from chalice.local import ARNMatcher

    effects = {
        statement["Effect"]
        for statement in decision.get("policyDocument", {}).get("Statement", ())
        if ARNMatcher(arn).does_any_resource_match(_as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _header(headers: tuple[tuple[str, str], ...], wanted: str) -> str:
    return next((value for name, value in reversed(headers) if name.lower() == wanted), "")


def _context() -> FunctionContext:
    return FunctionContext(
        {
            "request_id": str(uuid.uuid4()),
            "function_name": "api_handler",
            "memory": 512,
            "timeout": _INTEGRATION_TIMEOUT_SECONDS,
        }
    )


def _refusal_answer(refusal: Refusal) -> HttpAnswer:
    return HttpAnswer(
        status=refusal.status,
        headers=(("Content-Type", "application/json"), *refusal.headers),
        body=refusal.body.encode(),
    )


def _http_answer(response: Mapping[str, Any]) -> HttpAnswer:
    """A Lambda proxy response as an HTTP answer."""
    headers = [(name, str(value)) for name, value in response["headers"].items()]
    for name, values in response["multiValueHeaders"].items():
        headers += [(name, str(value)) for value in values]
    body = response["body"]
    if response.get("isBase64Encoded"):
        content = base64.b64decode(body)
    else:
        content = body if isinstance(body, bytes) else (body or "").encode()
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return HttpAnswer(status=response["statusCode"], headers=tuple(headers), body=content)


class _BadRequest(Exception):
    """The request cannot be read on; the connection is closed after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Connection(BaseHTTPRequestHandler):
    """One client's connection: reads requests, sends answers, keeps it open in between."""

    server: "GatewayServer"
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = -1  # an answer leaves in one piece, or Nagle and delayed ACK cost 40 ms each
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Read one request and answer it; any method goes to the gateway."""
        try:
            self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
        except TimeoutError:
            self.close_connection = True
            return
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.raw_requestline.strip():
            self.close_connection = False  # an empty line before a request is to be ignored (RFC 9112)
            return
        self.requestline, self.request_version, self.command = "", "", ""
        with self.server.busy():
            self._serve()

    def _serve(self) -> None:
        try:
            self._read_head()
            body = self._read_body()
        except _BadRequest as bad:
            self._give_up(json_error(bad.status, str(bad)))
            return
        except TimeoutError:
            self._give_up(json_error(HTTPStatus.REQUEST_TIMEOUT, "Request timeout"))
            return
        if self.command:
            request = HttpRequest(
                method=self.command,
                target=self.path,
                headers=tuple(self.headers.items()),
                body=body,
                source_ip=self.client_address[0],
            )
            self._send(self.server.gateway.answer(request))

    def _read_head(self) -> None:
        if len(self.raw_requestline) > _LONGEST_LINE:
            raise _BadRequest(HTTPStatus.REQUEST_URI_TOO_LONG, "URI too long")
        self.parse_request()  # what it refuses arrives in send_error
        is_broken = any(isinstance(defect, _HEAD_DEFECTS) for defect in self.headers.defects)
        if self.request_version == "HTTP/0.9" or is_broken:
            raise _BadRequest(HTTPStatus.BAD_REQUEST, "Bad request")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Where the base class reports a request that it cannot parse."""
        status = HTTPStatus(code)
        raise _BadRequest(status, explain or message or status.phrase)

    def handle_expect_100(self) -> bool:
        """Nothing yet: the client is told to go on when its body is wanted."""
        return True

    def _read_body(self) -> bytes:
        lengths = set(self.headers.get_all("Content-Length", ()))
        encodings = self.headers.get_all("Transfer-Encoding", ())
        if encodings:
            if lengths or [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
                raise _BadRequest(HTTPStatus.BAD_REQUEST, "Bad Transfer-Encoding")
            self._ask_for_body()
            return self._read_chunks()
        if not lengths:
            return b""
        length = lengths.pop().strip()
        if lengths or not (length.isascii() and length.isdigit()):
            raise _BadRequest(HTTPStatus.BAD_REQUEST, "Bad Content-Length")
        _check_size(int(length[:20]))
        self._ask_for_body()
        return self._read_exactly(int(length))

    def _ask_for_body(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue" and self.request_version == "HTTP/1.1":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := self._read_chunk_size():
            _check_size(len(body) + size)
            body += self._read_exactly(size)
            if self._read_exactly(2) != b"\r\n":
                raise _BadRequest(HTTPStatus.BAD_REQUEST, "Bad chunk")
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass  # trailers
        return bytes(body)

    def _read_chunk_size(self) -> int:
        size = self.rfile.readline(_LONGEST_LINE).partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            raise _BadRequest(HTTPStatus.BAD_REQUEST, "Bad chunk size")
        return int(size, 16)

    def _read_exactly(self, size: int) -> bytes:
        content = self.rfile.read(size)
        if len(content) < size:
            raise _BadRequest(HTTPStatus.BAD_REQUEST, "The body is shorter than announced")
        return content

    def _send(self, answer: HttpAnswer) -> None:
        if self.server.is_stopping:
            self.close_connection = True
        self.wfile.write(self._head(answer))
        if self.command != "HEAD" and _has_body(answer.status):
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _head(self, answer: HttpAnswer) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() != "content-length"]
        # An app answers HEAD without a body; what its length would be for GET is not known.
        is_known = answer.body or self.command != "HEAD"
        if is_known and _has_body(answer.status):
            lines.append(f"Content-Length: {len(answer.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        elif self.request_version == "HTTP/1.0":
            lines.append("Connection: keep-alive")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _give_up(self, answer: HttpAnswer) -> None:
        """Answer and close, in such a way that a client which is still sending gets to read the answer."""
        self.close_connection = True
        self._send(answer)
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            while time.monotonic() < deadline and self.connection.recv(_LONGEST_LINE):
                pass
        except OSError:
            return


class GatewayServer(ThreadingHTTPServer):
    """Serves a gateway at an address, a thread per connection; raises OSError when the port is taken.

    From its making on clients can connect; they are answered from ``start`` on.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        self.gateway: StageGateway
        self.is_stopping = False
        self._serving: threading.Thread | None = None
        self._busy = 0
        self._idle = threading.Condition()
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        """Bind without looking up the machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def start(self, gateway: StageGateway) -> None:
        """Serve in a thread."""
        self.gateway = gateway
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="gateway", daemon=True)
        self._serving.start()

    def stop(self, grace: float) -> None:
        """Accept nothing more; requests that are being answered get ``grace`` seconds."""
        self.is_stopping = True
        if self._serving is not None:
            self.shutdown()
        self.server_close()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, timeout=grace)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The time during which a request is being answered."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._idle:
            self._busy += change
            self._idle.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's signature
        """Log what a connection's thread died of; a client that hangs up is none of our trouble."""
        if not isinstance(sys.exception(), OSError):
            logger.exception("a connection failed")


def _check_size(size: int) -> None:
    if size > LARGEST_BODY_BYTES:
        raise _BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Too Long")


def _has_body(status: int) -> bool:
    return status >= HTTPStatus.OK and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
