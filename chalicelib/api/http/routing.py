"""The routes of a surface as a Chalice blueprint: the one place that knows how Chalice calls a view.

Every path declares every method: those that it does not serve, and OPTIONS, without an authorizer, for
API Gateway answers a method that it does not know as if the path did not exist.
"""

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from chalice.app import Blueprint, ChaliceAuthorizer, Response
from chalice.app import Request as ChaliceRequest

from chalicelib import bootstrap
from chalicelib.api.http import admission, audit
from chalicelib.api.http.authorizer_context import AuthorizerContext
from chalicelib.api.http.errors import reply_to
from chalicelib.api.http.request_and_reply import NO_HEADERS, Reply, Request, encoded_size
from chalicelib.api.http.surface import Surface
from chalicelib.domain.errors import InvalidRequest, StoreUnavailable
from chalicelib.telemetry.bound import bound, request_id

_ALL_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_LARGEST_ANSWER = 5_900_000
"""Bytes of an encoded body; a Lambda may return 6 MB, headers included."""

_LARGEST_EXPANSION = 12
"""Bytes that one character takes at most: two escapes for what is above U+FFFF."""

_Endpoint = Callable[..., Response]
"""A function that Chalice calls, with the parameters of the path by name."""

_Answer = Callable[[ChaliceRequest, Mapping[str, str]], Reply]
"""A reply to a request, given the parameters of its path as they were sent."""


def blueprint(surface: Surface, authorizer: ChaliceAuthorizer | None) -> Blueprint:
    """The routes of a surface, with paths behind its prefix; ``authorizer`` None leaves its views open.

    No view is imported.
    """
    made = Blueprint(surface.package)
    for path, views in surface.routes.items():
        _declare(made, surface, path, views, authorizer)
    return made


def _declare(
    made: Blueprint,
    surface: Surface,
    path: str,
    views: Mapping[str, str],
    authorizer: ChaliceAuthorizer | None,
) -> None:
    served = {**views, "HEAD": views["GET"]} if "GET" in views else dict(views)
    allow = {"Allow": ", ".join(sorted({*served, "OPTIONS"}))}

    def route(methods: list[str], answer: _Answer, asked: ChaliceAuthorizer | None) -> None:
        # Chalice keeps views and event handlers by name in one table, which its test client alone reads: a
        # view's name may be that of another surface's view, and must not be that of a handler.
        name = f"{'/'.join(methods)} {path}"
        declare = made.route(path, methods=methods, name=name, authorizer=asked, content_types=["*/*"])
        declare(_endpoint(made, surface, path, answer))

    for method, view in served.items():
        route([method], _guarded(surface, view), authorizer)
    route(["OPTIONS"], lambda _request, _parameters: _options(allow), None)
    route(
        sorted(_ALL_METHODS - {*served, "OPTIONS"}),
        lambda _request, _parameters: surface.error_reply(405, surface.method_not_allowed, headers=allow),
        None,
    )


def _options(allow: Mapping[str, str]) -> Reply:
    return Reply(text="", content_type="text/html; charset=utf-8", headers=allow)


def _endpoint(made: Blueprint, surface: Surface, path: str, answer: _Answer) -> _Endpoint:
    def endpoint(**parameters: str) -> Response:
        request = made.current_request
        names = _names(surface, request, parameters)
        with bound(**names, request_id=request_id(made.lambda_context)):
            if _exists(surface, path, request):
                reply = answer(request, parameters)
            else:
                reply = surface.error_reply(404, surface.not_found)
        return _response(surface, request, reply)

    return endpoint


def _response(surface: Surface, request: ChaliceRequest, reply: Reply) -> Response:
    next_page = _next_page(surface, reply)
    return Response(
        body="" if request.method == "HEAD" else reply.text,
        status_code=reply.status,
        headers={"Content-Type": reply.content_type, **surface.headers, **next_page, **reply.headers},
    )


def _next_page(surface: Surface, reply: Reply) -> Mapping[str, str]:
    """The ``Link`` of a page that is not the last (RFC 8288), behind the one of all answers."""
    if reply.next_page is None:
        return NO_HEADERS
    links = (surface.headers.get("Link"), f'<{reply.next_page}>; rel="next"')
    return {"Link": ", ".join(link for link in links if link)}


def _names(surface: Surface, request: ChaliceRequest, path: Mapping[str, str]) -> dict[str, str | None]:
    """The names in the log lines of a request; ``api_request_id`` is what the client gets in a header."""
    names = {
        "route": f"{request.method} {request.context.get('resourcePath')}",
        "api_request_id": request.context.get("requestId"),
    }
    return names | {name: unquote(path[name]) for name in surface.logged_parameters if name in path}


def _exists(surface: Surface, path: str, request: ChaliceRequest) -> bool:
    """Whether the surface has the path as it was sent: API Gateway overlooks a slash at its end."""
    if not surface.is_on(bootstrap.settings()):
        return False
    return path in surface.may_end_in_a_slash or not request.context.get("path", "").endswith("/")


def _guarded(surface: Surface, name: str) -> _Answer:
    """The answer of a view, to a request that passed the authorizer."""

    def answer(request: ChaliceRequest, path: Mapping[str, str]) -> Reply:
        context = AuthorizerContext.of(request.context.get("authorizer"))
        try:
            decision = admission.decide(request, context)
        except StoreUnavailable as error:
            return reply_to(error, _named(request), surface)
        if not decision.allowed:
            return admission.refusal(decision, surface)
        reply = _called(surface, name, request, path, decision.principal)
        if reply.change:
            audit.changed(request, decision.principal, reply.change)
        return admission.proving_the_server(reply, context.reply)

    return answer


def _called(
    surface: Surface, name: str, request: ChaliceRequest, path: Mapping[str, str], principal: str | None
) -> Reply:
    try:
        reply = surface.view(name)(_request(request, path, principal))
    except Exception as error:
        return reply_to(error, _named(request), surface)
    if _is_too_large(reply.text):
        return surface.error_reply(400, "The answer is larger than AWS Lambda can return; ask for less")
    return reply


def _named(request: ChaliceRequest) -> str:
    return f"{request.method} {request.path}"


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
