"""What needs rights that a plain run does not: all of it under the policies that are deployed.

That nobody was refused anything is looked at when all tests are through, by the fixture `project`.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.deploy.provisioning.api_gateway import standing_throttling, throttle, throttling_of
from chalicelib.settings import Settings
from tests.e2e.stage.project import API, STAGE, Project
from tests.e2e.stage.waiting import is_done, until
from tests.scripted.asking import Answer

pytestmark = pytest.mark.e2e

DAG = f"{API}/dags/e2e_greeting"
LARGE = "x" * 600_000
"""More than an item of DynamoDB holds, and than a message of SQS."""


def trigger(stage: Project, body: dict[str, Any], **headers: str) -> Answer:
    return stage.gateway.call("POST", f"{DAG}/dag_runs", body, **headers)


def test_a_large_conf_and_a_large_xcom_reach_the_next_task(open_stage: Project) -> None:
    call = open_stage.gateway.call
    assert call("GET", f"{DAG}/paused/false").status == 200

    made = trigger(open_stage, {"execution_date": "2024-05-01", "conf": {"name": LARGE}})

    assert made.status == 200, f"{made}\n{open_stage.function_logs()}"
    run = f"{DAG}/dag_runs/2024-05-01"
    until(lambda: call("GET", run), is_done, open_stage)
    lineage = call("GET", f"{API}/lineage/e2e_greeting/2024-05-01")
    assert list(lineage.body["task_ids"]) == ["write"]
    assert call("GET", f"{API}/latest_runs").body["items"]


def test_a_task_gets_a_connection_whose_password_is_nowhere_to_be_read(open_stage: Project) -> None:
    call, dag = open_stage.gateway.call, f"{API}/dags/e2e_connection"
    open_stage.on_its_tables(
        "connections", "add", "shop", "--conn-uri", "https://ada:tolstoy-1869@shop.example"
    )
    (item,) = aws.client("dynamodb").scan(TableName=f"updraft-{STAGE}-connections")["Items"]
    assert item["host"] == {"S": "shop.example"}
    assert "tolstoy" not in json.dumps(item)

    assert call("GET", f"{dag}/paused/false").status == 200
    assert call("POST", f"{dag}/dag_runs", {"execution_date": "2024-05-01"}).status == 200

    until(lambda: call("GET", f"{dag}/dag_runs/2024-05-01"), is_done, open_stage)
    log = open_stage.on_its_tables("tasks", "logs", "e2e_connection", "connect", "2024-05-01")
    assert "to shop.example by ***" in log


def test_a_trigger_and_a_pool_with_a_key_are_made_once(open_stage: Project) -> None:
    call = open_stage.gateway.call
    body = {"run_id": "once", "execution_date": "2024-05-02", "conf": {"name": "Amelia"}}

    first, again = (trigger(open_stage, body, Idempotency_Key="a-key") for _ in range(2))
    other = trigger(open_stage, {**body, "conf": {}}, Idempotency_Key="a-key")

    assert (first.status, again.status, other.status) == (200, 200, 409), open_stage.function_logs()
    assert again.body == first.body
    pool = {"name": "e2e_wide", "slots": 40, "description": "in several parts"}
    assert {call("POST", f"{API}/pools", pool, Idempotency_Key="a-key").status for _ in range(2)} == {200}
    assert call("POST", f"{API}/pools", {**pool, "slots": 1}).body["slots"] == 1
    assert call("DELETE", f"{API}/pools/e2e_wide").status == 200


def test_runs_are_read_page_by_page(open_stage: Project) -> None:
    call = open_stage.gateway.call
    for day in ("03", "04", "05"):
        trigger(open_stage, {"execution_date": f"2024-05-{day}", "conf": {"name": "Bessie"}})

    first = call("GET", f"{DAG}/dag_runs?limit=2&execution_date_gte=2024-05-03&execution_date_lte=2024-05-05")
    _, link = first.headers["link"].rsplit(", ", 1)
    second = call("GET", link[link.index("<") + 1 : link.index(">")])

    assert link.endswith('; rel="next"')
    days = [run["execution_date"][:10] for page in (first, second) for run in page.body]
    assert sorted(days) == ["2024-05-03", "2024-05-04", "2024-05-05"]


def test_a_dag_that_ran_is_deleted_by_airflows_client_and_comes_back(open_stage: Project) -> None:
    call = open_stage.gateway.call
    assert call("GET", f"{DAG}/paused/false").status == 200
    trigger(open_stage, {"execution_date": "2024-05-06", "conf": {"name": "Charles"}})
    run = f"{DAG}/dag_runs/2024-05-06"
    until(lambda: call("GET", run), is_done, open_stage)

    # Runs of other tests may be under way: as in Airflow, a running task prevents it.
    until(lambda: call("DELETE", f"{DAG}/delete_dag"), lambda deletion: deletion.status == 200, open_stage)

    until(lambda: call("GET", f"{DAG}/paused"), lambda dag: dag.body == {"is_paused": True}, open_stage)
    assert call("GET", run).status == 404
    assert call("GET", f"{DAG}/dag_runs").body == []


def test_the_tick_looks_for_runs_that_are_due_and_pools_that_are_waited_for(open_stage: Project) -> None:
    event = {
        "version": "0",
        "account": "000000000000",
        "region": "us-east-1",
        "detail": {},
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": "2024-05-01T00:00:00Z",
        "id": "e2e",
        "resources": [],
    }
    called = aws.client("lambda").invoke(
        FunctionName=open_stage.deployed.functions["tick"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in called, called["Payload"].read()


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        ("api_handler", "dag_runs"),
        ("scheduler", "dag_runs"),
        ("worker", "task_instances"),
        ("triggerer", "task_instances"),
        ("events", "dag_runs"),
        ("tick", "dag_runs"),
    ],
)
def test_a_function_reaches_its_own_stage_and_no_other(open_stage: Project, handler: str, name: str) -> None:
    iam, region = aws.client("iam"), "us-east-1:000000000000"
    role = iam.get_role(RoleName=f"updraft-{STAGE}-{handler}")["Role"]["Arn"]

    def may(action: str, resource: str) -> bool:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
        )
        (result,) = answer["EvaluationResults"]
        return bool(result["EvalDecision"] == "allowed")

    table, queue = f"arn:aws:dynamodb:{region}:table/updraft-", f"arn:aws:sqs:{region}:updraft-"
    assert may("dynamodb:GetItem", f"{table}{STAGE}-{name}")
    assert may("sqs:SendMessage", f"{queue}{STAGE}-scheduling")
    key = f"arn:aws:ssm:{region}:parameter/updraft-"
    assert may("ssm:GetParameter", f"{key}{STAGE}-fernet_key") is (handler in ("worker", "triggerer"))
    for other in ("prod", f"{STAGE}-2"):
        assert not may("dynamodb:GetItem", f"{table}{other}-{name}")
        assert not may("sqs:SendMessage", f"{queue}{other}-scheduling")
        assert not may("ssm:GetParameter", f"{key}{other}-fernet_key")
        assert not may("s3:GetObject", f"arn:aws:s3:::updraft-{other}-bucket/dag_versions/a/1")


def test_a_request_too_many_is_told_when_to_come_back(open_stage: Project) -> None:
    api, apigateway = open_stage.deployed.rest_api_id, aws.client("apigateway")
    settings = Settings.from_environ({})
    one = replace(settings, throttling_rate_limit=1, throttling_burst_limit=1)
    as_deployed = standing_throttling(api, apigateway)
    throttle(api, one, apigateway)
    try:
        with ThreadPoolExecutor(20) as callers:
            asked = [callers.submit(open_stage.gateway.call, "GET", f"{API}/info") for _ in range(20)]
            answers = [each.result() for each in asked]
    finally:
        rate, burst = (as_deployed[name] for name in throttling_of(settings))
        throttle(api, replace(one, throttling_rate_limit=rate, throttling_burst_limit=burst), apigateway)

    refused = [answer for answer in answers if answer.status != 200]
    assert refused
    for answer in refused:
        assert (answer.status, answer.body) == (429, {"error": "Too Many Requests"})
        assert answer.headers["retry-after"] == "1"
    assert open_stage.gateway.call("GET", f"{API}/info").status == 200
