"""The requests that the local server lets in: none that a page of another site has a browser send.

A developer's browser reaches this machine's own ports, and any page that it shows can have it send requests.
Other users of this machine may send what they like; against them there are the auth backends.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from chalicelib.local.gateway import HttpAnswer, HttpRequest, StageGateway, json_error

NAMES_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]/@]+)(:[0-9]*)?")
_ABSOLUTE_TARGET = re.compile(r"[a-z][a-z0-9+.-]*://(?P<authority>[^/?#]*)", re.IGNORECASE)
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@]+)")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_OWN_SITES = frozenset({"same-origin", "none"})
_JSON = "application/json"

_FOREIGN_PAGE = "A page of another site cannot use this server; type the address in, or use curl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Why a request is not let in."""

    status: int
    reason: str
    """One line, with what to change."""


class GuardedGateway:
    """A gateway that only sees what is let in; ``names`` are further names of it, in small letters."""

    def __init__(self, gateway: StageGateway, names: Iterable[str] = ()) -> None:
        self._gateway = gateway
        self._names = NAMES_OF_THIS_MACHINE | frozenset(names)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The gateway's answer, or why there is none; never raises."""
        refused = refusal(request, self._names)
        return json_error(refused.status, refused.reason) if refused else self._gateway.answer(request)


def refusal(request: HttpRequest, names: frozenset[str]) -> Refused | None:
    """Why a request is not let in, or None; ``names`` are the host names that are answered to.

    The name comes first: a page whose own name was made to lead here (DNS rebinding) is of the same origin as
    far as its browser knows, and the name is all that tells.
    """
    return _by_name(request, names) or _by_origin(request) or _by_site(request) or _by_body(request)


def _by_name(request: HttpRequest, names: frozenset[str]) -> Refused | None:
    asked = _hosts(request)
    foreign = [host for host in asked if _name(host) not in names]
    if asked and not foreign:
        return None
    named = f"not to {foreign[0]!r}" if foreign else "and the request names no Host"
    return Refused(
        status=HTTPStatus.MISDIRECTED_REQUEST,
        reason=f"This server answers to {', '.join(sorted(names))}, {named}; "
        "UPDRAFT__LOCAL__ALLOWED_HOSTS takes further names",
    )


def _by_origin(request: HttpRequest) -> Refused | None:
    """Browsers name the page that sends anything but a plain GET or HEAD."""
    hosts = _hosts(request)
    if all(_is_same_origin(origin, host) for origin in request.values("origin") for host in hosts):
        return None
    return Refused(status=HTTPStatus.FORBIDDEN, reason=_FOREIGN_PAGE)


def _by_site(request: HttpRequest) -> Refused | None:
    """Current browsers say of each request to this machine whether it is the site's own, or the user's."""
    sites = request.values("sec-fetch-site")
    if not sites and not _is_browser(request):
        return None
    if len(sites) == 1 and sites[0].lower() in _OWN_SITES:
        return None
    if not sites:
        return Refused(
            status=HTTPStatus.FORBIDDEN,
            reason="This browser does not say which page sends the request (Sec-Fetch-Site): it is too old, "
            "or the address is no name of this machine; use http://127.0.0.1, or curl",
        )
    return Refused(status=HTTPStatus.FORBIDDEN, reason=_FOREIGN_PAGE)


def _by_body(request: HttpRequest) -> Refused | None:
    """Of a browser only the one kind of body that no page can send elsewhere without asking first."""
    is_of_a_browser = request.values("sec-fetch-site") or request.values("origin")
    if not is_of_a_browser or not request.body:
        return None
    types = [value.partition(";")[0].strip().lower() for value in request.values("content-type")]
    if types == [_JSON]:
        return None
    return Refused(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        reason=f"A page sends its body with Content-Type: {_JSON}",
    )


def _hosts(request: HttpRequest) -> tuple[str, ...]:
    """Whom the client asks for; an absolute target counts where the two differ (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE_TARGET.match(request.target)
    return request.values("host") + ((absolute["authority"],) if absolute else ())


def _name(host: str) -> str | None:
    """The name in a Host header, whatever port goes with it: it may have been forwarded."""
    found = _HOST.fullmatch(host.lower())
    return found["name"] if found else None


def _is_same_origin(origin: str, host: str) -> bool:
    found = _ORIGIN.fullmatch(origin.lower())
    if not found:
        return False  # "null" among others
    port = _DEFAULT_PORTS[found["scheme"]]
    return found["authority"].removesuffix(port) == host.lower().removesuffix(port)


def _is_browser(request: HttpRequest) -> bool:
    """All of them say so since the first ones; a page cannot have them say anything else."""
    return any("gecko" in agent.lower() for agent in request.values("user-agent"))
