"""API Gateway on one machine: an HTTP request in, a Lambda proxy event to the app, its answer out.

The gateway without a wire: routes, authorizer, refusals, events, as the deployed stage ``api`` has them.
``http_server`` is the wire.
"""

import base64
import json
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.deploy.description.functions import API_HANDLER, FUNCTIONS
from chalicelib.local.function_host import FunctionContext

STAGE = "api"
LARGEST_BODY_BYTES = 6_000_000
"""Lambda takes events of 6 MB (AWS, Lambda quotas: synchronous invocations); a body is a text in their JSON.

What is between that and the 10 MB of API Gateway gets 413 all the same. Lambda means 6 * 1024 * 1024 bytes;
the difference is for what API Gateway adds to an event or writes in a longer way: what fits here fits there.
"""

_INTEGRATION_TIMEOUT_SECONDS = 29
_METHOD_ARN = "arn:aws:execute-api:us-east-1:000000000000:local/{stage}/{method}{path}"
_ACCOUNT = "000000000000"
TOO_LARGE = "Request Too Long"
_LONGEST_ESCAPE = 6
"""``\\u0001``: what a byte of a body takes at most in JSON."""
_ROOM_FOR_THE_REST = 1024 * 1024
"""More than all of an event but its body can take: headers, which are there twice, target and context."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """A request as it came."""

    method: str
    target: str
    """Path and query, still percent-encoded."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"

    def values(self, name: str) -> tuple[str, ...]:
        """The values of all headers of that name (in small letters)."""
        return tuple(value for found, value in self.headers if found.lower() == name)


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
        target = _origin_form(request.target)
        if target is None:
            return json_error(400, "The target of the request is no URL")
        path, _, query = target.partition("?")
        try:
            return self._answer(request, path, query)
        except _Refused as refused:
            return _refusal_answer(self._refusals[refused.kind])
        except Exception:
            logger.exception("%s %s failed", request.method, path)
            return json_error(500, "Internal server error")

    def _answer(self, request: HttpRequest, path: str, query: str) -> HttpAnswer:
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
        if _is_too_large(event, request.body):
            return json_error(413, TOO_LARGE)
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


def _origin_form(target: str) -> str | None:
    """``/path?query``; a proxy's absolute form is shortened, and what is none is None."""
    if target.startswith("/"):
        return target
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_too_large(event: Mapping[str, Any], body: bytes) -> bool:
    """Whether Lambda would not take the event; it is written as JSON only where that can be."""
    if len(body) * _LONGEST_ESCAPE + _ROOM_FOR_THE_REST < LARGEST_BODY_BYTES:
        return False
    return len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()) >= LARGEST_BODY_BYTES


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
            "function_name": API_HANDLER,
            "memory": FUNCTIONS[API_HANDLER].memory_mb,
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
