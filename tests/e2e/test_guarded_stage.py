"""A stage that asks who is there: passwords and Kerberos through API Gateway and its authorizer."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import aws
from chalicelib.auth.backends import BASIC_AUTH, KERBEROS_AUTH
from chalicelib.auth.logins import CHECKS_AT_ONCE
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import DynamoStore
from tests.e2e.stage.callers import ADA, BOB, ask, basic, host, name
from tests.e2e.stage.project import API, Project
from tests.integration.kerberos.conftest import realm
from tests.integration.kerberos.realm import Realm
from tests.leaks import leak
from tests.scripted.asking import Answer

pytestmark = pytest.mark.e2e

__all__ = ["realm"]  # the fixture

ASKED_FOR_PASSWORD = (401, "Basic", {"error": "Unauthorized"})
ASKED_TO_NEGOTIATE = (401, "Negotiate", {"error": "Unauthorized"})
FORBIDDEN = (403, None, {"error": "Forbidden"})
KEYTAB = "updraft-e2e-keytab"


def outcome(answer: Answer) -> tuple[int, str | None, object]:
    assert answer.headers["content-type"] == "application/json"
    return answer.status, answer.headers.get("www-authenticate"), answer.body


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        basic("ada", "wrong"),
        basic("eve", "löve:lace"),
        basic("ada", ""),
        "Basic",
        "Basic !!!",
        "Basic YWRh",
        "Bearer abc",
        basic("ada", "x" * 1500),
    ],
)
def test_who_is_not_known_is_asked_for_a_password(with_passwords: Project, authorization: str | None) -> None:
    assert outcome(ask(with_passwords, authorization)) == ASKED_FOR_PASSWORD, with_passwords.function_logs()


def test_the_right_password_opens_one_route_after_the_other(with_passwords: Project) -> None:
    for path in ("/test", "/pools", "/dags/e2e_chain/paused", "/test"):
        answer = ask(with_passwords, ADA, path)
        assert answer.status == 200, f"{answer}\n{with_passwords.function_logs()}"


def test_callers_who_take_turns_are_told_apart_in_the_audit_log(with_passwords: Project) -> None:
    started = datetime.now(UTC)
    turns = [(ADA, "ada"), (BOB, "bob"), (ADA, "ada")]
    for authorization, _ in turns:
        assert ask(with_passwords, authorization, "/dags/e2e_chain/paused/true").status == 200
    assert [entry["caller"] for entry in audited(with_passwords, "change", started)] == ["ada", "bob", "ada"]


def test_a_refusal_is_in_the_log_and_the_password_is_not(with_passwords: Project) -> None:
    started = datetime.now(UTC)
    ask(with_passwords, basic("ada", "swordfish"), "/pools")
    (entry,) = audited(with_passwords, "refused", started)
    assert (entry["caller"], entry["reason"]) == ("ada", "wrong password")
    assert entry["route"] == "GET /experimental/pools"
    assert leak(with_passwords.function_logs()) is None


def test_a_changed_password_and_a_deleted_user_are_refused(with_passwords: Project) -> None:
    with_passwords.on_its_tables("users", "create", "carol", stdin="first")
    assert ask(with_passwords, basic("carol", "first")).status == 200
    with_passwords.on_its_tables("users", "set-password", "carol", stdin="second")
    assert outcome(ask(with_passwords, basic("carol", "first"))) == ASKED_FOR_PASSWORD
    assert ask(with_passwords, basic("carol", "second")).status == 200
    with_passwords.on_its_tables("users", "delete", "carol")
    assert outcome(ask(with_passwords, basic("carol", "second"))) == ASKED_FOR_PASSWORD


def test_strangers_do_not_keep_out_who_has_proven_a_password(with_passwords: Project) -> None:
    with_passwords.on_its_tables("users", "create", "dora", stdin="explorer")
    assert ask(with_passwords, basic("dora", "explorer")).status == 200, with_passwords.function_logs()
    started = datetime.now(UTC)
    use_up_the_checks_of(with_passwords, "dora")
    answer = ask(with_passwords, basic("dora", "wrong"))
    assert answer.status == 429, with_passwords.function_logs()
    assert outcome(answer)[1] is None
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert ask(with_passwords, basic("dora", "explorer")).status == 200, with_passwords.function_logs()
    reasons = [entry["reason"] for entry in audited(with_passwords, "refused", started)]
    assert "too many password checks for the name" in reasons


def use_up_the_checks_of(project: Project, username: str) -> None:
    """At the tables: by requests it would take the emulator longer than it takes new ones to come."""
    users = DynamoStore(Settings.from_environ({"UPDRAFT__AWS__STAGE": project.stage})).users
    ahead = datetime.now(UTC) + timedelta(seconds=45)  # so that there is none for a while
    _, login = users.for_login(username)
    for _ in range(2 * CHECKS_AT_ONCE):
        _, login = users.begin_check(username, login, ahead)


def test_info_shows_what_the_stage_serves(with_passwords: Project) -> None:
    shown = json.loads(with_passwords.on_its_tables("info", "-o", "json"))
    facts = {row["name"]: row["value"] for row in shown}
    assert (facts["stage"], facts["auth backend"]) == (with_passwords.stage, BASIC_AUTH)


def test_paths_and_options_come_before_credentials(with_passwords: Project) -> None:
    assert ask(with_passwords, None, "/nope").status == 404
    assert ask(with_passwords, None, "/test", "PUT").status == 405
    assert ask(with_passwords, None, "/test", "OPTIONS").status == 200


def audited(project: Project, kind: str, since: datetime) -> list[dict[str, object]]:
    """The lines of the audit log that functions wrote since a moment."""
    logs = aws.client("logs")
    entries = []
    for group in logs.describe_log_groups()["logGroups"]:
        start = int(since.timestamp() * 1000)
        events = logs.filter_log_events(logGroupName=group["logGroupName"], startTime=start)["events"]
        lines = (json.loads(event["message"]) for event in events if '"audit": ' in event["message"])
        entries += [line for line in lines if line["audit"] == kind]
    return entries


@pytest.fixture(scope="module")
def with_tickets(project: Project, realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The stage under kerberos_auth, its keytab in Secrets Manager."""
    if project.auth_backend is None:
        project.deploy(BASIC_AUTH)  # the address of the API is part of the service's name
    keytab = tmp_path_factory.mktemp("keytab") / "keytab"
    service = f"HTTP/{name(project)}"
    realm.add_service(service)
    realm.enter(service, keytab)
    aws.client("secretsmanager").create_secret(Name=KEYTAB, SecretBinary=keytab.read_bytes())
    project.set_variables(AIRFLOW__KERBEROS__KEYTAB=f"secretsmanager:{KEYTAB}")
    project.deploy(KERBEROS_AUTH)
    return project


