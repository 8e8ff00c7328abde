"""The JSON client of the command line against a server that notes what it is asked."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.client.json_client import ApiRefused, JsonClient
from chalicelib.cli.client.protocol import PoolArguments, TriggerArguments
from chalicelib.settings import SettingError

POOL = {"id": 1, "pool": "a/b", "slots": 3, "description": None}


class Noting(ThreadingHTTPServer):
    """Answers all requests alike, and keeps (method, path, authorization, body)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.answer = json.dumps(POOL)
        self.location = ""
        self.asked: list[tuple[str, str, str, Any]] = []

    def url(self, path: str = "", login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.server_address[1]}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Noting

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", ""), body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.answer.encode())

    do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Noting]:
    monkeypatch.setenv("HOME", str(tmp_path))  # whoever runs the tests may have a netrc
    monkeypatch.delenv("NETRC", raising=False)
    server = Noting()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_a_path_in_the_endpoint_is_kept(noting: Noting, path: str) -> None:
    assert JsonClient(noting.url(path)).get_pool("a/b")["slots"] == 3
    assert noting.asked == [("GET", "/api/api/experimental/pools/a%2Fb", "", None)]


def test_a_trigger_sends_what_airflows_servers_take(noting: Noting) -> None:
    noting.answer = json.dumps({"execution_date": "E", "run_id": "R", "message": "M"})
    wanted = TriggerArguments(
        dag_id="sales", run_id=None, conf={"n": 1}, execution_date=None, replace_microseconds=True
    )
    assert JsonClient(noting.url()).trigger_dag(wanted)["message"] == "M"
    body = {"run_id": None, "conf": {"n": 1}, "execution_date": None, "replace_microseconds": "true"}
    assert noting.asked == [("POST", "/api/experimental/dags/sales/dag_runs", "", body)]


def test_a_pool_is_created_with_all_its_fields(noting: Noting) -> None:
    JsonClient(noting.url()).create_pool(PoolArguments(name="p", slots=3, description="d"))
    body = {"name": "p", "slots": 3, "description": "d", "include_deferred": False}
    assert noting.asked == [("POST", "/api/experimental/pools", "", body)]


def test_a_login_in_the_endpoint_is_basic_auth(noting: Noting) -> None:
    JsonClient(noting.url(login="ada:p%40ss@")).get_pool("a")
    assert noting.asked[0][2] == f"Basic {base64.b64encode(b'ada:p@ss').decode()}"


def test_a_netrc_is_basic_auth(noting: Noting, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    JsonClient(noting.url()).get_pool("a")
    assert noting.asked[0][2] == f"Basic {base64.b64encode(b'ada:secret').decode()}"


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (404, '{"error": "Pool \'a\' doesn\'t exist"}', "Pool 'a' doesn't exist"),
        (500, "<html>", r"Server error \(500\)"),
        (401, '{"error": "Unauthorized"}', "Unauthorized: put user:password@ into"),
        (200, "<html>", "did not answer as the API does"),
    ],
)
def test_what_the_server_refuses_is_told(noting: Noting, status: int, answer: str, said: str) -> None:
    noting.status, noting.answer = status, answer
    with pytest.raises(ApiRefused, match=said):
        JsonClient(noting.url()).get_pool("a")


def test_credentials_follow_no_redirect(noting: Noting) -> None:
    noting.status, noting.location = 302, noting.url("/elsewhere")
    with pytest.raises(ApiRefused, match=r"Server error \(302\)"):
        JsonClient(noting.url(login="ada:secret@")).get_pool("a")
    assert len(noting.asked) == 1


def test_a_refusal_does_not_show_the_password(noting: Noting) -> None:
    noting.status, noting.answer = 401, ""
    with pytest.raises(ApiRefused) as refused:
        JsonClient(noting.url(login="ada:secret@")).get_pool("a")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://host", "file:///etc/passwd", "http://["])
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match=r"\[cli\] endpoint_url is no URL"):
        JsonClient(url)
