"""Queues and topics: batches, filters, both ways of waiting, callbacks with notifiers."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.operators.python import PythonOperator
from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.providers.amazon.aws.hooks.sqs import SqsHook
from airflow.providers.amazon.aws.notifications.sns import SnsNotifier, send_sns_notification
from airflow.providers.amazon.aws.notifications.sqs import SqsNotifier
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.operators.sqs import SqsPublishOperator
from airflow.providers.amazon.aws.sensors.sqs import SqsSensor

TOPIC = "arn:aws:sns:us-east-1:123456789012:corpus-topic"
QUEUE = "{{ ti.xcom_pull(task_ids='queue')['work'] }}"


def fail():
    raise RuntimeError("broken pipe")


with DAG(
    "own_messages",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    default_args={"aws_conn_id": "aws_default", "retry_delay": timedelta(seconds=1)},
) as dag:

    @task
    def queue():
        hook = SqsHook()
        return {
            "work": hook.create_queue("own-work")["QueueUrl"],
            "late": hook.create_queue("own-late", attributes={"DelaySeconds": "3"})["QueueUrl"],
            "inbox": hook.get_conn().get_queue_url(QueueName="corpus-inbox")["QueueUrl"],
        }

    @task
    def messages(ds=None):
        return [f'{{"n": {n}, "day": "{ds}"}}' for n in range(3)]

    send = SqsPublishOperator.partial(task_id="send", sqs_queue=QUEUE).expand(message_content=messages())
    exact = SqsSensor(
        task_id="exact", sqs_queue=QUEUE, max_messages=10, wait_time_seconds=0, poke_interval=1, timeout=20,
        mode="reschedule", delete_message_on_reception=True,
        message_filtering="literal", message_filtering_match_values=['{"n": 1, "day": "2026-01-02"}'],
    )
    soft = SqsSensor(
        task_id="soft", sqs_queue=QUEUE, wait_time_seconds=0, poke_interval=1, timeout=2, soft_fail=True,
        message_filtering="jsonpath", message_filtering_config="missing", mode="reschedule",
    )
    late = SqsSensor(
        task_id="late", sqs_queue="{{ ti.xcom_pull(task_ids='queue')['late'] }}", wait_time_seconds=0, deferrable=True,
        poke_interval=1, timeout=30, max_messages=5,
    )

    @task
    def feed(urls):
        answer = SqsHook().send_message(urls["late"], "here", message_attributes={"k": {"DataType": "String", "StringValue": "v"}})
        return "MessageId" in answer

    missing = SnsPublishOperator(task_id="missing", target_arn=TOPIC + "-not", message="lost", retries=1)
    failing = PythonOperator(
        task_id="failing",
        python_callable=fail,
        on_failure_callback=[
            SnsNotifier(target_arn=TOPIC, message="{{ ti.task_id }} failed: {{ exception }}", subject="Alarm {{ ds }}"),
            SqsNotifier(queue_url="{{ ti.xcom_pull(task_ids='queue')['late'] }}", message_body="late {{ ds }}"),
        ],
    )
    told = PythonOperator(
        task_id="told",
        python_callable=lambda: "done",
        on_success_callback=send_sns_notification(target_arn=TOPIC, message="{{ ti.task_id }} of {{ dag.dag_id }}"),
    )

    @task(trigger_rule="all_done")
    def check(urls):
        import json

        found = []
        for _ in range(4):
            answer = SqsHook().get_conn().receive_message(QueueUrl=urls["inbox"], MaxNumberOfMessages=10)
            found += [json.loads(each["Body"]) for each in answer.get("Messages", [])]
        return sorted([each.get("Subject") or "", each["Message"]] for each in found)

    urls = queue()
    fed = feed(urls)
    urls >> send >> exact >> soft
    fed >> late
    urls >> missing
    urls >> failing
    [failing, told] >> check(urls)
