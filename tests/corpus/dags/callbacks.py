"""Callbacks of tasks and of the DAG, and a notifier."""

from datetime import datetime

from airflow import DAG
from airflow.notifications.basenotifier import BaseNotifier
from airflow.operators.bash import BashOperator


class Print(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        print(self.text)


def told(what):
    def tell(context):
        print(what, context["ti"].task_id if "ti" in context else "")

    return tell


with DAG(
    "callbacks",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    on_failure_callback=told("the run failed"),
    default_args={
        "on_success_callback": told("succeeded"),
        "on_failure_callback": Print("failed on {{ ds }}"),
    },
):
    BashOperator(task_id="good", bash_command="true") >> BashOperator(task_id="bad", bash_command="false")
