"""The recorded cases of the routes there are, replayed against the local server: tasks run, time passes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contract.runner import Case, RealPace, replay
from tests.contract.served import BACKENDS, PASSWORD, USER, served_cases
from tests.integration.server.server import Server, running
from tests.scripted.asking import at_once
from tests.scripted.contract_dags import FOLDER

ServerOf = Callable[[str], Server]


@pytest.fixture(scope="module")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOf]:
    """The server with an auth backend; each is started when it is first asked for."""
    started: dict[str, Server] = {}

    def of(backend: str) -> Server:
        if backend not in started:
            folder = tmp_path_factory.mktemp("contract")
            settings = {"AIRFLOW__API__AUTH_BACKEND": backend}
            server = stack.enter_context(running(folder, FOLDER, **settings))
            server.command_line("users", "create", USER, stdin=PASSWORD)
            started[backend] = server
        return started[backend]

    with ExitStack() as stack:
        yield of


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=label) for label, case in served_cases(with_scheduler=True)]
)
def test_the_case_is_answered_as_recorded(server_of: ServerOf, case: Case) -> None:
    api = server_of(BACKENDS[case.get("auth")]).api
    assert replay(case, api.send, RealPace(), at_once) == []
