"""What a page of somebody else's can do to the local server from a developer's browser: nothing."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.local.gateway import HttpAnswer, HttpRequest
from chalicelib.local.http_server import GatewayServer
from tests.integration.server.api import PREFIX
from tests.integration.server.chromium import Site, chromium, opened, text_of
from tests.integration.server.server import Server, running

PAGE = (Path(__file__).parent / "hostile_page.html").read_text()
DAG = "/dags/example_hello"

pytestmark = pytest.mark.usefixtures("browser")


class Credulous:
    """A gateway that lets everybody in and keeps what it was asked: what browsers really send."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self._lock = threading.Lock()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        with self._lock:
            self.requests.append(request)
        return HttpAnswer(status=200, headers=(("Content-Type", "application/json"),), body=b"{}")


@pytest.fixture(scope="module")
def browser() -> str:
    return chromium()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as `make run` starts it, with the shipped DAGs, which are paused."""
    with running(tmp_path_factory.mktemp("server")) as started:
        yield started


def visit(origin: str, folder: Path, targets: list[str], aws: str = "") -> dict[str, str]:
    """Have the hostile page opened, served under a host name; gives what it says that it got."""
    page = PAGE.replace("TARGETS", json.dumps(targets)).replace("AWS", json.dumps(aws))
    with Site(page).open() as site, opened(f"http://{origin}:{site.port}/", folder):
        return site.wait_for_report()


def read_by(report: dict[str, str]) -> dict[str, str]:
    return {name: got for name, got in report.items() if "READ" in got}


@pytest.mark.parametrize("origin", ["evil.example", "localhost", "127.0.0.1"])
def test_a_page_can_neither_trigger_nor_read(server: Server, tmp_path: Path, origin: str) -> None:
    port = server.api.port
    report = visit(origin, tmp_path, [f"http://127.0.0.1:{port}", f"http://localhost:{port}"])
    assert len(report) == 32
    assert read_by(report) == {}
    assert server.api.get(f"{DAG}/paused") == {"is_paused": True}
    assert server.api.get(f"{DAG}/dag_runs") == []


def test_without_a_guard_all_of_it_would_arrive(tmp_path: Path) -> None:
    gateway = Credulous()
    server = GatewayServer(("127.0.0.1", 0))
    server.start(gateway)
    visit("evil.example", tmp_path, [f"http://127.0.0.1:{server.server_address[1]}"])
    server.stop(grace=1)
    unpaused = [each for each in gateway.requests if each.target.startswith(f"{PREFIX}{DAG}/paused/false")]
    triggered = [each for each in gateway.requests if each.target == f"{PREFIX}{DAG}/dag_runs"]
    assert {each.target.partition("?")[2] for each in unpaused} >= {
        "image",
        "script",
        "stylesheet",
        "frame",
        "no-cors",
        "bare",
    }
    assert len([each for each in triggered if b"touch" in each.body]) >= 4
    sites = {each.values("sec-fetch-site") for each in unpaused if each.target.partition("?")[2]}
    assert sites == {("cross-site",)}


def test_a_page_whose_name_leads_here_reads_nothing(server: Server, tmp_path: Path) -> None:
    url = f"http://rebound.example:{server.api.port}{PREFIX}"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert "This server answers to" in text_of(f"{url}{DAG}/paused/false", tmp_path / "a")
    assert "default_pool" not in text_of(f"{url}/pools", tmp_path / "b")
    assert server.api.get(f"{DAG}/paused") == {"is_paused": True}


def test_an_address_that_is_typed_in_is_answered(server: Server, tmp_path: Path) -> None:
    for number, host in enumerate(("127.0.0.1", "localhost")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert "default_pool" in text_of(f"http://{host}:{server.api.port}{PREFIX}/pools", folder)


def test_a_page_gets_nothing_out_of_the_embedded_aws_and_nothing_in(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "profile").mkdir()
    with running(tmp_path / "server") as server:
        endpoint = (server.state / "endpoint").read_text().strip()
        report = visit("evil.example", tmp_path / "profile", [], endpoint)
        assert len(report) == 8
        assert read_by(report) == {}
    kept = [path for path in server.state.rglob("*") if path.is_file() and b"hostile" in path.read_bytes()]
    assert kept == []
