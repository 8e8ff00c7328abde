"""password_auth and basic_auth through the gateway: outcomes, whose a change is, what is logged."""

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.auth.accounts import create_user, delete_user, set_password
from chalicelib.auth.backends import BASIC_AUTH, DEFAULT, PASSWORD_AUTH
from chalicelib.auth.logins import CHECKS_A_MINUTE, CHECKS_AT_ONCE
from chalicelib.auth.ports import Users
from chalicelib.engine.engine import Engine
from chalicelib.local.application import refusals
from chalicelib.local.gateway import HttpAnswer, HttpRequest, StageGateway
from chalicelib.settings import Settings
from tests.scripted.clock import MovedClock
from tests.scripted.in_process_api import InProcessApi

PREFIX = EXPERIMENTAL.prefix

DAG = f"{PREFIX}/dags/etl"
SECRETS = ("lovelace", "swordfish")
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


def basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


ADA, BOB, WRONG, NOBODY = (
    basic("ada", "lovelace"),
    basic("bob", "builder"),
    basic("ada", "swordfish"),
    basic("eve", "swordfish"),
)


class Gateway:
    """The local server's gateway, without a wire."""

    def __init__(self, settings: Settings) -> None:
        self.users = bootstrap.engine().store.users
        self._gateway = StageGateway(InProcessApi(settings).app, refusals(settings.auth_backend))

    def send(
        self,
        authorization: str | None,
        method: str = "GET",
        path: str = f"{PREFIX}/test",
        body: Any = None,
        source_ip: str = HOME,
    ) -> HttpAnswer:
        headers = (("Authorization", authorization),) if authorization is not None else ()
        raw = b"" if body is None else json.dumps(body).encode()
        request = HttpRequest(
            method=method, target=f"/api{path}", headers=headers, body=raw, source_ip=source_ip
        )
        return self._gateway.answer(request)


@pytest.fixture(params=[PASSWORD_AUTH, BASIC_AUTH])
def backend(request: pytest.FixtureRequest) -> str:
    named: str = request.param
    return named


@pytest.fixture
def guarded(settings: Settings, backend: str) -> Settings:
    return replace(settings, auth_backend=backend, bcrypt_cost=4)


@pytest.fixture
def gateway(engine: Engine, guarded: Settings, clock: MovedClock) -> Iterator[Gateway]:
    for username, password in (("ada", "lovelace"), ("bob", "builder")):
        create_user(engine.store.users, username, password, cost=4, now=clock())
    with bootstrap.use(engine=engine, settings=guarded):
        yield Gateway(guarded)


def outcome(answer: HttpAnswer) -> tuple[int, str | None, Any]:
    headers = dict(answer.headers)
    assert headers["Content-Type"] == "application/json"
    return answer.status, headers.get("WWW-Authenticate"), json.loads(answer.body)


ASKED = (401, "Basic", {"error": "Unauthorized"})
FORBIDDEN = (403, None, {"error": "Forbidden"})
ADMITTED = (200, None, {"status": "OK"})


@pytest.mark.parametrize("authorization", [None, ""])
def test_who_brings_nothing_is_asked_for_it(gateway: Gateway, authorization: str | None) -> None:
    assert outcome(gateway.send(authorization)) == ASKED


@pytest.mark.parametrize(
    "authorization",
    [
        WRONG,
        NOBODY,
        "Basic",
        "Basic !!!",
        "Basic YWRh",
        "Bearer abc",
        "Negotiate abc",
        basic("ada", ""),
        basic("ada", "x" * 6000),
        "x" * 60_000,
        "Basic ünïcödé",
    ],
)
def test_wrong_credentials_of_any_kind_have_one_outcome(
    gateway: Gateway, backend: str, authorization: str
) -> None:
    assert outcome(gateway.send(authorization)) == (FORBIDDEN if backend == PASSWORD_AUTH else ASKED)


def exhaust(gateway: Gateway, authorization: str) -> HttpAnswer:
    """Use up the checks of a name for half a minute; gives the first answer of those that are throttled."""
    for _ in range(10 * CHECKS_A_MINUTE):  # on a slow machine some come back meanwhile
        answer = gateway.send(authorization, source_ip=ELSEWHERE)
        if answer.status == 429:
            hold(gateway.users, "ada")
            return answer
    raise AssertionError("the name is never throttled")


