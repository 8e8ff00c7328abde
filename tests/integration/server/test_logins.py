"""A real server under basic_auth: a name that strangers try passwords of, and the one whose name it is."""

import base64
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.auth.logins import BETWEEN_CHECKS, CHECKS_AT_ONCE
from tests.integration.server.api import HttpApi
from tests.integration.server.server import Server, running
from tests.scripted.asking import Answer
from tests.waiting import PATIENCE_SECONDS

BASIC = {
    "AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.basic_auth",
    "UPDRAFT__API__BCRYPT_COST": "4",
}
STRANGERS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that remembers nobody in its own memory; each test has users of its own."""
    folder = tmp_path_factory.mktemp("guarded")
    with running(folder, **BASIC, UPDRAFT__API__AUTH_CACHE_SECONDS="0") as server:
        for name in ("ada", "bob", "carl", "dora", "emil"):
            server.command_line("users", "create", name, stdin=f"{name}'s")
        yield server


def ask(server: Server, username: str, password: str) -> Answer:
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    api = HttpApi(port=server.api.port)
    return api.send("GET", "/api/experimental/test", {"Authorization": f"Basic {login}"}, b"")


def exhaust(server: Server, username: str) -> Answer:
    """Use up the checks of a name; the next one comes back no sooner than in some seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = ask(server, username, "wrong")
        if answer.status == 429 and int(answer.headers["retry-after"]) > BETWEEN_CHECKS.seconds - 2:
            return answer
    raise AssertionError("the name is never throttled")


@pytest.mark.parametrize("username", ["carl", "nobody"])
def test_of_a_thousand_tries_at_once_a_few_are_looked_at_and_the_others_wait(
    server: Server, username: str
) -> None:
    with ThreadPoolExecutor(STRANGERS) as strangers:
        answers = [*strangers.map(lambda _: ask(server, username, "wrong"), range(1000))]
    statuses = Counter(answer.status for answer in answers)
    assert statuses.keys() == {401, 429}
    # Of what comes back meanwhile there are a few, on a slow machine.
    assert CHECKS_AT_ONCE <= statuses[401] < 3 * CHECKS_AT_ONCE
    for answer in answers:
        if answer.status == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= BETWEEN_CHECKS.seconds
            assert answer.body["error"].startswith("Too many passwords were tried for this user name")
            assert "www-authenticate" not in answer.headers


def test_who_has_proven_a_password_gets_in_all_the_while_and_after_a_new_start(server: Server) -> None:
    assert ask(server, "ada", "ada's").status == 200
    over = threading.Event()

    def guess(_number: int) -> int:
        guesses = 0
        while not over.is_set():
            assert ask(server, "ada", "wrong").status in (401, 429)
            guesses += 1
        return guesses

    with ThreadPoolExecutor(STRANGERS) as strangers:
        guessing = [strangers.submit(guess, number) for number in range(STRANGERS)]
        try:
            exhaust(server, "ada")
            assert [ask(server, "ada", "ada's").status for _ in range(50)] == [200] * 50
            assert ask(server, "bob", "bob's").status == 200
        finally:
            over.set()
    assert all(each.result() for each in guessing)
    server.stop()
    server.start()
    exhaust(server, "ada")
    assert ask(server, "ada", "ada's").status == 200


def test_a_new_password_and_a_deleted_user_count_at_once(server: Server) -> None:
    for name in ("dora", "emil"):
        assert ask(server, name, f"{name}'s").status == 200
    server.command_line("users", "set-password", "dora", stdin="another")
    server.command_line("users", "delete", "emil")
    assert ask(server, "dora", "dora's").status == 401
    assert ask(server, "emil", "emil's").status == 401
    assert ask(server, "dora", "another").status == 200
    server.command_line("users", "create", "emil", stdin="emil's")
    exhaust(server, "emil")
    assert ask(server, "emil", "emil's").status == 429
