"""An HTTP API of the tests: pages of orders, a report that is ready late, and a place to post to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

PAGES = [[{"id": 1, "amount": 10}, {"id": 2, "amount": 20}], [{"id": 3, "amount": 30}]]
READY_AT = 3
"""The look at which what is waited for is there."""


@dataclass(kw_only=True, slots=True)
class Api:
    """A running API."""

    url: str = ""
    looks: dict[str, int] = field(default_factory=dict)
    """How often each ``/ready/NAME`` was asked for."""
    posts: list[tuple[str, Any]] = field(default_factory=list)
    """What was posted: path and JSON."""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """The status and the JSON for a GET."""
        if path == "/orders":
            number = int(query.get("page", ["0"])[0])
            following = number + 1 if number + 1 < len(PAGES) else None
            return 200, {"orders": PAGES[number], "next": following}
        if path.startswith("/ready/"):
            self.looks[path] = self.looks.get(path, 0) + 1
            return (200, {"rows": 3}) if self.looks[path] >= READY_AT else (404, {})
        return 200, {"path": path}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    api: ClassVar[Api]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._send(*self.api.answer(url.path, parse_qs(url.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.api.posts.append((self.path, json.loads(body) if body.startswith("{") else body))
        self._send(200, "ok" if self.path.startswith("/services/") else {"ok": True})

    def _send(self, status: int, value: Any) -> None:
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(value, str) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    do_HEAD = do_GET  # noqa: N815 - the base class's


@contextmanager
def api() -> Iterator[Api]:
    """Serve until left."""
    served = Api()
    handler = type("Handler", (_Handler,), {"api": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
