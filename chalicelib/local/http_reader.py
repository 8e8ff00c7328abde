"""``RequestReader``: the requests in a stream of bytes, HTTP/1.1 by the letter; does no I/O.

The grammar is that of llhttp, the parser of Node.js, through httptools. It was chosen after a trial of h11,
uvicorn, hypercorn, waitress, cheroot and granian: each of these serves something that is no valid request
(bare line feeds, folded headers, a length beside chunks, two hosts), and none cuts a slow client in all its
phases, bounds a head and answers in JSON without a subclass of its innards. llhttp refuses most by itself and
costs least. What it leaves to its caller is here: Host, the transfer codings that are known, and sizes.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from chalicelib.local.gateway import LARGEST_BODY_BYTES, TOO_LARGE, HttpRequest

_LONGEST_TARGET = 65536
_LARGEST_HEADERS = 65536
_MOST_HEADERS = 100
_MOST_WITHOUT_PROGRESS = 2 * 65536
"""Bytes of a head, an extension of a chunk or a trailer that the parser takes before it tells of any."""

_PORTION = 16384
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")


class Phase(Enum):
    """How far the reader is."""

    BETWEEN = auto()
    """No byte of a next request has come."""
    HEAD = auto()
    BODY = auto()
    """The head was read; trailers count as body."""
    OVER = auto()
    """Nothing more is read: the stream is malformed, or its last request has come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A request that came whole."""

    request: HttpRequest
    keeps_open: bool
    """Whether the client wants to send another one afterwards."""
    version: str
    """``"1.0"`` or ``"1.1"``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Malformed:
    """The end of what can be read: an error's status, and a text for the client."""

    status: int
    message: str
    method: str = ""


class _Refused(Exception):
    """Raised in a callback of the parser, which stops there."""


@dataclass(slots=True)
class _Message:
    """The request that is being read."""

    method: str = ""
    version: str = ""
    target: bytearray = field(default_factory=bytearray)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    headers_size: int = 0
    trailers: int = 0
    body: bytearray = field(default_factory=bytearray)
    keeps_open: bool = True

    def values(self, name: bytes) -> list[bytes]:
        """The values of all headers of that name (in small letters)."""
        return [value for found, value in self.headers if found.lower() == name]


