"""Commands of a tool as Bash tasks; a channel is told of those that fail."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
from airflow.providers.slack.notifications.slack_webhook import send_slack_webhook_notification


def alert(context):
    hook = SlackWebhookHook(slack_webhook_conn_id="slack_alerts")
    hook.send(
        text=f":red_circle: {context['task_instance'].task_id} on {context['ds']}: {context['exception']}"
    )


with DAG(
    "dbt_like",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    default_args={"on_failure_callback": alert, "env": {"TARGET": "{{ var.value.get('target', 'dev') }}"}},
    on_failure_callback=send_slack_webhook_notification(
        slack_webhook_conn_id="slack_alerts", text="{{ dag.dag_id }} failed in {{ run_id }}"
    ),
):
    seed = BashOperator(task_id="seed", bash_command="echo seed --target $TARGET", append_env=True)
    models = [
        BashOperator(task_id=f"run_{name}", bash_command=f"echo run --select {name}; exit {code}")
        for name, code in {"orders": 0, "customers": 3}.items()
    ]
    report = BashOperator(task_id="report", bash_command="echo done", trigger_rule="all_done")
    seed >> models >> report