def hold(users: Users, username: str) -> None:
    """See to it that no check comes back while a test goes on, however slow the machine is."""
    ahead = datetime.now(UTC) + timedelta(seconds=45)
    while users.begin_check(username, users.for_login(username)[1], ahead)[0]:
        pass


@pytest.mark.parametrize("wrong", [WRONG, NOBODY, basic("x" * 3000, "y")], ids=["known", "unknown", "long"])
def test_a_name_that_is_guessed_at_is_throttled_and_not_denied(
    gateway: Gateway, backend: str, wrong: str
) -> None:
    for _ in range(CHECKS_AT_ONCE):
        assert outcome(gateway.send(wrong)) == (FORBIDDEN if backend == PASSWORD_AUTH else ASKED)
    answer = exhaust(gateway, wrong)
    seconds = dict(answer.headers)["Retry-After"]
    assert 1 <= int(seconds) <= 10
    error = f"Too many passwords were tried for this user name; try again in {seconds} s"
    assert outcome(answer) == (429, None, {"error": error})


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/test"), ("POST", "/pools"), ("DELETE", "/dags/etl")])
def test_who_is_throttled_changes_nothing(gateway: Gateway, engine: Engine, method: str, path: str) -> None:
    exhaust(gateway, WRONG)
    answer = gateway.send(WRONG, method, PREFIX + path)
    assert answer.status == 429
    assert answer.body == b"" or method != "HEAD"
    dag = engine.store.dags.get("etl")
    assert dag
    assert not dag.is_deleted


def test_a_right_password_that_was_not_proven_is_told_to_wait(gateway: Gateway) -> None:
    exhaust(gateway, WRONG)
    assert gateway.send(ADA).status == 429
    assert outcome(gateway.send(BOB)) == ADMITTED  # another name's password


def in_another_process(engine: Engine, guarded: Settings) -> AbstractContextManager[None]:
    """Until the block ends all is served by processes that have seen nobody yet."""
    return bootstrap.use(engine=engine, settings=guarded)


def test_proven_credentials_get_in_however_many_others_try(
    gateway: Gateway, engine: Engine, guarded: Settings
) -> None:
    assert outcome(gateway.send(ADA)) == ADMITTED
    exhaust(gateway, WRONG)
    for _ in range(3):
        with in_another_process(engine, guarded):
            assert gateway.send(WRONG, source_ip=ELSEWHERE).status == 429
            assert outcome(gateway.send(ADA)) == ADMITTED
            assert outcome(gateway.send(ADA)) == ADMITTED
        assert outcome(gateway.send(ADA)) == ADMITTED


def test_a_right_guess_from_elsewhere_looks_like_a_wrong_one(
    gateway: Gateway, engine: Engine, guarded: Settings
) -> None:
    """Or those who are throttled could go on guessing at a name in use."""
    gateway.send(ADA)
    exhaust(gateway, WRONG)
    with in_another_process(engine, guarded):
        right, wrong = (gateway.send(each, source_ip=ELSEWHERE) for each in (ADA, WRONG))
        assert (right.status, wrong.status) == (429, 429)
        assert [name for name, _ in right.headers] == [name for name, _ in wrong.headers]
        assert json.loads(right.body)["error"][:40] == json.loads(wrong.body)["error"][:40]
    # and where the authorizer remembers the password from a moment ago
    assert gateway.send(ADA, source_ip=ELSEWHERE).status == 429


def test_whoever_came_from_several_addresses_may_come_from_each(
    gateway: Gateway, engine: Engine, guarded: Settings
) -> None:
    addresses = [HOME, "203.0.113.1", "2001:db8:1:2::7", "::ffff:203.0.113.2", "::1"]
    for address in addresses:
        assert outcome(gateway.send(ADA, source_ip=address)) == ADMITTED
    exhaust(gateway, WRONG)
    with in_another_process(engine, guarded):
        for address in [*addresses, "2001:db8:1:2:aaaa::1", "203.0.113.2", "127.0.0.1"]:
            assert outcome(gateway.send(ADA, source_ip=address)) == ADMITTED
        for address in ["2001:db8:1:3::7", "203.0.113.3"]:
            assert gateway.send(ADA, source_ip=address).status == 429


