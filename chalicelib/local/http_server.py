"""The wire before the gateway: HTTP/1.1 by the letter, whatever a client sends.

What never reaches the app is answered in JSON, too.
"""

import logging
import re
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalicelib.local.gateway import LARGEST_BODY_BYTES, HttpAnswer, HttpRequest, StageGateway, json_error

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

logger = logging.getLogger(__name__)


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
