"""A page of somebody else's in a real browser: a site that serves it, and headless Chromium that opens it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

NEEDED = "UPDRAFT_TESTS_NEED_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE_SECONDS = 90


def chromium() -> str:
    """The browser's path; without one the test is skipped, or fails where one is needed."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found
    advice = "Chromium is missing: apt-get install chromium"
    if os.environ.get(NEEDED) == "1":
        pytest.fail(advice)
    pytest.skip(advice)


class Site:
    """Serves a page to whoever asks, and takes its report (a POST of JSON to ``/report``)."""

    def __init__(self, page: str) -> None:
        self._reported = threading.Event()
        self._report: dict[str, str] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(page.encode() if self.path == "/" else b"")

            def do_POST(self) -> None:
                site._report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(b"")
                site._reported.set()

            def _send(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def wait_for_report(self) -> dict[str, str]:
        """What the page says that it got, by what it tried."""
        assert self._reported.wait(_PATIENCE_SECONDS), "the page has not reported"
        return self._report

    @contextmanager
    def open(self) -> Iterator["Site"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@contextmanager
def opened(url: str, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Chromium with a page, until the block ends; names that end in ``.example`` are this machine."""
    command = [
        chromium(),
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # it does not start with one as root
        "--host-resolver-rules=MAP *.example 127.0.0.1",
        f"--user-data-dir={folder}",
        *options,
        url,
    ]
    with (folder / "stderr").open("wb") as said:
        browser = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, start_new_session=True)
    try:
        yield browser
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.communicate()


def text_of(url: str, folder: Path) -> str:
    """The document that Chromium makes of an address that is typed in."""
    with opened(url, folder, "--dump-dom") as browser:
        document, _ = browser.communicate(timeout=_PATIENCE_SECONDS)
    return document.decode()