def test_a_changed_password_and_a_deleted_user_are_not_proven(
    gateway: Gateway, engine: Engine, guarded: Settings, backend: str
) -> None:
    for credentials in (ADA, BOB):
        gateway.send(credentials)
    set_password(engine.store.users, "ada", "byron", cost=4, now=datetime.now(UTC))
    delete_user(engine.store.users, "bob")
    with in_another_process(engine, guarded):
        for credentials in (ADA, BOB):
            refused = FORBIDDEN if backend == PASSWORD_AUTH else ASKED
            assert outcome(gateway.send(credentials)) == refused
        assert outcome(gateway.send(basic("ada", "byron"))) == ADMITTED


def test_a_throttled_name_is_one_line_of_the_log_and_no_secret_is_in_it(
    gateway: Gateway, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.send(ADA)
    exhaust(gateway, WRONG)
    for _ in range(5):
        gateway.send(WRONG)
        gateway.send(ADA, source_ip=ELSEWHERE)
    lines = [line for line in audited(caplog) if line["reason"] != "wrong password"]
    common = {"audit": "refused", "caller": "ada", "backend": backend, "route": f"GET {PREFIX}/test"}
    many = "too many password checks for the name"
    elsewhere = f"{many}, which was not used from this address before"
    assert lines == [common | {"reason": many}, common | {"source": ELSEWHERE, "reason": elsewhere}]
    assert not any(secret in caplog.text for secret in SECRETS)


@pytest.mark.parametrize("word", [{}, {"wait": "7"}, {"wait": "0"}])
def test_nobody_gets_in_by_the_word_for_who_is_throttled(
    engine: Engine, guarded: Settings, word: dict[str, str]
) -> None:
    answer = ask_view(engine, guarded, {"principalId": ":throttled", **word})
    assert answer["statusCode"] == 429
    assert answer["headers"]["Retry-After"] == str(max(1, int(word.get("wait", 0))))


def ask_view(engine: Engine, settings: Settings, word: dict[str, Any] | None) -> Any:
    """The view's answer behind an authorizer that said this; None: behind none."""
    context = {"httpMethod": "GET", "resourcePath": f"{PREFIX}/test", "path": f"/api{PREFIX}/test"}
    event = {
        "requestContext": {**context, **({"authorizer": word} if word is not None else {})},
        "headers": {"Authorization": ADA},  # the view does not look at it
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
    }
    with bootstrap.use(engine=engine, settings=settings):
        return InProcessApi(settings).app(event, None)


def test_the_right_password_opens_every_route(gateway: Gateway) -> None:
    for _ in range(2):
        assert outcome(gateway.send(ADA)) == ADMITTED
        assert gateway.send(ADA, path=f"{PREFIX}/pools").status == 200
        assert gateway.send(ADA, path=f"{DAG}/paused").status == 200


def test_callers_who_take_turns_are_told_apart_each_time(gateway: Gateway, engine: Engine) -> None:
    for turn, (credentials, name) in enumerate([(ADA, "ada"), (BOB, "bob"), (ADA, "ada"), (BOB, "bob")]):
        body = {"run_id": f"turn{turn}", "execution_date": f"2024-01-01T00:00:0{turn}"}
        assert gateway.send(credentials, "POST", f"{DAG}/dag_runs", body).status == 200
        run = engine.store.dag_runs.get_by_run_id("etl", f"turn{turn}")
        assert run
        assert run.triggered_by == name
        assert gateway.send(credentials, path=f"{DAG}/paused/true").status == 200
        dag = engine.store.dags.get("etl")
        assert dag
        assert dag.pause_changed_by == name


def test_paths_and_methods_come_before_credentials(gateway: Gateway) -> None:
    assert gateway.send(None, path=f"{PREFIX}/nope").status == 404
    assert gateway.send(None, "PUT").status == 405
    assert gateway.send(None, "OPTIONS").status == 200


@pytest.mark.parametrize("word", [None, {}, {"principalId": ""}, {"principalId": None}])
def test_a_request_without_the_authorizers_word_is_refused(
    engine: Engine, guarded: Settings, word: dict[str, Any] | None
) -> None:
    response = ask_view(engine, guarded, word)
    assert (response["statusCode"], json.loads(response["body"])) == (403, {"error": "Forbidden"})


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.message) for record in caplog.records if record.name == "chalicelib.audit"]


