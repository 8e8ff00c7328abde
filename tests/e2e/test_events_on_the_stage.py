"""Events of other services, from where they happen to the runs that they trigger."""

import json

import pytest

from chalicelib import aws
from tests.e2e.stage.project import API, Project
from tests.e2e.stage.waiting import until

pytestmark = pytest.mark.e2e

DEAD_LETTERS = "updraft-e2e-events-dead-letters"


def test_each_source_of_events_triggers_a_run(open_stage: Project) -> None:
    s3, sns, sqs = aws.client("s3"), aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name="acme-alerts")["TopicArn"]  # as it is

    s3.put_object(Bucket="acme-incoming", Key="orders/tea & cåke.csv", Body=b"1")
    detail = json.dumps({"total": 129.9, "customer": "Zoë"})
    shop = {"Source": "acme.shop", "DetailType": "Order Placed", "Detail": detail}
    aws.client("events").put_events(Entries=[shop])
    high = {"severity": {"DataType": "String", "StringValue": "high"}}
    sns.publish(TopicArn=topic, Message="too hot", MessageAttributes=high)
    url = sqs.get_queue_url(QueueName="updraft-e2e-events")["QueueUrl"]
    greeting = {"kind": {"DataType": "String", "StringValue": "greeting"}}
    sqs.send_message(QueueUrl=url, MessageBody='{"who": "Orville"}', MessageAttributes=greeting)

    until(
        lambda: open_stage.gateway.call("GET", f"{API}/dags/example_hello/dag_runs"),
        lambda answer: {run["run_id"].partition("__")[0] for run in answer.body} >= SOURCES,
        open_stage,
    )


SOURCES = {"s3", "eventbridge", "sns", "sqs"}


def test_what_triggers_nothing_is_put_aside_with_the_reason(open_stage: Project) -> None:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="updraft-e2e-events")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="nobody wants this")
    dead = sqs.get_queue_url(QueueName=DEAD_LETTERS)["QueueUrl"]
    found: list[tuple[str, str]] = []
    for _ in range(3):
        answer = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=9, MessageAttributeNames=["All"])
        for message in answer.get("Messages", ()):
            found.append((message["Body"], message["MessageAttributes"]["ErrorMessage"]["StringValue"]))
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
        if found:
            break
    assert found == [("nobody wants this", "No declaration fits this message")], open_stage.function_logs()


def test_lambda_stops_a_dag_whose_task_triggers_it_again_by_an_event(open_stage: Project) -> None:
    function = open_stage.deployed.functions["events"]
    config = aws.client("lambda").get_function_recursion_config(FunctionName=function)
    assert config["RecursiveLoop"] == "Terminate"