class RequestReader:
    """Reads one connection; ``source_ip`` goes into its requests."""

    def __init__(self, source_ip: str) -> None:
        self.phase = Phase.BETWEEN
        self._source_ip = source_ip
        self._message = _Message()
        self._parser = HttpRequestParser(self)
        self._is_declining = False
        self._without_progress = 0
        self._found: list[Received | Malformed] = []

    @property
    def awaits_continue(self) -> bool:
        """Whether the client holds its body back until it is told to go on (Expect: 100-continue)."""
        return (
            self.phase is Phase.BODY
            and not self._message.body
            and self._message.version == "1.1"
            and [value.lower() for value in self._message.values(b"expect")] == [b"100-continue"]
        )

    def feed(self, data: bytes) -> list[Received | Malformed]:
        """What the next bytes complete, in order; a Malformed is the last."""
        view = memoryview(data)
        for start in range(0, len(view), _PORTION):
            if self.phase is Phase.OVER:
                break
            self._feed(view[start : start + _PORTION])
        found, self._found = self._found, []
        return found

    def end(self) -> Malformed | None:
        """The client sends no more: what is wrong with that, if something was begun."""
        phase, self.phase = self.phase, Phase.OVER
        if phase is Phase.HEAD:
            return Malformed(status=HTTPStatus.BAD_REQUEST, message="The head is not complete")
        if phase is Phase.BODY:
            return Malformed(status=HTTPStatus.BAD_REQUEST, message="The body is shorter than announced")
        return None

    def _feed(self, portion: memoryview) -> None:
        self._without_progress += len(portion)
        try:
            self._parser.feed_data(portion)
        except HttpParserUpgrade as upgrade:
            self._decline(portion[upgrade.args[0] :])
        except HttpParserError as error:
            self._stop(error)
        else:
            if self._without_progress > _MOST_WITHOUT_PROGRESS and self.phase in (Phase.HEAD, Phase.BODY):
                self._over(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head or a trailer is too large")

    def _decline(self, rest: memoryview) -> None:
        """Read on as if the client had not offered another protocol (RFC 9110, 7.8).

        The parser takes every offer for accepted and leaves the body alone; another one, which is shown the
        framing only, reads it.
        """
        if self.phase is Phase.OVER:
            return
        self._parser = HttpRequestParser(self)
        framing = [(name, value) for name, value in self._message.headers if name.lower() in _FRAMING]
        head = b"".join(b"%b: %b\r\n" % header for header in framing)
        self._is_declining = True
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % head)
        self._is_declining = False
        if rest:
            self._feed(rest)

    def _stop(self, error: HttpParserError) -> None:
        if self.phase is Phase.OVER:
            return  # refused in a callback, or sent after the last request
        if isinstance(error, HttpParserCallbackError):
            raise error  # a fault of a callback, none of the client's
        if isinstance(error, HttpParserInvalidURLError):
            self._over(HTTPStatus.BAD_REQUEST, f"Bad request: {error} (what is no ASCII is written as %XX)")
        else:
            self._over(HTTPStatus.BAD_REQUEST, f"Bad request: {error}")

    def _over(self, status: int, message: str) -> None:
        self.phase = Phase.OVER
        self._found.append(Malformed(status=status, message=message, method=self._message.method))

    def _refuse(self, status: int, message: str) -> None:
        self._over(status, message)
        raise _Refused(message)

    # The callbacks of the parser.

    def on_message_begin(self) -> None:
        """An empty line before it may have come long ago."""
        if self._is_declining:
            return
        if self.phase is Phase.OVER:
            raise _Refused("nothing more is read")
        self._message = _Message()
        self.phase = Phase.HEAD
        self._without_progress = 0

    def on_url(self, part: bytes) -> None:
        """A piece of the target."""
        if self._is_declining:
            return
        self._message.target += part
        if len(self._message.target) > _LONGEST_TARGET:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "URI too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is counted and not kept."""
        if self._is_declining:
            return
        message = self._message
        if self.phase is Phase.BODY:
            message.trailers += 1
        else:
            message.headers.append((name, value))
        message.headers_size += len(name) + len(value)
        if message.headers_size > _LARGEST_HEADERS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large")
        if len(message.headers) + message.trailers > _MOST_HEADERS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"More than {_MOST_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """The head is whole: whether it may be read on."""
        if self._is_declining:
            return
        message = self._message
        message.method = self._parser.get_method().decode()
        message.version = self._parser.get_http_version()
        message.keeps_open = self._parser.should_keep_alive()
        refusal = _refusal(message)
        if refusal:
            self._refuse(*refusal)
        self.phase = Phase.BODY
        self._without_progress = 0

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        self._message.body += part
        self._without_progress = 0
        if len(self._message.body) > LARGEST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)

    def on_message_complete(self) -> None:
        """The body and its trailers are whole."""
        message = self._message
        if message.method == "CONNECT":
            message.keeps_open = False  # what follows is for somebody else
        elif self._parser.should_upgrade():
            return  # its body is still to come
        self.phase = Phase.BETWEEN if message.keeps_open else Phase.OVER
        self._without_progress = 0
        self._found.append(
            Received(
                request=HttpRequest(
                    method=message.method,
                    target=message.target.decode("ascii"),
                    headers=tuple(
                        (name.decode("ascii"), value.decode("latin-1")) for name, value in message.headers
                    ),
                    body=bytes(message.body),
                    source_ip=self._source_ip,
                ),
                keeps_open=message.keeps_open,
                version=message.version,
            )
        )


_FRAMING = (b"content-length", b"transfer-encoding", b"host")


def _refusal(message: _Message) -> tuple[int, str] | None:
    """The status and the text for a head that the grammar allows and nobody should send."""
    if message.version not in ("1.0", "1.1"):
        return _version_refusal(message.version)
    hosts = message.values(b"host")
    if len(hosts) > 1 or (message.version == "1.1" and not hosts):
        return HTTPStatus.BAD_REQUEST, f"A request has one Host header, this one has {len(hosts)}"
    if not all(_HOST.fullmatch(host) for host in hosts):
        return HTTPStatus.BAD_REQUEST, "Bad Host"
    codings = message.values(b"transfer-encoding")
    lengths = message.values(b"content-length")
    if codings and (
        lengths or message.version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]
    ):
        return HTTPStatus.BAD_REQUEST, "Bad Transfer-Encoding"
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        return HTTPStatus.BAD_REQUEST, "Bad Content-Length"
    if lengths and _is_more_than(LARGEST_BODY_BYTES, lengths[0]):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE
    return None


def _version_refusal(version: str) -> tuple[int, str]:
    if version == "0.9":  # it has no status line that an answer could have
        return HTTPStatus.BAD_REQUEST, "Bad request: HTTP/0.9"
    return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version} is not spoken here; use HTTP/1.1"


def _is_more_than(limit: int, digits: bytes) -> bool:
    significant = digits.lstrip(b"0") or b"0"  # Python refuses to convert thousands of them
    return len(significant) > len(str(limit)) or int(significant) > limit
