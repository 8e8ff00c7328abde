"""The smtp package over a real server of mail."""

from pathlib import Path

from tests.providers.kinds.running import DATE, dag, log_of, not_successful
from tests.providers.kinds.smtp_sink import LOGIN, PASSWORD, Mail, own_certificate, smtp_sink


def test_tasks_send_mail_and_mail_tells_of_failures(tmp_path: Path) -> None:
    with smtp_sink() as plain, smtp_sink(own_certificate(tmp_path)) as tls:
        connections = {
            "smtp_default": connection(
                plain.port, login=LOGIN, password=PASSWORD, disable_ssl=True, disable_tls=True
            ),
            "smtp_tls": connection(tls.port, disable_tls=True, ssl_context="none"),
        }
        environ = {"AIRFLOW_VAR_REPORT": str(tmp_path / "report.csv")}
        run = dag("letters.py", None, connections=connections, environ=environ).run(DATE)
    assert not_successful(run) == {"breaks", "refused"}, log_of(run)
    assert PASSWORD not in log_of(run)
    assert {mail.login for mail in plain.mails} == {LOGIN}
    by_subject = {str(mail.message["Subject"]): mail for mail in plain.mails}
    assert by_subject.keys() == {
        "Orders of 2026-01-02",
        "by hook",
        "ends_well of 2026-01-02",
        "letters failed",
        "breaks is failed",
    }, log_of(run)
    check_report(by_subject["Orders of 2026-01-02"])
    assert by_subject["breaks is failed"].receivers == ("oncall@example.org",)
    assert by_subject["breaks is failed"].sender == "airflow@example.org"
    assert "letters: no orders, try 1" in body(by_subject["breaks is failed"])
    (safe,) = tls.mails
    assert (safe.login, body(safe).strip()) == (None, "<b>safe</b>")


def check_report(mail: Mail) -> None:
    everybody = ("ada@example.org", "grace@example.org", "team@example.org", "archive@example.org")
    assert mail.receivers == everybody
    assert mail.message["Reply-To"] == "owner@example.org"
    assert mail.message["Bcc"] is None
    assert "Orders of <i>2026-01-02</i>, from report." in body(mail)
    (attached,) = mail.message.iter_attachments()
    assert (attached.get_filename(), attached.get_payload(decode=True)) == ("report.csv", b"id\n1\n")


def body(mail: Mail) -> str:
    part = mail.message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def connection(port: int, *, login: str = "", password: str = "", **extra: object) -> dict[str, object]:
    return {
        "conn_type": "smtp",
        "host": "localhost",
        "port": port,
        "login": login,
        "password": password,
        "extra": {"from_email": "airflow@example.org", "timeout": 20, **extra},
    }
