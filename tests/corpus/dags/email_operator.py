"""Mail: without a server at hand the task fails, and says why."""

from datetime import datetime

from airflow import DAG
from airflow.operators.email import EmailOperator

with DAG("email_operator", start_date=datetime(2026, 1, 1), schedule=None):
    EmailOperator(
        task_id="send", to="ada@example.com", subject="Report of {{ ds }}", html_content="<p>Done</p>"
    )
