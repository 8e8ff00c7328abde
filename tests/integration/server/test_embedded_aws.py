"""Behind a server that asks for passwords: its embedded AWS is no way round them, and tasks may use it."""

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chalicelib.local.state_folder import published_endpoint
from tests.integration.server.api import PREFIX
from tests.integration.server.server import Server, running
from tests.scripted.asking import Answer
from tests.waiting import wait_for

DAG = """
from datetime import datetime

import botocore.session
from airflow import DAG
from airflow.operators.python import PythonOperator


def use_aws():
    session = botocore.session.get_session()
    s3 = session.create_client("s3")
    s3.create_bucket(Bucket="of-a-task")
    s3.put_object(Bucket="of-a-task", Key="Käse + Brot/1 %.txt", Body=b"kept")
    return s3.get_object(Bucket="of-a-task", Key="Käse + Brot/1 %.txt")["Body"].read().decode()


def check(ti):
    assert ti.xcom_pull(task_ids="use_aws") == "kept"


with DAG("uses_aws", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="use_aws", python_callable=use_aws) >> PythonOperator(
        task_id="check", python_callable=check
    )
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with basic auth and a user."""
    folder = tmp_path_factory.mktemp("guarded")
    dags = folder / "dags"
    dags.mkdir()
    (dags / "uses_aws.py").write_text(DAG)
    settings = {
        "AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.basic_auth",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "UPDRAFT__API__BCRYPT_COST": "4",
        "UPDRAFT__WORKER__TASK_ROLE": "worker",
    }
    with running(folder, dags, **settings) as server:
        server.command_line("users", "create", "ada", stdin="lovelace\n")
        yield server


def ask(server: Server, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, list[str]]:
    """A request to the embedded AWS, as a page or another user of the machine sends it."""
    endpoint = published_endpoint(server.state)
    assert endpoint
    with contextlib.closing(
        http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)
    ) as connection:
        connection.request(
            method, path, body.encode(), {key.replace("_", "-"): value for key, value in headers.items()}
        )
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, text, [name.lower() for name, _ in response.getheaders()]


def ask_api(server: Server, method: str, path: str, login: str, body: str = "") -> Answer:
    credentials = base64.b64encode(login.encode()).decode()
    return server.api.send(method, PREFIX + path, {"Authorization": f"Basic {credentials}"}, body.encode())


SENDERS = [
    {},
    {"Origin": "https://attacker.example", "Content_Type": "text/plain"},
    {
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, "
        f"SignedHeaders=host, Signature={'0' * 64}"
    },
]


@pytest.mark.parametrize("sender", SENDERS)
def test_no_password_hash_is_read_past_the_api(guarded: Server, sender: dict[str, str]) -> None:
    body = json.dumps({"TableName": "updraft-local-users"})
    answer, text, names = ask(guarded, "POST", "/", body, X_Amz_Target="DynamoDB_20120810.Scan", **sender)
    assert (answer, "$2b$" in text) == (403, False)
    assert not [name for name in names if name.startswith("access-control")]


@pytest.mark.parametrize("sender", SENDERS)
def test_no_user_is_put_past_the_api(guarded: Server, sender: dict[str, str]) -> None:
    body = json.dumps({"TableName": "updraft-local-users", "Item": {"username": {"S": "mallory"}}})
    answer, _, _ = ask(guarded, "POST", "/", body, X_Amz_Target="DynamoDB_20120810.PutItem", **sender)
    assert answer == 403
    assert "mallory" not in guarded.command_line("users", "list")
    assert ask_api(guarded, "GET", "/pools", "ada:lovelace").status == 200
    assert ask_api(guarded, "GET", "/pools", "mallory:guessed").status == 401


def test_a_page_that_asks_before_is_told_nothing(guarded: Server) -> None:
    answer, _, names = ask(
        guarded,
        "OPTIONS",
        "/",
        Origin="https://attacker.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="x-amz-target",
    )
    assert answer == 403
    assert not [name for name in names if name.startswith("access-control")]


def test_a_task_uses_the_embedded_aws_with_the_key_in_its_environment(guarded: Server) -> None:
    assert ask_api(guarded, "POST", "/dags/uses_aws/dag_runs", "ada:lovelace", "{}").status == 200

    def state() -> str:
        (run,) = ask_api(guarded, "GET", "/dags/uses_aws/dag_runs", "ada:lovelace").body
        return str(run["state"])

    wait_for(lambda: state() in ("success", "failed"), 60)
    assert state() == "success"


def test_nobody_else_gets_at_the_state_or_the_key(guarded: Server) -> None:
    wide = [path for path in guarded.state.rglob("*") if path.lstat().st_mode & 0o077]
    assert (oct(guarded.state.stat().st_mode & 0o777), wide) == ("0o700", [])


def test_the_key_is_in_no_command_line_and_in_nothing_that_was_said(guarded: Server) -> None:
    endpoint = published_endpoint(guarded.state)
    assert endpoint
    arguments = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in guarded.pids())
    log = (guarded.state / "emulator.log").read_text()
    for text in (arguments.decode(), guarded.output, log):
        assert endpoint.secret_access_key not in text
