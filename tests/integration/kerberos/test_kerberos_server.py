"""The local server under kerberos_auth, asked by curl and by the library of Airflow's own client."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kerberos.realm import CLIENT, DEBIANS_PYTHON, HOST, Realm
from tests.integration.server.server import Server, running

BACKEND = "airflow.api.auth.backend.kerberos_auth"
FORBIDDEN = (403, None, {"error": "Forbidden"})
ASKED = (401, "Negotiate", {"error": "Unauthorized"})

Outcome = tuple[int, str | None, object]


@pytest.fixture(scope="module")
def server(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"AIRFLOW__API__AUTH_BACKEND": BACKEND, "AIRFLOW__KERBEROS__KEYTAB": str(realm.keytab)}
    with running(tmp_path_factory.mktemp("kerberos"), **settings) as started:
        yield started


def outcome(server: Server, authorization: str | None, path: str = "/test") -> Outcome:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = server.api.send("GET", f"/api/experimental{path}", headers, b"")
    return answer.status, answer.headers.get("www-authenticate"), answer.body


def curl(realm: Realm, server: Server, path: str, *options: str) -> str:
    url = f"http://{HOST}:{server.api.port}/api/experimental{path}"
    return realm.user.run("curl", "--silent", "--show-error", "--negotiate", "--user", ":", *options, url)


def test_curl_gets_in_and_what_it_starts_is_put_down_to_its_principal(realm: Realm, server: Server) -> None:
    assert json.loads(curl(realm, server, "/test")) == {"status": "OK"}
    triggered = json.loads(curl(realm, server, "/dags/example_hello/dag_runs", "--data", "{}"))
    assert triggered["message"].startswith("Created <DagRun example_hello")
    assert json.loads(curl(realm, server, "/pools"))[0]["pool"] == "default_pool"


def test_curl_without_a_ticket_is_asked_for_one(server: Server) -> None:
    url = f"http://{HOST}:{server.api.port}/api/experimental/test"
    done = subprocess.run(
        ["curl", "--silent", "--negotiate", "--user", ":", "--include", url],
        env={"KRB5CCNAME": "FILE:/nonexistent", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert " 401 " in done.stdout.splitlines()[0]
    assert "WWW-Authenticate: Negotiate" in done.stdout


@pytest.mark.parametrize("service", ["airflow", "HTTP"])
def test_airflows_client_library_gets_in_and_gets_its_proof(
    realm: Realm, server: Server, service: str
) -> None:
    url = f"http://{HOST}:{server.api.port}/api/experimental/test"
    assert realm.user.run(DEBIANS_PYTHON, CLIENT, "request", url, service) == "200\n"


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
def test_the_answer_brings_the_servers_proof_also_with_an_error(
    realm: Realm, server: Server, mechanism: str
) -> None:
    for path, status in (("/test", 200), ("/pools/unknown", 404)):
        with realm.user.exchange(mechanism) as exchange:
            answered, header, _ = outcome(server, f"Negotiate {exchange.token}", path)
            assert answered == status
            assert header
            word, _, reply = header.partition(" ")
            assert word == "negotiate"
            assert exchange.proves_the_server(reply) == "proven"


def test_who_brings_nothing_is_asked_to_negotiate(server: Server) -> None:
    assert outcome(server, None) == ASKED


@pytest.mark.parametrize("path", ["/test", "/pools", "/dags/unknown/paused"])
def test_what_proves_nobody_is_forbidden(realm: Realm, server: Server, path: str) -> None:
    token = realm.user.token()
    broken = bytearray(base64.b64decode(token))
    broken[-5] ^= 1
    for authorization in (
        "Negotiate",
        "Negotiate !!!",
        "Negotiate AAAA",
        "Basic dXNlcjpwYXNzd29yZA==",
        f"Negotiate {base64.b64encode(broken).decode()}",
        f"Negotiate {'A' * 12_000}",
    ):
        assert outcome(server, authorization, path) == FORBIDDEN, authorization[:40]


def test_a_replayed_token_is_forbidden(realm: Realm, server: Server) -> None:
    authorization = f"Negotiate {realm.user.token()}"
    assert outcome(server, authorization)[0] == 200
    assert outcome(server, authorization) == FORBIDDEN
    assert outcome(server, authorization, "/pools") == FORBIDDEN


def test_a_ticket_for_another_service_is_forbidden(realm: Realm, server: Server) -> None:
    realm.add_service(f"pop/{HOST}")
    assert outcome(server, f"Negotiate {realm.user.token(f'pop@{HOST}')}") == FORBIDDEN


@pytest.mark.parametrize(
    ("keytab", "says"),
    [
        ("", "AIRFLOW__KERBEROS__KEYTAB is not set"),
        ("missing", "cannot be read: No such file or directory"),
        ("empty", "is no keytab that can be read"),
    ],
)
def test_a_keytab_that_cannot_be_used_stops_the_server_with_a_line(
    tmp_path: Path, keytab: str, says: str
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    place = str(tmp_path / keytab) if keytab else ""
    stopped = Server(tmp_path, AIRFLOW__API__AUTH_BACKEND=BACKEND, AIRFLOW__KERBEROS__KEYTAB=place)
    assert says in stopped.refuse_to_start()
