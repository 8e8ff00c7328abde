"""From API Gateway to a view and back: the one place that knows how Chalice calls.

Every path declares every method: those it does not serve, and OPTIONS, on views without an authorizer,
for API Gateway answers a method it does not know as if the path did not exist.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from chalice.app import Blueprint, ChaliceAuthorizer, Response
from chalice.app import Request as ChaliceRequest

from chalicelib import bootstrap
from chalicelib.api.http import audit
from chalicelib.api.http.authorizer_context import AuthorizerContext
from chalicelib.api.http.errors import reply_to
from chalicelib.api.http.request_and_reply import (
    NO_HEADERS,
    Reply,
    Request,
    encoded_size,
    error_reply,
)
from chalicelib.auth.backends import Decision, confirm, throttled
from chalicelib.domain.errors import InvalidRequest, StoreUnavailable
from chalicelib.telemetry.bound import bound, request_id

View = Callable[[Request], Reply]
Paths = Mapping[str, Mapping[str, View]]
"""Views by path and method; a view of GET answers HEAD too."""

_ALL_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_COMMON_HEADERS = {
    "Deprecation": "true",
    "Link": "<https://airflow.apache.org/docs/apache-airflow/2.10.5/howto/upgrading-from-1-10/index.html"
    '#migration-guide-from-experimental-api-to-stable-api-v1>; rel="deprecation"; type="text/html"',
}
"""On every answer, as Airflow 2 has it."""

_LARGEST_ANSWER = 5_900_000
"""Bytes of an encoded body; a Lambda may return 6 MB, headers included."""

_LARGEST_EXPANSION = 12
"""Bytes that one character takes at most: two escapes for what is above U+FFFF."""

_IDS = ("dag_id", "execution_date", "task_id")
"""The parameters of a path by which its log lines are found."""

_MAY_END_IN_A_SLASH = ("/lineage/{dag_id}/{execution_date}",)
"""Paths that Airflow's reference documents with a slash at their end, and its server has without."""

_Endpoint = Callable[..., Response]


def blueprint(name: str, paths: Paths, authorizer: ChaliceAuthorizer | None) -> Blueprint:
    """A resource's views as a Chalice blueprint; ``authorizer`` None leaves them open."""
    made = Blueprint(name)
    for path, views in paths.items():
        served = {**views, "HEAD": views["GET"]} if "GET" in views else dict(views)
        for method, view in served.items():
            _route(made, path, [method], _guarded(made, view), authorizer)
        allow = {"Allow": ", ".join(sorted({*served, "OPTIONS"}))}
        not_served = sorted(_ALL_METHODS - {*served, "OPTIONS"})
        _route(made, path, ["OPTIONS"], _unguarded(made, _options(allow)), None)
        _route(made, path, not_served, _unguarded(made, _method_not_allowed(allow)), None)
    return made


def _route(
    made: Blueprint, path: str, methods: list[str], endpoint: _Endpoint, authorizer: ChaliceAuthorizer | None
) -> None:
    # Chalice keeps views and event handlers under their names in one table.
    name = f"{'/'.join(methods)} {path}"
    made.route(path, methods=methods, name=name, authorizer=authorizer, content_types=["*/*"])(endpoint)


def _guarded(made: Blueprint, view: View) -> _Endpoint:
    """The view, behind the check that the authorizer has been passed."""

    def endpoint(**path: str) -> Response:
        return _exchange(made, path, lambda request: _admitted(view, request, path))

    endpoint.__doc__ = view.__doc__
    return endpoint


def _unguarded(made: Blueprint, reply: Reply) -> _Endpoint:
    """The same answer to everyone."""

    def endpoint(**path: str) -> Response:
        return _exchange(made, path, lambda _request: reply)

    return endpoint


def _options(allow: Mapping[str, str]) -> Reply:
    return Reply(text="", content_type="text/html; charset=utf-8", headers=allow)


def _method_not_allowed(allow: Mapping[str, str]) -> Reply:
    return error_reply(405, "The method is not allowed for the requested URL", headers=allow)


def _exchange(
    made: Blueprint, path: Mapping[str, str], answer: Callable[[ChaliceRequest], Reply]
) -> Response:
    request = made.current_request
    with bound(**_names(request, path), request_id=request_id(made.lambda_context)):
        reply = answer(request) if _is_served(request) else error_reply(404, "Not found")
    return Response(
        body="" if request.method == "HEAD" else reply.text,
        status_code=reply.status,
        headers={"Content-Type": reply.content_type, **_COMMON_HEADERS, **_next(reply), **reply.headers},
    )


