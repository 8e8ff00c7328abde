"""A stage made by CloudFormation, of what `python -m chalicelib package` writes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from chalicelib import aws
from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.description.functions import LOOPING_HANDLERS
from chalicelib.deploy.description.resources import Table, stage_resources
from chalicelib.deploy.provisioning.api_gateway import gateway_responses
from chalicelib.settings import Settings
from tests.e2e.conftest import DAGS, PROJECT
from tests.e2e.stage.project import API, OPEN, Project, stage_project
from tests.e2e.stage.stack import CLOUDFORMATION, Stack, complaints, packaged
from tests.e2e.stage.user_packages import ask_for_greetings, functions_with_layers, versions_of_the_layer
from tests.e2e.stage.waiting import is_done, until

pytestmark = pytest.mark.e2e

STAGE = "stack"
RESOURCES = stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": STAGE}))

HELLO = f"{API}/dags/example_hello"


@pytest.fixture(scope="module")
def stack(_aws: None, adapter_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An open stage with the DAGs that are shipped, a user package, and events from everywhere."""
    if not CLOUDFORMATION.exists():
        pytest.fail(f"{CLOUDFORMATION} is missing: run `make e2e`, which makes it", pytrace=False)
    project = stage_project(PROJECT, tmp_path_factory.mktemp("stack") / "updraft", adapter_port)
    project.stage = STAGE
    project.set_stage(OPEN)
    shutil.copy(DAGS / "events.toml", project.directory / "chalicelib" / "dags")
    ask_for_greetings(project, "1.0")
    aws.client("s3").create_bucket(Bucket="acme-incoming")  # which events.toml names, as the topic
    aws.client("sns").create_topic(Name="acme-alerts")
    made = Stack(name=f"updraft-{STAGE}", project=project, template=packaged(project))
    try:
        made.create()
        project.command_line("sync", "--stage", STAGE)
        yield made
    finally:
        made.delete()


def findings(project: Project) -> dict[str, str]:
    """What `doctor` finds, by subject."""
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib", "doctor", "--stage", STAGE],
        cwd=project.directory,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line.removeprefix("WRONG  ") for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert wrong, done.stderr
    return dict(line.split(". To do")[0].split(": ", maxsplit=1) for line in wrong)


def test_awss_linter_has_nothing_against_the_template(stack: Stack, tmp_path: Path) -> None:
    assert complaints(stack.template, tmp_path) == ""


def test_a_run_goes_through_the_functions_and_queues_of_the_stack(stack: Stack) -> None:
    call = stack.gateway.call
    assert call("GET", f"{HELLO}/paused/false").body == {"response": "ok"}
    triggered = call("POST", f"{HELLO}/dag_runs", {"conf": {"who": "Orville"}})
    assert triggered.status == 200, triggered
    run = f"{HELLO}/dag_runs/{quote(triggered.body['execution_date'], safe='')}"
    until(lambda: call("GET", run), is_done, stack.project)


def test_a_layer_of_the_stack_has_the_user_packages_of_the_functions_that_load_user_code(
    stack: Stack,
) -> None:
    resources = stack.template["Resources"]
    (layer,) = (name for name, each in resources.items() if each["Type"] == "AWS::Lambda::LayerVersion")
    layers = {name: each["Properties"].get("Layers") for name, each in resources.items()}
    having = {name: found for name, found in layers.items() if found}
    assert having == {"Worker": [{"Ref": layer}], "Triggerer": [{"Ref": layer}]}
    (version,) = versions_of_the_layer(STAGE)
    named = {f"updraft-{STAGE}-{handler}": [version] for handler in ("worker", "triggerer")}
    assert functions_with_layers() == named