WRITES = [
    (
        "POST",
        "/dags/etl/dag_runs",
        {"run_id": "r1", "execution_date": "2024-05-06", "conf": {"token": "s3cr3t"}},
        "POST /experimental/dags/{dag_id}/dag_runs",
        {
            "dag_id": "etl",
            "run_id": "r1",
            "execution_date": "2024-05-06T00:00:00+00:00",
            "run_uid": "uid-00001",
        },
    ),
    (
        "GET",
        "/dags/etl/paused/false",
        None,
        "GET /experimental/dags/{dag_id}/paused/{word}",
        {"dag_id": "etl", "is_paused": False},
    ),
    (
        "POST",
        "/pools",
        {"name": "gpu", "slots": 3, "description": "s3cr3t"},
        "POST /experimental/pools",
        {"pool": "gpu", "slots": 3, "include_deferred": False},
    ),
    (
        "DELETE",
        "/dags/etl",
        None,
        "DELETE /experimental/dags/{dag_id}",
        {"dag_id": "etl", "deleted": True},
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "route", "change"), WRITES)
def test_each_change_is_one_line_of_the_audit_log(
    gateway: Gateway,
    backend: str,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    body: Any,
    route: str,
    change: dict[str, Any],
) -> None:
    caplog.set_level(logging.INFO)
    answer = gateway.send(ADA, method, PREFIX + path, body)
    assert answer.status == 200, answer.body
    (line,) = audited(caplog)
    assert line.pop("api_request_id")
    assert line == {
        "audit": "change",
        "caller": "ada",
        "backend": backend,
        "source": "192.0.2.7",
        "route": route,
        "changed": change,
    }
    assert "s3cr3t" not in caplog.text


def test_what_changes_nothing_is_not_in_the_audit_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    without_effect: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/pools", None),
        ("GET", "/dags/etl/paused", None),
        ("GET", "/dags/unknown/paused/true", None),
        ("POST", "/dags/unknown/dag_runs", {}),
        ("DELETE", "/pools/unknown", None),
    ]
    for method, path, body in without_effect:
        gateway.send(ADA, method, PREFIX + path, body)
    assert audited(caplog) == []


def test_an_open_api_notes_changes_of_an_unknown_caller(
    engine: Engine, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with bootstrap.use(engine=engine, settings=settings):
        Gateway(settings).send(None, path=f"{DAG}/paused/true")
    (line,) = audited(caplog)
    assert (line["caller"], line["backend"]) == (None, DEFAULT)


def test_a_refused_caller_is_one_line_without_the_secret(
    gateway: Gateway, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.send(WRONG, "POST", f"{DAG}/dag_runs", {})
    assert audited(caplog) == [
        {
            "audit": "refused",
            "caller": "ada",
            "backend": backend,
            "route": "POST /experimental/dags/etl/dag_runs",
            "reason": "wrong password",
        }
    ]
    assert not any(secret in caplog.text for secret in SECRETS)


def test_a_name_cannot_forge_a_line_of_the_log(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.send(basic('eve\n{"audit": "change", "caller": "ada"}\N{RIGHT-TO-LEFT OVERRIDE}', "x"))
    (record,) = (record for record in caplog.records if record.name == "chalicelib.audit")
    assert "\n" not in record.message
    assert record.message.isascii()


def test_no_name_or_password_gets_into_a_header(gateway: Gateway) -> None:
    answer = gateway.send(basic("eve\r\nSet-Cookie: a=b", "x\r\ny"))
    assert not any("cookie" in f"{name}{value}".lower() for name, value in answer.headers)


def test_a_repeated_request_is_one_change(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    api = gateway._gateway
    for path, body in (
        (f"{DAG}/dag_runs", b"{}"),
        (f"{PREFIX}/pools", b'{"name":"p","slots":1,"description":""}'),
    ):
        headers = (("Authorization", ADA), ("Idempotency-Key", "k"))
        request = HttpRequest(method="POST", target=f"/api{path}", headers=headers, body=body)
        assert {api.answer(request).status for _ in range(3)} == {200}
    assert len(audited(caplog)) == 2
