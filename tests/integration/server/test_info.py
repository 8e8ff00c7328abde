"""``info``: what is said of the server that a command speaks to, and of one that cannot be asked."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from tests.integration.server.conftest import NewServer
from tests.integration.server.server import ROOT
from tests.scripted.command_line import run

BACKENDS = "airflow.api.auth.backend"


def info() -> dict[str, str]:
    result = run("info", "-o", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    return {row["name"]: row["value"] for row in json.loads(result.stdout)}


def test_the_local_server_says_itself_what_it_serves(new_server: NewServer, tmp_path: Path) -> None:
    """Whatever the terminal's own settings are."""
    server = new_server(AIRFLOW__API__AUTH_BACKEND=f"{BACKENDS}.basic_auth")
    server.start()
    own = {
        **server.environ,
        "AIRFLOW__API__AUTH_BACKEND": f"{BACKENDS}.deny_all",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path),
        "UPDRAFT__AWS__BUCKET": "updraft-of-another",
    }
    command = [sys.executable, "-m", "chalicelib", "info", "-o", "json"]
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=30, check=True)
    shown = {row["name"]: row["value"] for row in json.loads(done.stdout)}
    assert shown["auth backend"] == f"{BACKENDS}.basic_auth"
    assert shown["dags folder"] == server.environ.get(
        "AIRFLOW__CORE__DAGS_FOLDER", str(ROOT / "chalicelib" / "dags")
    )
    assert shown["bucket"] == "updraft-local-bucket"
    assert stat.S_IMODE((server.state / "served.json").stat().st_mode) == 0o600
    server.stop()
    assert "no local server runs" in server.command_line("info")


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "UPDRAFT__AWS__STAGE", "AIRFLOW_CONFIG", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("UPDRAFT__LOCAL__STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__API__AUTH_BACKEND", f"{BACKENDS}.kerberos_auth")  # no server's


def test_without_a_server_nothing_is_said_of_one(tmp_path: Path) -> None:
    shown = info()
    unknown = f"unknown (no local server runs on the state folder {tmp_path / 'state'})"
    assert {shown[name] for name in ("auth backend", "bucket", "dags folder")} == {unknown}


def test_nor_of_another_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert info()["auth backend"] == "unknown (AWS_ENDPOINT_URL is set)"


def test_nor_of_a_stage_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    shown = info()
    assert shown["stage"] == "dev"
    assert shown["auth backend"] == "unknown (stage dev: AWS cannot be asked (EndpointConnectionError))"


class _Endpoint(BaseHTTPRequestHandler):
    status, challenge, body = 200, "", b""
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        """Answer as is set, and keep what was asked."""
        self.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.status)
        if self.challenge:
            self.send_header("WWW-Authenticate", self.challenge)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def endpoint(status: int, challenge: str, body: bytes) -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """A server that answers so; gives its port, and what it was asked."""

    class Handler(_Endpoint):
        asked: ClassVar[list[tuple[str, str | None]]] = []

    Handler.status, Handler.challenge, Handler.body = status, challenge, body
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], Handler.asked
        finally:
            server.shutdown()
            thread.join()


PASSWORDS = f"{BACKENDS}.basic_auth or airflow.contrib.auth.backends.password_auth"


@pytest.mark.parametrize(
    ("status", "challenge", "body", "shown"),
    [
        (200, "", b'{"status": "OK"}', f"{BACKENDS}.default"),
        (403, "", b'{"error": "Forbidden"}', f"{BACKENDS}.deny_all"),
        (401, "Basic", b'{"error": "Unauthorized"}', PASSWORDS),
        (401, 'basic realm="a"', b"", PASSWORDS),
        (401, "Negotiate", b"", f"{BACKENDS}.kerberos_auth"),
        (401, "", b"", "unknown (the endpoint answers 401 to a request without credentials)"),
        (403, "", b"<html>", "unknown (the endpoint answers 403 to a request without credentials)"),
        (200, "", b"<html>", "unknown (the endpoint answers 200 to a request without credentials)"),
        (302, "", b"", "unknown (the endpoint answers 302 to a request without credentials)"),
    ],
)
def test_under_the_json_client_the_endpoint_is_asked_once_and_gets_no_credentials(
    monkeypatch: pytest.MonkeyPatch, status: int, challenge: str, body: bytes, shown: str
) -> None:
    monkeypatch.setenv("AIRFLOW__CLI__API_CLIENT", "airflow.api.client.json_client")
    with endpoint(status, challenge, body) as (port, asked):
        monkeypatch.setenv("AIRFLOW__CLI__ENDPOINT_URL", f"http://ada:lovelace@127.0.0.1:{port}/stage")
        facts = info()
    assert facts["auth backend"] == shown
    assert asked == [("/stage/api/experimental/test", None)]
    assert "lovelace" not in str(facts)


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:1"])
def test_an_endpoint_that_does_not_answer_is_not_known(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AIRFLOW__CLI__API_CLIENT", "airflow.api.client.json_client")
    monkeypatch.setenv("AIRFLOW__CLI__ENDPOINT_URL", url)
    assert info()["auth backend"].startswith("unknown (")
