"""A stage made by `chalice deploy`: requests enter by API Gateway, queues drive the functions."""

import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from chalicelib import aws
from tests.e2e.project import CLOSED, Answer, Project

pytestmark = pytest.mark.e2e

API = "/api/experimental"
RUN_SECONDS = 60
"""Far more than a chain of three takes: each function's first call imports it on a busy machine."""


def until(state: str, ask: Callable[[], Answer], project: Project) -> None:
    """Ask every now and then until the answer's state is `state`."""
    deadline = time.monotonic() + RUN_SECONDS
    answer = ask()
    while answer.json.get("state") != state and time.monotonic() < deadline:
        time.sleep(0.2)
        answer = ask()
    assert answer.json.get("state") == state, f"{answer}\n{project.function_logs()}"


def messages_in(queue: str) -> int:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def kept_log(dag_id: str, task_id: str) -> str:
    """The log of a task's first try, in the bucket."""
    s3, bucket = aws.client("s3"), "updraft-e2e-bucket"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"logs/dag_id={dag_id}/")["Contents"]
    (key,) = (entry["Key"] for entry in listed if f"task_id={task_id}/" in entry["Key"])
    assert key.endswith("attempt=1.log")
    return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def test_the_api_answers_at_airflows_own_path(open_stage: Project):
    answer = open_stage.gateway.call("GET", f"{API}/test")
    assert (answer.status, answer.json) == (200, {"status": "OK"})


@pytest.mark.parametrize("path", ["/api/nothing", f"{API}/nothing", f"{API}/dags/d/nothing"])
def test_an_unknown_path_is_not_found_in_json(open_stage: Project, path: str):
    answer = open_stage.gateway.call("GET", path)
    assert (answer.status, answer.json) == (404, {"error": "Not found"})
    assert answer.headers["Content-Type"] == "application/json"


def test_a_triggered_chain_is_run_to_its_end_by_the_queues(open_stage: Project):
    call = open_stage.gateway.call
    dag = f"{API}/dags/e2e_chain"
    unpaused = call("GET", f"{dag}/paused/false")
    assert unpaused.json == {"response": "ok"}, open_stage.function_logs()

    triggered = call("POST", f"{dag}/dag_runs", {"conf": {"name": "Orville"}})

    assert triggered.status == 200, f"{triggered}\n{open_stage.function_logs()}"
    run = f"{dag}/dag_runs/{quote(triggered.json['execution_date'], safe='')}"
    until("success", lambda: call("GET", run), open_stage)
    states = {task: call("GET", f"{run}/tasks/{task}").json["state"] for task in ("name", "greet", "check")}
    assert states == {"name": "success", "greet": "success", "check": "success"}
    assert "greeting somebody" in open_stage.function_logs()  # CloudWatch
    assert "greeting somebody" in kept_log("e2e_chain", "name")
    for queue in ("scheduling", "tasks"):
        assert messages_in(f"updraft-e2e-{queue}-dead-letters") == 0


@pytest.mark.parametrize("handler", ["scheduler", "worker"])
def test_lambda_lets_a_long_chain_of_tasks_go_on(open_stage: Project, handler: str):
    function = open_stage.deployed.functions[handler]
    config = aws.client("lambda").get_function_recursion_config(FunctionName=function)
    assert config["RecursiveLoop"] == "Allow"


def test_lambda_stops_a_dag_whose_task_triggers_it_again_by_an_event(open_stage: Project):
    config = aws.client("lambda").get_function_recursion_config(
        FunctionName=open_stage.deployed.functions["events"]
    )
    assert config["RecursiveLoop"] == "Terminate"


@pytest.mark.parametrize("handler", ["scheduler", "worker", "events"])
def test_lambda_asks_which_messages_of_a_batch_have_failed(open_stage: Project, handler: str):
    mapping = open_stage.deployed.queue_mapping(handler)
    source = aws.client("lambda").get_event_source_mapping(UUID=mapping)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_each_source_of_events_triggers_a_run(open_stage: Project):
    s3, sns, sqs = aws.client("s3"), aws.client("sns"), aws.client("sqs")
    s3.create_bucket(Bucket="acme-incoming")
    topic = sns.create_topic(Name="acme-alerts")["TopicArn"]
    assert open_stage.connect_events().count("new: ") == 3
    assert "new: " not in open_stage.connect_events()

    s3.put_object(Bucket="acme-incoming", Key="orders/tea & c\u00e5ke.csv", Body=b"1")
    detail = json.dumps({"total": 129.9, "customer": "Zo\u00eb"})
    shop = {"Source": "acme.shop", "DetailType": "Order Placed", "Detail": detail}
    aws.client("events").put_events(Entries=[shop])
    high = {"severity": {"DataType": "String", "StringValue": "high"}}
    sns.publish(TopicArn=topic, Message="too hot", MessageAttributes=high)
    url = sqs.get_queue_url(QueueName="updraft-e2e-events")["QueueUrl"]
    greeting = {"kind": {"DataType": "String", "StringValue": "greeting"}}
    sqs.send_message(QueueUrl=url, MessageBody='{"who": "Orville"}', MessageAttributes=greeting)
    sqs.send_message(QueueUrl=url, MessageBody="nobody wants this")

    found = {"s3", "eventbridge", "sns", "sqs"}
    wait_for(lambda: sources_of_runs(open_stage) == found, open_stage)
    wait_for(lambda: messages_in("updraft-e2e-events-dead-letters") == 1, open_stage)


def sources_of_runs(project: Project) -> set[str]:
    runs = project.gateway.call("GET", f"{API}/dags/example_hello/dag_runs").json
    return {run["run_id"].partition("__")[0] for run in runs}


def wait_for(condition: Callable[[], bool], project: Project) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{sources_of_runs(project)}\n{project.function_logs()}"
        time.sleep(0.2)


def test_a_changed_stage_keeps_the_address_of_its_api(open_stage: Project):
    before = open_stage.deployed.rest_api_id
    open_stage.deploy(CLOSED)
    assert open_stage.deployed.rest_api_id == before


@pytest.mark.parametrize("authorization", [None, "Basic YWRhOmxvdmVsYWNl"])
def test_with_deny_all_every_route_is_forbidden(closed_stage: Project, authorization: str | None):
    routes = closed_stage.protected_routes()
    assert ("GET", f"{API}/test") in routes

    answers = {
        (method, path): closed_stage.gateway.call(method, path, authorization=authorization)
        for method, path in routes
    }

    # The answer to HEAD has no body.
    assert {route: (answer.status, answer.json) for route, answer in answers.items()} == {
        (method, path): (403, None if method == "HEAD" else {"error": "Forbidden"}) for method, path in routes
    }