def _names(request: ChaliceRequest, path: Mapping[str, str]) -> dict[str, str | None]:
    """What the log lines of a request carry; ``api_request_id`` is what the client gets in a header."""
    names = {
        "route": f"{request.method} {request.context.get('resourcePath')}",
        "api_request_id": request.context.get("requestId"),
    }
    return names | {name: unquote(path[name]) for name in _IDS if name in path}


def _next(reply: Reply) -> Mapping[str, str]:
    """The ``Link`` of a page that is not the last (RFC 8288): behind the one that every answer has."""
    if reply.next_page is None:
        return NO_HEADERS
    return {"Link": f'{_COMMON_HEADERS["Link"]}, <{reply.next_page}>; rel="next"'}


def _is_served(request: ChaliceRequest) -> bool:
    """Whether Airflow would know the path: API Gateway overlooks a slash at its end, Airflow does not."""
    if not bootstrap.settings().enable_experimental_api:
        return False
    may_end_in_a_slash = request.context.get("resourcePath", "").endswith(_MAY_END_IN_A_SLASH)
    return may_end_in_a_slash or not request.context.get("path", "").endswith("/")


def _admitted(view: View, request: ChaliceRequest, path: Mapping[str, str]) -> Reply:
    context = AuthorizerContext.of(request.context.get("authorizer"))
    try:
        decision = _decision(request, context)
    except StoreUnavailable as error:
        return reply_to(error, f"{request.method} {request.path}")
    if not decision.allowed:
        return _refusal(decision)
    reply = _answer(view, request, path, decision.principal)
    if reply.change:
        audit.changed(request, decision.principal, reply.change)
    return _proving_the_server(reply, context.reply)


def _decision(request: ChaliceRequest, context: AuthorizerContext) -> Decision:
    """Whether a request may enter its view; raises ``StoreUnavailable``."""
    backend = bootstrap.settings().auth_backend
    if context.wait:
        return Decision(allowed=False, status=429, wait=context.wait)
    decision = confirm(backend, context.principal)
    if not decision.allowed or decision.principal is None or context.origin is None:
        return decision
    verdict = bootstrap.check_origin(decision.principal, context.origin, audit.source(request) or "")
    if verdict is None:
        return decision
    decision = throttled(verdict)
    if decision.reason:
        audit.refused(decision, audit.route(request), audit.source(request))
    return decision


def _refusal(decision: Decision) -> Reply:
    if decision.wait:
        text = f"Too many passwords were tried for this user name; try again in {decision.wait} s"
        return error_reply(429, text, headers={"Retry-After": str(decision.wait)})
    error = "Unauthorized" if decision.status == 401 else "Forbidden"
    challenge = {"WWW-Authenticate": decision.challenge} if decision.challenge else NO_HEADERS
    return error_reply(decision.status, error, headers=challenge)


def _proving_the_server(reply: Reply, token: str | None) -> Reply:
    """The reply with the server's own token, as Airflow sends it (API Gateway renames the header)."""
    if token is None:
        return reply
    return replace(reply, headers={**reply.headers, "WWW-Authenticate": f"negotiate {token}"})


def _answer(view: View, request: ChaliceRequest, path: Mapping[str, str], principal: str | None) -> Reply:
    try:
        reply = view(_request(request, path, principal))
    except Exception as error:
        return reply_to(error, f"{request.method} {request.path}")
    if _is_too_large(reply.text):
        return error_reply(400, "The answer is larger than AWS Lambda can return; ask for less")
    return reply


def _is_too_large(text: str) -> bool:
    # Most texts are so short that they need not be encoded to know.
    return len(text) * _LARGEST_EXPANSION > _LARGEST_ANSWER and encoded_size(text) > _LARGEST_ANSWER


def _request(request: ChaliceRequest, path: Mapping[str, str], principal: str | None) -> Request:
    query = request.query_params
    return Request(
        path={name: unquote(value) for name, value in path.items()},
        query={name: query.getlist(name)[0] for name in query} if query else {},
        headers=dict(request.headers),
        body=_body(request),
        principal=principal,
    )


def _body(request: ChaliceRequest) -> bytes:
    try:
        raw = request.raw_body
        return raw.encode() if isinstance(raw, str) else raw
    except ValueError as error:
        raise InvalidRequest("The body cannot be read as UTF-8") from error
