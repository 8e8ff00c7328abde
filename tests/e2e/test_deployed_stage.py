"""A stage made by `chalice deploy`: requests enter by API Gateway, queues drive the functions."""

from urllib.parse import quote

import pytest

from chalicelib import aws
from tests.e2e.stage.project import API, Project
from tests.e2e.stage.waiting import is_done, until

pytestmark = pytest.mark.e2e


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


def test_the_api_answers_at_airflows_own_path(open_stage: Project) -> None:
    answer = open_stage.gateway.call("GET", f"{API}/test")
    assert (answer.status, answer.body) == (200, {"status": "OK"})


def test_a_triggered_chain_is_run_to_its_end_by_the_queues(open_stage: Project) -> None:
    call = open_stage.gateway.call
    dag = f"{API}/dags/e2e_chain"
    unpaused = call("GET", f"{dag}/paused/false")
    assert unpaused.body == {"response": "ok"}, open_stage.function_logs()

    triggered = call("POST", f"{dag}/dag_runs", {"conf": {"name": "Orville"}})

    assert triggered.status == 200, f"{triggered}\n{open_stage.function_logs()}"
    run = f"{dag}/dag_runs/{quote(triggered.body['execution_date'], safe='')}"
    until(lambda: call("GET", run), is_done, open_stage)
    states = {task: call("GET", f"{run}/tasks/{task}").body["state"] for task in ("name", "greet", "check")}
    assert states == {"name": "success", "greet": "success", "check": "success"}
    assert "greeting somebody" in open_stage.function_logs()  # CloudWatch
    assert "greeting somebody" in kept_log("e2e_chain", "name")
    for queue in ("scheduling", "tasks", "triggers"):
        assert messages_in(f"updraft-e2e-{queue}-dead-letters") == 0


def test_a_deferred_task_goes_on_when_its_trigger_fires(open_stage: Project) -> None:
    call = open_stage.gateway.call
    dag = f"{API}/dags/e2e_deferred"
    assert call("GET", f"{dag}/paused/false").status == 200
    assert call("POST", f"{dag}/dag_runs", {"execution_date": "2024-05-01"}).status == 200
    until(lambda: call("GET", f"{dag}/dag_runs/2024-05-01"), is_done, open_stage)
    assert "the trigger has fired: waited" in kept_log("e2e_deferred", "wait"), open_stage.function_logs()


@pytest.mark.parametrize("handler", ["scheduler", "worker", "triggerer"])
def test_lambda_lets_a_long_chain_of_tasks_go_on(open_stage: Project, handler: str) -> None:
    function = open_stage.deployed.functions[handler]
    config = aws.client("lambda").get_function_recursion_config(FunctionName=function)
    assert config["RecursiveLoop"] == "Allow"


@pytest.mark.parametrize("handler", ["scheduler", "worker", "triggerer", "events"])
def test_lambda_asks_which_messages_of_a_batch_have_failed(open_stage: Project, handler: str) -> None:
    mapping = open_stage.deployed.queue_mapping(handler)
    source = aws.client("lambda").get_event_source_mapping(UUID=mapping)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_doctor_finds_nothing_wrong(open_stage: Project) -> None:
    said = open_stage.command_line("doctor", "--stage", "e2e")
    assert said.endswith("Stage e2e is well.\n")
    assert "ok     function updraft-e2e-worker\n" in said
