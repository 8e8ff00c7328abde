"""Mail from tasks, and about tasks that failed, by the smtp package."""

import os
from datetime import datetime
from pathlib import Path

from airflow import DAG
from airflow.decorators import task
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.providers.smtp.notifications.smtp import SmtpNotifier, send_smtp_notification
from airflow.providers.smtp.operators.smtp import EmailOperator

with DAG(
    "letters",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    on_failure_callback=send_smtp_notification(
        from_email="runs@example.org",
        to="team@example.org",
        subject="{{ dag.dag_id }} failed",
        html_content="run",
    ),
):
    report = EmailOperator(
        task_id="report",
        to="ada@example.org, grace@example.org",
        cc=["team@example.org"],
        bcc="archive@example.org",
        subject="Orders of {{ ds }}",
        html_content="report.html",
        files=["{{ var.value.report }}"],
        custom_headers={"Reply-To": "owner@example.org"},
    )
    over_tls = EmailOperator(
        task_id="over_tls",
        conn_id="smtp_tls",
        to="ada@example.org",
        subject="TLS",
        html_content="<b>safe</b>",
    )
    refused = EmailOperator(
        task_id="refused", to="nobody@example.org", from_email="a@example.org", subject="x", html_content="x"
    )

    @task
    def by_hook():
        with SmtpHook() as hook:
            hook.send_email_smtp(
                to=["ada@example.org"], subject="by hook", html_content="text", mime_subtype="alternative"
            )
            works, message = hook.test_connection()
            assert works, message

    @task
    def write():
        Path(os.environ["AIRFLOW_VAR_REPORT"]).write_text("id\n1\n")

    @task(
        on_failure_callback=SmtpNotifier(
            from_email="airflow@example.org",
            to="oncall@example.org",
            subject="{{ ti.task_id }} is {{ ti.state }}",
            template=str(Path(__file__).with_name("failure.html")),
        )
    )
    def breaks():
        raise ValueError("no orders")

    @task(
        on_success_callback=[
            SmtpNotifier(
                from_email="runs@example.org",
                to=["ada@example.org"],
                subject="{{ ti.task_id }} of {{ ds }}",
                html_content="{{ run_id }}",
            )
        ]
    )
    def ends_well():
        return 1

    write() >> report
    by_hook(), breaks(), ends_well()
