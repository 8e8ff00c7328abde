"""Mails of tasks, received by a server of this test."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from chalicelib.authoring.exceptions import AirflowException, AirflowFailException
from chalicelib.authoring.operators.email import EmailOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.surroundings.mail import get_email_address_list, send_email_ses
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import a_dag, run

Received = list[tuple[list[str], Message]]


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """The mails that a server got: recipients and message."""
    mails: Received = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            recipients: list[str] = []
            self._say("220 here")
            while line := self.rfile.readline().decode().strip():
                if line.upper().startswith("RCPT"):
                    recipients.append(line.partition("<")[2].rstrip(">"))
                if line.upper() == "DATA":
                    self._say("354 go on")
                    lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                    mails.append((recipients, message_from_string("\n".join(lines))))
                self._say("221 bye" if line.upper() == "QUIT" else "250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.TCPServer(("127.0.0.1", 0), Session) as server:
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", str(server.server_address[1]))
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_STARTTLS", "False")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield mails
        server.shutdown()


def body_of(mail: Message) -> str:
    part = next(each for each in mail.walk() if not each.is_multipart())
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_an_operator_sends_a_rendered_mail(received: Received) -> None:
    with a_dag() as dag:
        EmailOperator(
            task_id="mail",
            to="a@example.com; b@example.com",
            cc=["c@example.com"],
            bcc="d@example.com",
            subject="of {{ ds }}",
            html_content="<b>{{ ti.task_id }}</b>",
            custom_headers={"Reply-To": "e@example.com"},
        )
    assert run(dag, "mail").result is TryResult.SUCCESS
    ((recipients, mail),) = received
    assert recipients == [f"{name}@example.com" for name in "abcd"]
    assert (mail["Subject"], mail["From"]) == ("of 2024-05-06", "airflow@example.com")
    assert (mail["To"], mail["CC"]) == ("a@example.com, b@example.com", "c@example.com")
    assert (mail["Reply-To"], body_of(mail)) == ("e@example.com", "<b>mail</b>")


@pytest.mark.parametrize(
    ("arguments", "error", "try_number", "subject"),
    [
        ({}, ValueError, 1, "failed"),
        ({"retries": 1}, ValueError, 1, "up_for_retry"),
        ({"retries": 1}, AirflowFailException, 1, "failed"),
        ({"retries": 1}, ValueError, 2, "failed"),
        ({"retries": 1, "email_on_retry": False}, ValueError, 1, None),
        ({"email_on_failure": False}, ValueError, 1, None),
        ({"email": None}, ValueError, 1, None),
    ],
)
def test_a_failed_try_is_told_by_mail(
    received: Received,
    arguments: dict[str, Any],
    error: type[Exception],
    try_number: int,
    subject: str | None,
) -> None:
    def fail() -> None:
        raise error("so it is\nand so")

    with a_dag() as dag:
        PythonOperator(**{"task_id": "a", "python_callable": fail, "email": ["x@example.com"], **arguments})
    run(dag, "a", try_number=try_number, max_tries=arguments.get("retries", 0))
    if subject is None:
        assert received == []
        return
    ((recipients, mail),) = received
    assert recipients == ["x@example.com"]
    text = "".join(mail["Subject"].splitlines())
    assert text == f"Airflow alert: <TaskInstance: x.a manual__2024-05-06T07:08:09+00:00 [{subject}]>"
    tries = arguments.get("retries", 0) + 1
    assert body_of(mail).startswith(
        f"Try {try_number} out of {tries}<br>Exception:<br>so it is<br>and so<br>Log: "
    )


def test_a_mail_that_cannot_be_sent_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", str(taken.getsockname()[1]))
        with a_dag() as dag:
            PythonOperator(task_id="a", python_callable=lambda: 1 / 0, email="x@example.com")
        assert run(dag, "a").reason == "ZeroDivisionError: division by zero"
    assert "Failed to send email to: x@example.com" in caplog.text


def test_ses_needs_a_sender_and_credentials() -> None:
    with pytest.raises(AirflowException, match="AIRFLOW__EMAIL__FROM_EMAIL"):
        send_email_ses("a@example.com", "s", "c")


def test_a_mail_goes_to_ses_with_the_keys_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://KEY:SECRET@/?region_name=eu-west-3")
    with mock_aws():
        get_session().create_client("ses", region_name="eu-west-3").verify_email_identity(
            EmailAddress="me@example.com"
        )
        send_email_ses(
            "a@example.com;b@example.com", "s", "<p>c</p>", from_email="me@example.com", bcc="d@e.fr"
        )
        (sent,) = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-3"].sent_messages
    assert sent.source == "me@example.com"
    assert {*sent.destinations} == {"a@example.com", "b@example.com", "d@e.fr"}
    assert "Subject: s" in sent.raw_data
    assert "d@e.fr" not in sent.raw_data


def test_ses_without_credentials_says_how_a_task_gets_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with pytest.raises(AirflowException, match="set AIRFLOW_CONN_AWS_DEFAULT=aws://"):
        send_email_ses("a@example.com", "s", "c", from_email="me@example.com")


@pytest.mark.parametrize("given", [5, [5]])
def test_what_is_no_address_is_refused(given: Any) -> None:
    with pytest.raises(TypeError):
        get_email_address_list(given)
