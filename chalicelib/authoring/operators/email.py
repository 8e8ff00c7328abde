"""``EmailOperator``: sends a mail."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.authoring.model.baseoperator import BaseOperator

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class EmailOperator(BaseOperator):
    """Sends a mail with the backend and the server of Airflow's ``[email]`` and ``[smtp]``."""

    template_fields: Sequence[str] = ("to", "subject", "html_content", "files")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"html_content": "html"}
    template_ext: Sequence[str] = (".html",)
    ui_color = "#e6faf9"

    def __init__(
        self,
        *,
        to: list[str] | str,
        subject: str,
        html_content: str,
        files: list[str] | None = None,
        cc: list[str] | str | None = None,
        bcc: list[str] | str | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        conn_id: str | None = None,
        custom_headers: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.subject = subject
        self.html_content = html_content
        self.files = files or []
        self.cc = cc
        self.bcc = bcc
        self.mime_subtype = mime_subtype
        self.mime_charset = mime_charset
        self.conn_id = conn_id
        self.custom_headers = custom_headers

    def execute(self, context: "Context") -> None:  # noqa: ARG002 - Airflow's signature
        """Send it."""
        from chalicelib.authoring.surroundings.mail import send_email

        send_email(
            self.to,
            self.subject,
            self.html_content,
            files=self.files,
            cc=self.cc,
            bcc=self.bcc,
            mime_subtype=self.mime_subtype,
            mime_charset=self.mime_charset,
            conn_id=self.conn_id,
            custom_headers=self.custom_headers,
        )
