"""Notifiers of packages as callbacks of tasks and of the DAG."""

import os
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.providers.amazon.aws.notifications.sqs import send_sqs_notification
from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.providers.smtp.notifications.smtp import send_smtp_notification

of_dag = [
    SnsNotifier(target_arn=os.environ["TOPIC"], message="{{ dag.dag_id }} is over", subject="Run"),
    send_sqs_notification(queue_url=os.environ["QUEUE"], message_body="{{ dag_run.run_id }}"),
]

with DAG("told", start_date=datetime(2026, 1, 1), schedule=None, on_success_callback=of_dag):

    @task(
        on_success_callback=SlackNotifier(
            slack_conn_id="slack_api", text="{{ ti.task_id }} is {{ ti.state }}", channel="#runs"
        )
    )
    def good():
        return 1

    @task(
        retries=1,
        retry_delay=0,
        on_retry_callback=send_smtp_notification(
            from_email="runs@example.org",
            to="ada@example.org",
            subject="{{ ti.task_id }} is tried again",
            html_content="{{ exception }}",
        ),
    )
    def at_last(ti=None):
        assert ti.try_number > 1, "too early"

    good() >> at_last()
