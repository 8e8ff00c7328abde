"""Mail: ``airflow.utils.email``, by SMTP or SES as ``[email] email_backend`` says."""

import logging
import re
import smtplib
import ssl
from collections.abc import Iterable, Mapping
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate
from pathlib import Path
from typing import Any

from chalicelib.authoring.exceptions import AirflowException, AirflowNotFoundException
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.authoring.surroundings.connections import BaseHook

log = logging.getLogger("airflow.task")

Addresses = str | Iterable[str]

_SES = "airflow.providers.amazon.aws.utils.emailer.send_email"
"""The backend by which Airflow's provider package sends mails."""


def send_email(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Iterable[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Send a mail by the backend of ``[email] email_backend``; raises what the backend raises."""
    path = conf.get("email", "email_backend")
    backend = send_email_ses if path == _SES else conf.getimport("email", "email_backend")
    backend(
        ", ".join(get_email_address_list(to)),
        subject,
        html_content,
        files=files,
        dryrun=dryrun,
        cc=cc,
        bcc=bcc,
        mime_subtype=mime_subtype,
        mime_charset=mime_charset,
        conn_id=conn_id or conf.get("email", "email_conn_id"),
        from_email=conf.get("email", "from_email", fallback=None),
        custom_headers=custom_headers,
        **kwargs,
    )


def send_email_smtp(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Iterable[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str = "smtp_default",
    from_email: str | None = None,
    custom_headers: Mapping[str, Any] | None = None,
    **_: Any,
) -> None:
    """Send a mail by the server of ``[smtp]``; raises ``ValueError`` without a sender, and SMTP's errors."""
    sender = conf.get("smtp", "smtp_mail_from", fallback=None) or from_email
    if sender is None:
        raise ValueError(
            "You should set from email - either by smtp/smtp_mail_from config or `from_email` parameter"
        )
    message, recipients = build_mime_message(
        sender, to, subject, html_content, files, cc, bcc, mime_subtype, mime_charset, custom_headers
    )
    send_mime_email(sender, recipients, message, conn_id, dryrun)


def send_email_ses(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Iterable[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str = "aws_default",
    from_email: str | None = None,
    custom_headers: Mapping[str, Any] | None = None,
    **_: Any,
) -> None:
    """Send a mail by SES, with the keys of the connection.

    The environment of a task has no credentials of AWS, so a connection has to give some. Raises
    ``AirflowException`` without a sender or keys.
    """
    if from_email is None:
        raise AirflowException("SES needs a sender: set AIRFLOW__EMAIL__FROM_EMAIL")
    message, recipients = build_mime_message(
        from_email, to, subject, html_content, files, cc, bcc, mime_subtype, mime_charset, custom_headers
    )
    if dryrun:
        return
    from botocore.exceptions import NoCredentialsError
    from botocore.session import get_session

    try:
        client = get_session().create_client("ses", **_keys_of(conn_id))
        client.send_raw_email(
            Source=from_email, Destinations=recipients, RawMessage={"Data": message.as_string()}
        )
    except NoCredentialsError:
        raise AirflowException(
            f"SES needs credentials, which tasks have not: set AIRFLOW_CONN_{conn_id.upper()}="
            "aws://ACCESS_KEY:SECRET_KEY@/?region_name=REGION, of a user that may do ses:SendRawEmail"
        ) from None


def _keys_of(conn_id: str) -> dict[str, Any]:
    """The arguments of a client of AWS, by a connection; none where that is not defined."""
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return {}
    given = {
        "aws_access_key_id": connection.login,
        "aws_secret_access_key": connection.password,
        "region_name": connection.extra_dejson.get("region_name"),
        "endpoint_url": connection.extra_dejson.get("endpoint_url"),
    }
    return {name: value for name, value in given.items() if value}


def build_mime_message(
    mail_from: str | None,
    to: Addresses,
    subject: str,
    html_content: str,
    files: Iterable[str] | None = None,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: Mapping[str, Any] | None = None,
) -> tuple[MIMEMultipart, list[str]]:
    """The message, and all its recipients, of which those of ``bcc`` are not named in it."""
    message = MIMEMultipart(mime_subtype)
    message["Subject"] = subject
    if mail_from:
        message["From"] = mail_from
    named, copied, hidden = (get_email_address_list(each or []) for each in (to, cc, bcc))
    message["To"] = ", ".join(named)
    if copied:
        message["CC"] = ", ".join(copied)
    message["Date"] = formatdate(localtime=True)
    message.attach(MIMEText(html_content, "html", mime_charset))
    for path in map(Path, files or ()):
        part = MIMEApplication(path.read_bytes(), Name=path.name)
        part["Content-Disposition"] = f'attachment; filename="{path.name}"'
        part["Content-ID"] = f"<{path.name}>"
        message.attach(part)
    for name, value in (custom_headers or {}).items():
        message[name] = value
    return message, [*named, *copied, *hidden]


def send_mime_email(
    e_from: str,
    e_to: str | list[str],
    mime_msg: MIMEMultipart,
    conn_id: str | None = "smtp_default",
    dryrun: bool = False,
) -> None:
    """Send a message by SMTP; a server that hangs up is tried ``[smtp] smtp_retry_limit`` times."""
    if dryrun:
        return
    limit = conf.getint("smtp", "smtp_retry_limit")
    for attempt in range(1, limit + 1):
        log.info("Email alerting: attempt %s", attempt)
        try:
            server = _server()
        except smtplib.SMTPServerDisconnected:
            if attempt == limit:
                raise
            continue
        with server:
            if conf.getboolean("smtp", "smtp_starttls"):
                server.starttls()
            user, password = _login(conn_id)
            if user and password:
                server.login(user, password)
            server.sendmail(e_from, e_to, mime_msg.as_string())
        log.info("Sent an alert email to %s", e_to)
        return


def _server() -> smtplib.SMTP:
    host, port = conf.get_mandatory_value("smtp", "smtp_host"), conf.getint("smtp", "smtp_port")
    timeout = conf.getint("smtp", "smtp_timeout")
    if not conf.getboolean("smtp", "smtp_ssl"):
        return smtplib.SMTP(host=host, port=port, timeout=timeout)
    return smtplib.SMTP_SSL(host=host, port=port, timeout=timeout, context=_ssl_context())


def _ssl_context() -> ssl.SSLContext | None:
    wanted = conf.get("email", "ssl_context", fallback="default")
    if wanted not in ("default", "none"):
        raise RuntimeError(
            "The email.ssl_context configuration variable must be set to 'default' or 'none' "
            f"and is '{wanted}'."
        )
    return ssl.create_default_context() if wanted == "default" else None


def _login(conn_id: str | None) -> tuple[str | None, str | None]:
    """User and password: of the connection, or else of ``[smtp]``."""
    if conn_id is not None:
        try:
            connection = BaseHook.get_connection(conn_id)
        except AirflowException:
            pass  # few have one: the options of the section do as well
        else:
            if connection.login and connection.password:
                return connection.login, connection.password
    user = conf.get("smtp", "smtp_user", fallback=None)
    return user, conf.get("smtp", "smtp_password", fallback=None)


def get_email_address_list(addresses: Addresses) -> list[str]:
    """Addresses of a text (parted by commas or semicolons) or of several; raises ``TypeError`` for others."""
    if isinstance(addresses, str):
        return re.split(r"\s*[,;]\s*", addresses)
    if not isinstance(addresses, Iterable):
        raise TypeError(f"Unexpected argument type: Received '{type(addresses).__name__}'.")
    listed = list(addresses)
    if not all(isinstance(item, str) for item in listed):
        raise TypeError("The items in your iterable must be strings.")
    return listed
