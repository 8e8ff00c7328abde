"""Servers for the tests: one that many share, and ones of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.server.server import Server, running

NewServer = Callable[..., Server]

DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with the DAGs of this folder, unpaused."""
    unpaused = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    with running(tmp_path_factory.mktemp("server"), DAGS, **unpaused) as shared:
        yield shared


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[NewServer]:
    """Makes servers, each to be started by the test; all share a folder unless told otherwise."""
    made: list[Server] = []

    def make(dags: Path | None = None, folder: Path = tmp_path, **settings: str) -> Server:
        made.append(Server(folder, dags, **settings))
        return made[-1]

    yield make
    for server in made:
        server.kill()