def test_the_rules_of_the_stack_lead_events_to_its_queue(stack: Stack) -> None:
    detail = json.dumps({"total": 129.9, "customer": "Zoë"})
    shop = {"Source": "acme.shop", "DetailType": "Order Placed", "Detail": detail}
    aws.client("events").put_events(Entries=[shop])
    high = {"severity": {"DataType": "String", "StringValue": "high"}}
    topic = aws.client("sns").create_topic(Name="acme-alerts")["TopicArn"]  # as it is
    aws.client("sns").publish(TopicArn=topic, Message="too hot", MessageAttributes=high)
    until(
        lambda: stack.gateway.call("GET", f"{HELLO}/dag_runs"),
        lambda answer: {run["run_id"].partition("__")[0] for run in answer.body} >= {"eventbridge", "sns"},
        stack.project,
    )


def test_connecting_the_events_again_finds_all_of_it_there(stack: Stack) -> None:
    said = stack.project.command_line("events", "connect", "--stage", STAGE)
    assert said == "4 declarations, all connected.\n"


def test_the_doctor_finds_only_what_the_emulator_leaves_out(stack: Stack) -> None:
    assert findings(stack.project) == {
        **{f"table {table.name}": left_out_of(table) for table in RESOURCES.tables},
        **{f"function updraft-{STAGE}-{each}": NO_LOOPS for each in LOOPING_HANDLERS},
        "REST API": "its endpoint is of no known type, not REGIONAL; "
        f"its gateway responses are not the app's: {', '.join(GATEWAY_RESPONSES)}",
    }


def left_out_of(table: Table) -> str:
    """What CloudFormation of ministack 1.5.33 does not make of a table."""
    indexes = [f"its index {index.name} is UNKNOWN" for index in table.indexes]
    expiry = ["its items do not expire"] if table.expires_at else []
    return "; ".join([*indexes, "its point-in-time recovery is off", *expiry])


NO_LOOPS = "Lambda will stop it in runs of more than some 16 tasks in a row (recursion config)"

GATEWAY_RESPONSES = [each.kind for each in gateway_responses(without_credentials(OPEN))]


def test_what_the_emulator_leaves_out_is_in_the_template(stack: Stack) -> None:
    resources = stack.template["Resources"]
    tables = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::DynamoDB::Table"]
    recovery = {"PointInTimeRecoveryEnabled": True}
    assert {table["TableName"] for table in tables} == {table.name for table in RESOURCES.tables}
    assert all(table["PointInTimeRecoverySpecification"] == recovery for table in tables)
    assert {
        table["TableName"]: table["TimeToLiveSpecification"]
        for table in tables
        if "TimeToLiveSpecification" in table
    } == {
        table.name: {"AttributeName": table.expires_at, "Enabled": True}
        for table in RESOURCES.tables
        if table.expires_at
    }
    assert {
        name for name, each in resources.items() if each["Properties"].get("RecursiveLoop") == "Allow"
    } == {
        "Scheduler",
        "Triggerer",
        "Worker",
    }
    assert resources["RestAPI"]["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    body = resources["RestAPI"]["Properties"]["Body"]
    assert set(body["x-amazon-apigateway-gateway-responses"]) == set(GATEWAY_RESPONSES)


def test_requests_enter_by_the_stage_in_airflows_path_alone(stack: Stack) -> None:
    stages = [
        each["Properties"]["StageName"]
        for each in stack.template["Resources"].values()
        if each["Type"] == "AWS::ApiGateway::Stage"
    ]
    assert stages == ["api"]


def test_the_data_outlives_the_stack_until_it_is_destroyed(stack: Stack) -> None:
    stack.delete()

    functions = [each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]]
    assert [name for name in functions if name.startswith(f"updraft-{STAGE}")] == []
    assert versions_of_the_layer(STAGE) == []
    kept = aws.client("dynamodb").scan(TableName=f"updraft-{STAGE}-dag_runs", Select="COUNT")["Count"]
    assert kept > 0
    assert aws.client("s3").list_objects_v2(Bucket=RESOURCES.bucket.name)["KeyCount"] > 0

    stack.project.command_line("destroy", "--stage", STAGE, "--data", "--yes")

    tables = set(aws.client("dynamodb").list_tables()["TableNames"])
    assert tables & {table.name for table in RESOURCES.tables} == set()
