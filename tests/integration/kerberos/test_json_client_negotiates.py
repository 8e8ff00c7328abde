"""The command line's JSON client under kerberos_auth: a real KDC's tickets, the local server, airflow.cfg."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kerberos.realm import HOST, Realm, Ticketed
from tests.integration.server.server import ROOT, Server, running

BACKEND = "airflow.api.auth.backend.kerberos_auth"


@pytest.fixture(scope="module")
def server(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"AIRFLOW__API__AUTH_BACKEND": BACKEND, "AIRFLOW__KERBEROS__KEYTAB": str(realm.keytab)}
    with running(tmp_path_factory.mktemp("kerberos"), **settings) as started:
        yield started


def airflow_cfg(folder: Path, port: int, backend: str = f"auth_backend = {BACKEND}") -> None:
    (folder / "airflow.cfg").write_text(
        f"[cli]\napi_client = airflow.api.client.json_client\nendpoint_url = http://{HOST}:{port}\n"
        f"[api]\n{backend}\n"
    )


def command(holder: Ticketed, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of someone who has tickets and airflow.cfg, and nothing else."""
    return subprocess.run(
        [sys.executable, "-m", "chalicelib", *arguments],
        cwd=folder,
        env={**holder.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def in_python(holder: Ticketed, code: str) -> str:
    """What Python prints that finds the tickets."""
    return holder.run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}")


@pytest.mark.parametrize(
    ("backend", "date"),
    [
        (f"auth_backend = {BACKEND}", "2025-01-01"),
        (f"auth_backends = airflow.api.auth.backend.session,{BACKEND}", "2025-01-02"),
    ],
)
def test_the_days_commands_get_in_by_ticket(
    realm: Realm, server: Server, tmp_path: Path, backend: str, date: str
) -> None:
    airflow_cfg(tmp_path, server.api.port, backend)
    made = command(realm.user, tmp_path, "trigger_dag", "example_hello", "-e", date, "-o", "json")
    assert made.stderr == ""
    assert json.loads(made.stdout)[0]["message"].startswith("Created <DagRun example_hello")
    listed = command(realm.user, tmp_path, "pool", "-o", "json")
    assert json.loads(listed.stdout)[0]["pool"] == "default_pool"


def test_several_requests_of_one_command_each_carry_a_proof_of_their_own(
    realm: Realm, server: Server, tmp_path: Path
) -> None:
    airflow_cfg(tmp_path, server.api.port)
    pools = {f"pool_{number}": {"slots": number, "description": ""} for number in range(1, 4)}
    (tmp_path / "pools.json").write_text(json.dumps(pools))
    done = command(realm.user, tmp_path, "pools", "import", "pools.json")
    assert (done.stdout, done.stderr) == ("Uploaded 3 pool(s)\n", "")


def test_without_a_ticket_one_line_says_so(realm: Realm, server: Server, tmp_path: Path) -> None:
    airflow_cfg(tmp_path, server.api.port)
    nobody = Ticketed(environ={**realm.user.environ, "KRB5CCNAME": str(tmp_path / "none")})
    done = command(nobody, tmp_path, "pools", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: There is no ticket for localhost (Kerberos: No credentials")
    assert done.stderr.endswith("call kinit, or look at the host name\n")
    assert done.stderr.count("\n") == 1


def test_a_refused_ticket_is_told_with_what_may_be_wrong(
    realm: Realm, tmp_path: Path, server: Server
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    keytab = other / "keytab"
    realm.add_service("HTTP/elsewhere.test")
    realm.enter("HTTP/elsewhere.test", keytab)
    with running(
        other, AIRFLOW__API__AUTH_BACKEND=BACKEND, AIRFLOW__KERBEROS__KEYTAB=str(keytab)
    ) as without_our_key:
        airflow_cfg(tmp_path, without_our_key.api.port)
        done = command(realm.user, tmp_path, "pools", "list")
    assert done.returncode == 1
    assert "Forbidden: the server does not accept your ticket" in done.stderr


def test_where_the_realm_knows_no_airflow_service_the_ticket_is_https_own(realm: Realm) -> None:
    realm.add_service("HTTP/only-http.test")
    code = (
        "from chalicelib.cli.client.negotiate import Negotiation\n"
        "print(Negotiation('only-http.test').authorization)"
    )
    assert in_python(realm.user, code).startswith("Negotiate YI")
    assert "HTTP/only-http.test@KRBTEST.COM" in realm.user.run("klist")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("Negotiate !!!", "is no base64"),
        ("Negotiate AAAA", "Kerberos: "),
        (None, "nothing"),
        ("Negotiate", "nothing"),
        ("Basic realm=x", "nothing"),
    ],
)
def test_a_false_proof_of_the_server_is_refused_and_a_missing_one_is_not(
    realm: Realm, answer: str | None, says: str
) -> None:
    code = (
        "from chalicelib.cli.client.negotiate import Negotiation, NegotiationFailed\n"
        f"negotiation = Negotiation({HOST!r})\n"
        "try:\n"
        f"    negotiation.check({answer!r})\n"
        "    print('nothing')\n"
        "except NegotiationFailed as error:\n"
        "    print(error)\n"
    )
    assert says in in_python(realm.user, code)