def token(project: Project, realm: Realm, mechanism: str = "spnego") -> str:
    return f"Negotiate {realm.user.token(f'HTTP@{name(project)}', mechanism)}"


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
def test_a_ticket_opens_the_stage_once(with_tickets: Project, realm: Realm, mechanism: str) -> None:
    authorization = token(with_tickets, realm, mechanism)
    answer = ask(with_tickets, authorization)
    assert answer.status == 200, f"{answer}\n{with_tickets.function_logs()}"
    assert outcome(ask(with_tickets, authorization)) == FORBIDDEN


def test_curl_negotiates_with_the_stage(with_tickets: Project, realm: Realm) -> None:
    url = f"http://{host(with_tickets)}{API}/dags/e2e_chain/paused/true"
    started = datetime.now(UTC)
    said = realm.user.run("curl", "--silent", "--show-error", "--negotiate", "--user", ":", url)
    assert json.loads(said) == {"response": "ok"}
    (entry,) = audited(with_tickets, "change", started)
    assert entry["caller"] == "user@KRBTEST.COM"


@pytest.mark.parametrize("authorization", [None, "Negotiate AAAA", "Negotiate", ADA])
def test_who_has_no_ticket_is_asked_or_forbidden(with_tickets: Project, authorization: str | None) -> None:
    wanted = ASKED_TO_NEGOTIATE if authorization is None else FORBIDDEN
    assert outcome(ask(with_tickets, authorization)) == wanted
