"""A stage's whole life against moto's AWS: deployed, killed anywhere, repeated, examined, destroyed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from moto import mock_aws

from chalicelib.auth.backends import BASIC_AUTH
from chalicelib.deploy.checks.backlog import check_backlog
from chalicelib.deploy.checks.doctor import examine
from chalicelib.deploy.deployment import Deployment
from chalicelib.deploy.description.functions import HANDLERS, QUEUE_OF
from chalicelib.deploy.description.layer import MOST_UNPACKED_BYTES
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.destruction import Destruction
from chalicelib.deploy.packaging.lambda_package import make_ready
from chalicelib.deploy.packaging.layer import LayerContents, layer_contents
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.deploy.provisioning.bucket import BucketNameTaken
from chalicelib.deploy.provisioning.connect_events import EventSourceMissing
from chalicelib.deploy.provisioning.log_groups import WRITTEN_AFTER_S
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage, StageError, read_stage
from chalicelib.deploy.steps import Step, StepFailed, carry_out
from chalicelib.deploy.validation import validate
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.engine.engine import Engine
from chalicelib.store.memory import MemoryStore
from chalicelib.user_packages.installed import measured
from tests.scripted.engines import engine_in_memory
from tests.unit.deploy.aws_in_memory import PACKAGE, Aws, Chalice, Killed, swagger
from tests.unit.deploy.packages_in_place import in_place

DAG = """
from airflow import DAG
with DAG("hello", schedule=None):
    pass
"""
TOPIC = "arn:aws:sns:eu-west-1:123456789012:nowhere"
EVENTS = """
[[event]]
dag_id = "hello"
source = "eventbridge"
pattern = { source = ["acme.shop"] }
"""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    dags = tmp_path / "chalicelib" / "dags"
    dags.mkdir(parents=True)
    (dags / "hello.py").write_text(DAG)
    (dags / "events.toml").write_text(EVENTS)
    variables = {
        "UPDRAFT__AWS__STAGE": "dev",
        "AIRFLOW__API__AUTH_BACKEND": BASIC_AUTH,
        "AIRFLOW__CORE__DAGS_FOLDER": "chalicelib/dags",
    }
    config = tmp_path / ".chalice" / "config.json"
    config.parent.mkdir()
    functions = {handler: {"iam_policy_file": f"policy-{handler}.json"} for handler in HANDLERS}
    stages = {"dev": {"environment_variables": variables}}
    config.write_text(json.dumps({"lambda_functions": functions, "stages": stages}))
    for handler in HANDLERS:
        queue = f"arn:{{partition}}:sqs:{{region}}:{{account}}:updraft-{{stage}}-{handler}"
        statement = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": queue}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        (config.parent / f"policy-{handler}.json").write_text(json.dumps(policy))
    return read_stage(tmp_path, "dev")


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


@pytest.fixture
def engine() -> Engine:
    return engine_in_memory(lambda: datetime(2026, 1, 1, tzinfo=UTC))


class Life:
    """What can be done with a stage, by one user."""

    def __init__(self, stage: Stage, aws: Aws, engine: Engine) -> None:
        self.stage, self.aws, self.engine = stage, aws, engine
        self.said: list[str] = []
        self.user_packages: LayerContents | None = None
        self.chalice = Chalice(aws, stage.variables)

    def deployment(self) -> Deployment:
        return Deployment(
            stage=self.stage,
            declarations=validate(self.stage, MemoryStore().variables),
            engine=lambda: self.engine,
            tell=self.said.append,
            user_packages=self.user_packages,
            client=self.aws.client,
            run_chalice=self.chalice,
            sleep=self.aws.sleep,
        )

    def destruction(self, *, data: bool = False) -> Destruction:
        return Destruction(
            stage=self.stage,
            data=data,
            client=self.aws.client,
            run_chalice=self.chalice,
            sleep=self.aws.sleep,
        )

    def plan(self) -> list[str]:
        return list(self.deployment().plan())

    def plan_of_destruction(self, *, data: bool = False) -> list[str]:
        return list(self.destruction(data=data).plan())

    def deploy(self) -> None:
        carry_out(self.deployment().steps(), self.said.append)

    def destroy(self, *, data: bool = False) -> None:
        carry_out(self.destruction(data=data).steps(), self.said.append)

    def wrong(self) -> dict[str, tuple[str, ...]]:
        findings = examine(self.stage, client=self.aws.client)
        return {finding.subject: finding.problems for finding in findings if not finding.ok}

    def ask_for(self, **modules: str) -> None:
        """Have packages in the DAGs folder's `requirements.txt`, each of one module."""
        folder = self.stage.project / f"installed-{len(self.said)}"
        self.user_packages = in_place(folder, self.stage, **modules)
        (self.stage.settings.dags_folder / "requirements.txt").write_text("\n".join(modules))

    def ask_for_none(self) -> None:
        """Take the `requirements.txt` away."""
        self.user_packages = None
        (self.stage.settings.dags_folder / "requirements.txt").unlink()

    def versions(self) -> list[str]:
        """The versions of the layer, the newest first."""
        answer = self.aws.client("lambda").list_layer_versions(LayerName="updraft-dev-user-packages")
        return [each["LayerVersionArn"] for each in answer["LayerVersions"]]

    def layers(self) -> dict[str, list[str]]:
        """The layers of the functions that have any, by handler."""
        functions = self.aws.client("lambda").list_functions()["Functions"]
        return {
            each["FunctionName"].removeprefix("updraft-dev-"): [layer["Arn"] for layer in each["Layers"]]
            for each in functions
            if each["Layers"]
        }

    def configure(self, handler: str, **settings: int | list[str]) -> None:
        """Change what `.chalice/config.json` says of a function."""
        path = self.stage.project / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["lambda_functions"][handler] |= settings
        path.write_text(json.dumps(config))

    def forget(self) -> None:
        (self.stage.project / ".chalice" / "deployed" / "dev.json").unlink()


@pytest.fixture
def life(stage: Stage, aws: Aws, engine: Engine) -> Life:
    return Life(stage, aws, engine)


def survives(life: Life, do: Any, moment: str) -> int:
    """Do it, killed before or after the first request of each kind; how often it was killed."""
    survived: set[str] = set()

    def dies(when: str, operation: str) -> bool:
        if when != moment or operation in survived:
            return False
        survived.add(operation)
        return True

    life.aws.dies_at = dies
    for deaths in range(200):
        try:
            do()
        except Killed:
            continue
        life.aws.dies_at = lambda when, operation: False
        return deaths
    raise AssertionError("it got nowhere")


def rest_apis(aws: Aws) -> int:
    return len(aws.client("apigateway").get_rest_apis()["items"])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deployment_that_is_killed_anywhere_is_mended_by_the_next(life: Life, moment: str) -> None:
    life.ask_for(greeting="TEXT = 'hello'")
    assert survives(life, life.deploy, moment) > 25

    assert life.wrong() == {}
    assert rest_apis(life.aws) == 1
    assert life.engine.store.dags.get("hello")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_destruction_that_is_killed_anywhere_is_finished_by_the_next(life: Life, moment: str) -> None:
    life.deploy()
    resources = stage_resources(life.stage.settings)

    assert survives(life, life.destroy, moment) > 15

    assert rest_apis(life.aws) == 0
    assert life.aws.client("lambda").list_functions()["Functions"] == []
    assert life.aws.client("events").list_rules()["Rules"] == []
    assert life.aws.client("sqs").list_queues().get("QueueUrls", []) == []
    assert life.aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    tables = life.aws.client("dynamodb").list_tables()["TableNames"]
    assert set(tables) == {table.name for table in resources.tables}
    assert [each["Name"] for each in life.aws.client("s3").list_buckets()["Buckets"]] == [
        "updraft-dev-bucket"
    ]


def test_a_destroyed_stage_can_be_deployed_again(life: Life) -> None:
    life.deploy()
    life.destroy()
    assert life.wrong() != {}
    life.deploy()
    assert life.wrong() == {}


def test_with_its_data_nothing_is_left_of_a_stage(life: Life) -> None:
    life.deploy()
    s3 = life.aws.client("s3")
    s3.put_object(Bucket="updraft-dev-bucket", Key="logs/1", Body=b"1")
    life.aws.client("logs").create_log_group(logGroupName="/aws/lambda/updraft-dev2-worker")

    life.destroy(data=True)
    life.destroy(data=True)

    assert life.aws.waited.count(WRITTEN_AFTER_S) == 1
    assert life.aws.client("dynamodb").list_tables()["TableNames"] == []
    assert s3.list_buckets()["Buckets"] == []
    assert life.aws.client("ssm").describe_parameters()["Parameters"] == []
    groups = life.aws.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/aws/lambda/updraft-dev2-worker"]


def test_the_key_to_connections_is_made_once_and_outlives_the_stage(life: Life) -> None:
    def key() -> str:
        value: str = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        return value

    ssm, name = life.aws.client("ssm"), "updraft-dev-fernet_key"
    life.deploy()
    first = key()
    Fernet(first)
    (parameter,) = ssm.describe_parameters()["Parameters"]
    assert (parameter["Type"], parameter["KeyId"]) == ("SecureString", "alias/aws/ssm")
    assert first not in " ".join(life.said)
    life.deploy()
    assert key() == first
    life.destroy()
    life.deploy()
    assert key() == first


def test_the_doctor_finds_a_key_to_connections_that_is_gone_or_not_encrypted(life: Life) -> None:
    ssm, name = life.aws.client("ssm"), "updraft-dev-fernet_key"
    life.deploy()
    ssm.delete_parameter(Name=name)
    assert life.wrong() == {f"parameter {name}": ("is missing",)}
    ssm.put_parameter(Name=name, Value="a key", Type="String")
    assert life.wrong() == {f"parameter {name}": ("is a String: the Fernet key lies there unencrypted",)}


def test_a_deployer_who_may_not_look_at_the_key_is_told(life: Life) -> None:
    life.aws.refuse("GetParameter", "AccessDeniedException", "ssm:GetParameter on updraft-dev-fernet_key")
    with pytest.raises(StepFailed, match=r"Fernet key: .*ssm:GetParameter on updraft-dev-fernet_key"):
        life.deploy()


def test_what_chalice_finds_to_deploy_is_ready(life: Life) -> None:
    life.deploy()
    (package,) = (life.stage.project / ".chalice" / "deployments").iterdir()
    made_ready = package.read_bytes()
    make_ready(package)
    assert package.read_bytes() == made_ready
    assert f"  0.0 MB for {this_runtime()} on x86_64" in life.said


def test_user_packages_travel_in_a_layer_of_the_functions_that_load_user_code(life: Life) -> None:
    layer = "layer updraft-dev-user-packages"
    life.deploy()
    assert life.layers() == {}
    assert not [line for line in life.plan() if "layer" in line]

    life.ask_for(greeting="TEXT = 'hello'", farewell="TEXT = 'bye'")
    assert f"create  {layer}" in life.plan()
    life.deploy()

    (version,) = life.versions()
    assert life.layers() == {"worker": [version], "triggerer": [version]}
    assert f"  published: {version}" in life.said
    assert any(line.startswith("  User packages: 2 distributions, 0.0 MB unpacked") for line in life.said)
    assert f"keep    {layer}" in life.plan()
    assert life.wrong() == {}


def test_a_layer_is_published_anew_when_its_contents_have_changed(life: Life) -> None:
    life.ask_for(greeting="TEXT = 'hello'")
    life.deploy()
    (first,) = life.versions()
    life.ask_for(greeting="TEXT = 'hello'")
    life.deploy()
    assert life.versions() == [first]
    assert f"  as before: {first}" in life.said

    life.ask_for(greeting="TEXT = 'good day'")
    assert "change  layer updraft-dev-user-packages" in life.plan()
    assert f"delete  layer {first.rpartition('layer:')[2]}" in life.plan()
    life.aws.calls.clear()
    life.deploy()

    (second,) = life.versions()
    assert second != first
    assert life.layers() == {"worker": [second], "triggerer": [second]}
    calls = life.aws.calls
    last_function = len(calls) - calls[::-1].index("UpdateFunctionConfiguration") - 1
    assert calls.index("PublishLayerVersion") < calls.index("UpdateFunctionConfiguration")
    assert last_function < calls.index("DeleteLayerVersion")


def test_a_layer_goes_with_the_last_user_package_and_with_its_stage(life: Life) -> None:
    life.ask_for(greeting="TEXT = 'hello'")
    life.deploy()
    (version,) = (each.rpartition("layer:")[2] for each in life.versions())
    life.ask_for_none()
    unasked = "is there, and requirements.txt in the DAGs folder asks for no packages"
    assert life.wrong() == {"layer updraft-dev-user-packages": (unasked,)}
    assert f"delete  layer {version}" in life.plan()
    life.deploy()
    assert (life.versions(), life.layers(), life.wrong()) == ([], {}, {})

    life.ask_for(greeting="TEXT = 'hello'")
    life.deploy()
    assert any(line.startswith("delete  layer updraft-dev-user-p") for line in life.plan_of_destruction())
    life.destroy()
    assert life.versions() == []


def test_a_stages_own_layers_stay_and_come_first(life: Life) -> None:
    made = life.aws.client("lambda").publish_layer_version(LayerName="fonts", Content={"ZipFile": PACKAGE})[
        "LayerVersionArn"
    ]
    life.configure("worker", layers=[made])
    life.ask_for(greeting="TEXT = 'hello'")
    life.deploy()
    (version,) = life.versions()
    assert life.layers() == {"worker": [made, version], "triggerer": [version]}
    life.ask_for_none()
    life.deploy()
    assert life.layers() == {"worker": [made]}


def test_the_doctor_finds_a_function_without_the_layer_and_a_layer_that_is_gone(life: Life) -> None:
    life.ask_for(greeting="TEXT = 'hello'")
    life.deploy()
    lambda_ = life.aws.client("lambda")
    lambda_.update_function_configuration(FunctionName="updraft-dev-triggerer", Layers=[])
    layer = "layer updraft-dev-user-packages"
    assert life.wrong() == {layer: ("updraft-dev-triggerer does not have version 1",)}
    lambda_.delete_layer_version(LayerName="updraft-dev-user-packages", VersionNumber=1)
    assert life.wrong() == {layer: ("is missing",)}
    life.deploy()
    assert life.wrong() == {}


def test_packages_that_lambda_would_not_take_are_refused_before_anything_is_changed(life: Life) -> None:
    life.ask_for(greeting="TEXT = 'hello'")
    assert life.user_packages
    with (life.user_packages.installed.folder / "model.bin").open("wb") as large:
        large.truncate(MOST_UNPACKED_BYTES)
    installed = measured(life.user_packages.installed.folder, ())
    life.user_packages = layer_contents(installed, life.stage)
    with pytest.raises(StepFailed, match=r"^Package: User packages are too large for a function: 250 MB"):
        life.deploy()
    assert not any(call.startswith(("Create", "Put", "Publish")) for call in life.aws.calls)


def test_another_checkout_deploys_the_same_stage(life: Life) -> None:
    life.deploy()
    record = (life.stage.project / ".chalice" / "deployed" / "dev.json").read_text()
    life.forget()
    life.deploy()
    again = (life.stage.project / ".chalice" / "deployed" / "dev.json").read_text()
    assert json.loads(again) == json.loads(record)


def test_what_else_chalice_has_recorded_stays(life: Life) -> None:
    life.deploy()
    path = life.stage.project / ".chalice" / "deployed" / "dev.json"
    record = json.loads(path.read_text())
    domain = {"name": "api_gateway_custom_domain", "resource_type": "domain_name", "domain_name": "a.example"}
    gone = {"name": "tick", "resource_type": "lambda_function", "lambda_arn": "arn:of:old"}
    kept = [gone if each["name"] == "tick" else each for each in record["resources"]]
    path.write_text(json.dumps(record | {"resources": [*kept, domain]}))

    (restore,) = (step for step in life.destruction().steps() if step.name == "What Chalice has deployed")
    restore.do()

    assert json.loads(path.read_text())["resources"] == [*record["resources"], domain]
    assert "delete  domain name api_gateway_custom_domain" in life.plan_of_destruction()


def test_a_plan_says_what_is_to_be_made_changed_and_kept_and_changes_nothing(life: Life) -> None:
    first = life.plan()
    assert "create  table updraft-dev-dags" in first
    assert "create  alarm updraft-dev-tasks-dead-letters" in first
    assert "create  alarm updraft-dev-clock-stands-still" in first
    assert "create  log group /aws/lambda/updraft-dev-worker" in first
    assert "create  parameter updraft-dev-fernet_key" in first
    assert "create  function updraft-dev-worker" in first
    assert "limit   each method of it to 50 requests a second, 100 at once" in first
    assert life.aws.client("dynamodb").list_tables()["TableNames"] == []

    life.deploy()
    dynamodb = life.aws.client("dynamodb")
    dynamodb.update_continuous_backups(
        TableName="updraft-dev-dags", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    life.aws.client("logs").delete_retention_policy(logGroupName="/aws/lambda/updraft-dev-tick")
    second = life.plan()
    forever = "change  log group /aws/lambda/updraft-dev-tick: is kept for ever, not for 90 days"
    assert forever in second
    assert "keep    log group /aws/lambda/updraft-dev" in second
    assert "change  table updraft-dev-dags: its point-in-time recovery is off" in second
    assert "keep    queue updraft-dev-tasks" in second
    assert "update  function updraft-dev-worker" in second
    assert not any(line.startswith("create") for line in second)


def test_what_events_are_to_come_from_is_looked_for_before_anything_is_made(life: Life) -> None:
    file = life.stage.settings.dags_folder / "events.toml"
    file.write_text(EVENTS.replace('"eventbridge"', '"eventbridge"\nbus = "shop"'))
    with pytest.raises(EventSourceMissing, match=r"event 1 \(hello\): there is no event bus shop"):
        life.plan()
    assert not any(call.startswith(("Create", "Put")) for call in life.aws.calls)


def test_a_clock_that_does_not_run_yet_or_no_longer_sets_off_no_alarm(life: Life) -> None:
    life.deploy()
    clock_runs = life.aws.calls.index("PutTargets")
    assert life.aws.calls.index("PutMetricAlarm") > clock_runs
    life.aws.calls.clear()
    life.destroy()
    assert life.aws.calls.index("DeleteAlarms") < life.aws.calls.index("DeleteFunction")


def test_alarms_come_and_go_with_the_setting(life: Life) -> None:
    life.deploy()
    plain = life.stage
    variables = dict(plain.variables) | {"UPDRAFT__AWS__ALARMS": "5xx"}
    settings = replace(plain.settings, more_alarms=frozenset({"5xx"}))
    life.stage = replace(plain, variables=variables, settings=settings)
    life.deploy()
    assert "  new: updraft-dev-api-5xx" in life.said
    life.stage = plain
    plan = life.plan()
    unwanted = "is there, and UPDRAFT__AWS__ALARMS does not ask for it"
    assert f"change  alarm updraft-dev-api-5xx: {unwanted}" in plan
    assert life.wrong()["alarm updraft-dev-api-5xx"] == (unwanted,)
    life.deploy()
    assert "  removed: updraft-dev-api-5xx" in life.said
    assert "alarm updraft-dev-api-5xx" not in life.wrong()


def test_a_plan_is_what_each_step_says_of_itself_in_the_order_in_which_they_are_done(life: Life) -> None:
    assert [line for step in life.deployment().steps() for line in step.plan()] == life.plan()
    destruction = life.destruction(data=True)
    assert [line for step in destruction.steps() for line in step.plan()] == list(destruction.plan())


def test_a_plan_changes_nothing(life: Life) -> None:
    reads = ("get", "list", "describe", "head")
    for is_deployed in (False, True):
        if is_deployed:
            life.deploy()
        life.aws.calls.clear()
        life.plan()
        life.plan_of_destruction(data=True)
        assert [call for call in life.aws.calls if not call.lower().startswith(reads)] == []


def test_all_that_a_plan_would_create_is_there_after_the_deployment(life: Life) -> None:
    planned = {line.removeprefix("create  ") for line in life.plan() if line.startswith("create")}
    life.deploy()
    again = life.plan()
    assert not [line for line in again if line.startswith(("create", "change", "restore", "leave"))]
    kept = {line.removeprefix("keep    ") for line in again if line.startswith("keep")}
    updated = {line.removeprefix("update  ") for line in again if line.startswith("update")}
    assert planned <= kept | updated


def test_a_plan_sets_the_queue_to_the_workers_time_after_chalice_as_the_deployment_does(life: Life) -> None:
    plan = life.plan()
    set_queue = "set     queue updraft-dev-tasks to 1860 s, which fit the time of a try"
    assert plan.index("create  queue updraft-dev-tasks") < plan.index("create  function updraft-dev-worker")
    assert plan.index("create  function updraft-dev-worker") < plan.index(set_queue)


def test_what_a_deployment_cannot_mend_is_planned_as_left(life: Life) -> None:
    life.deploy()
    life.stage = replace(life.stage, settings=replace(life.stage.settings, alarm_topic=TOPIC))
    left = (
        f"leave   topic {TOPIC}: is not there, or in another region: nobody is told of alarms; create it, or"
    )
    assert [line for line in life.plan() if line.startswith(left)]


def test_a_lost_record_is_planned_to_be_restored(life: Life) -> None:
    life.deploy()
    parts = 2 * len(HANDLERS) + len(QUEUE_OF) + 2  # with their roles; a rule and the REST API
    restored = f"restore Chalice's record of the {parts} parts that stand"
    assert restored not in (*life.plan(), *life.plan_of_destruction())
    life.forget()
    assert restored in life.plan()
    assert restored in life.plan_of_destruction()


def test_a_plan_of_a_destruction_says_what_stays(life: Life) -> None:
    life.deploy()
    plan = life.plan_of_destruction()
    assert "delete  lambda function updraft-dev-worker" in plan
    assert "delete  alarm updraft-dev-tasks-oldest-message" in plan
    assert [line for line in plan if line.startswith("delete  events by updraft-dev-events-")]
    assert "delete  queue updraft-dev-tasks with about 0 messages" in plan
    assert "keep    table updraft-dev-dags" in plan
    assert "keep    parameter updraft-dev-fernet_key, the Fernet key" in plan
    with_data = life.plan_of_destruction(data=True)
    assert not any(line.startswith("keep") for line in with_data)


def test_a_stage_that_is_a_stack_is_neither_deployed_nor_destroyed(life: Life) -> None:
    life.deploy()
    lambda_ = life.aws.client("lambda")
    function = lambda_.get_function_configuration(FunctionName="updraft-dev")["FunctionArn"]
    lambda_.tag_resource(Resource=function, Tags={"aws:cloudformation:stack-name": "updraft-dev"})
    said = "^Stage dev is the CloudFormation stack updraft-dev: update it by"
    with pytest.raises(StageError, match=said):
        life.plan()
    with pytest.raises(StageError, match=said):
        life.plan_of_destruction(data=True)


def test_the_doctor_finds_what_somebody_changed(life: Life) -> None:
    life.deploy()
    aws = life.aws
    sqs, lambda_ = aws.client("sqs"), aws.client("lambda")
    tasks = sqs.get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=tasks, AttributeNames=["Policy"])["Attributes"]
    # moto drops the policy when other attributes are set.
    sqs.set_queue_attributes(QueueUrl=tasks, Attributes={"VisibilityTimeout": "30", **policy})
    dead = sqs.get_queue_url(QueueName="updraft-dev-tasks-dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="poison")
    worker = lambda_.get_function_configuration(FunctionName="updraft-dev-worker")["FunctionArn"]
    lambda_.put_function_recursion_config(FunctionName=worker, RecursiveLoop="Terminate")
    lambda_.update_function_configuration(FunctionName="updraft-dev-tick", Environment={"Variables": {}})
    aws.client("events").disable_rule(Name="updraft-dev-tick-event")
    (api,) = aws.client("apigateway").get_rest_apis()["items"]
    aws.client("apigateway").put_gateway_response(
        restApiId=api["id"], responseType="UNAUTHORIZED", statusCode="500"
    )
    aws.client("apigateway").update_stage(
        restApiId=api["id"],
        stageName="api",
        patchOperations=[{"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "10000"}],
    )
    aws.client("dynamodb").delete_table(TableName="updraft-dev-pools")
    aws.client("s3").delete_public_access_block(Bucket="updraft-dev-bucket")
    aws.client("logs").delete_log_group(logGroupName="/aws/lambda/updraft-dev-events")
    aws.client("cloudwatch").delete_alarms(AlarmNames=["updraft-dev-clock-stands-still"])

    assert life.wrong() == {
        "log group /aws/lambda/updraft-dev-events": ("is missing",),
        "alarm updraft-dev-clock-stands-still": ("is missing",),
        "table updraft-dev-pools": ("is missing",),
        "queue updraft-dev-tasks": ("its VisibilityTimeout is 30, not 1860",),
        "bucket updraft-dev-bucket": ("is not closed to the public",),
        "function updraft-dev-worker": (
            "Lambda will stop it in runs of more than some 16 tasks in a row (recursion config)",
        ),
        "function updraft-dev-tick": ("its environment variables are not those in .chalice/config.json",),
        "rule of the minute tick": ("is disabled: schedules and the rescue of lost messages stand still",),
        "REST API": (
            "its gateway responses are not the app's: UNAUTHORIZED",
            "its throttlingRateLimit is 10000, not 50",
        ),
        "dead letters of updraft-dev-tasks": ("about 1 messages could not be handled",),
    }


PARTNER = {
    "Sid": "Partner",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::updraft-dev-bucket/logs/*",
}


def test_the_doctor_finds_a_bucket_and_a_queue_that_take_requests_without_tls(life: Life) -> None:
    life.deploy()
    others = json.dumps({"Version": "2012-10-17", "Statement": [PARTNER]})
    life.aws.client("s3").put_bucket_policy(Bucket="updraft-dev-bucket", Policy=others)
    sqs = life.aws.client("sqs")
    tasks = sqs.get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=tasks, Attributes={"Policy": others})
    assert life.wrong() == {
        "bucket updraft-dev-bucket": ("takes requests without TLS",),
        "queue updraft-dev-tasks": ("takes requests without TLS",),
    }

    life.deploy()

    assert life.wrong() == {}
    policy = json.loads(life.aws.client("s3").get_bucket_policy(Bucket="updraft-dev-bucket")["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["Partner", "UpdraftTlsOnly"]
    assert policy["Statement"][0] == PARTNER


def test_a_bucket_of_that_name_in_a_strangers_account_is_refused_before_anything_is_changed(
    life: Life,
) -> None:
    location = {"LocationConstraint": "eu-west-1"}
    life.aws.client("s3").create_bucket(Bucket="updraft-dev-bucket", CreateBucketConfiguration=location)
    life.aws.strangers.add("updraft-dev-bucket")
    refused = (
        "^The S3 bucket updraft-dev-bucket cannot be used: .* UPDRAFT__AWS__BUCKET to a name of your own$"
    )

    with pytest.raises(BucketNameTaken, match=refused):
        life.plan()
    with pytest.raises(StepFailed, match="The S3 bucket updraft-dev-bucket cannot be used"):
        life.deploy()
    problem = "is somebody else's, or these credentials may not see it"
    assert life.wrong()["bucket updraft-dev-bucket"] == (problem,)
    life.aws.client("s3").put_object(Bucket="updraft-dev-bucket", Key="logs/1", Body=b"a stranger's")
    with pytest.raises(StepFailed, match=r"^Bucket: .*Forbidden"):
        life.destroy(data=True)
    assert life.aws.client("s3").list_objects_v2(Bucket="updraft-dev-bucket")["KeyCount"] == 1


def test_every_request_for_the_bucket_expects_it_to_be_the_accounts(life: Life) -> None:
    life.plan()
    life.deploy()
    life.deploy()
    assert life.wrong() == {}
    life.destroy(data=True)
    assert life.aws.unexpecting <= {"CreateBucket"}  # which has no such parameter


def test_a_stage_with_the_policies_of_an_older_version_is_brought_up_to_date(life: Life) -> None:
    life.deploy()
    of_all = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "arn:*:sqs:*:*:updraft-*-tasks"}
    older = json.dumps({"Version": "2012-10-17", "Statement": [of_all]})
    iam = life.aws.client("iam")
    iam.put_role_policy(RoleName="updraft-dev-tick", PolicyName="updraft-dev-tick", PolicyDocument=older)
    assert set(life.wrong()) == {"function updraft-dev-tick"}

    life.deploy()

    assert life.wrong() == {}
    found = iam.get_role_policy(RoleName="updraft-dev-tick", PolicyName="updraft-dev-tick")["PolicyDocument"]
    assert [each["Resource"] for each in found["Statement"]] == [
        "arn:aws:sqs:eu-west-1:123456789012:updraft-dev-tick"
    ]


def test_the_doctor_finds_a_role_that_may_do_more_or_less_than_its_policy_file_says(life: Life) -> None:
    life.deploy()
    iam = life.aws.client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    worker, tick, events, scheduler = (
        f"updraft-dev-{name}" for name in ("worker", "tick", "events", "scheduler")
    )
    iam.put_role_policy(RoleName=worker, PolicyName=worker, PolicyDocument=json.dumps(everything))
    iam.put_role_policy(RoleName=tick, PolicyName="more", PolicyDocument=json.dumps(everything))
    made = iam.create_policy(PolicyName="of-all", PolicyDocument=json.dumps(everything))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=tick, PolicyArn=made)
    iam.delete_role_policy(RoleName=events, PolicyName=events)
    iam.delete_role_policy(RoleName=scheduler, PolicyName=scheduler)
    iam.delete_role(RoleName=scheduler)

    assert life.wrong() == {
        "function updraft-dev-worker": (
            "its role's policy is not the one in .chalice, filled in for the stage",
        ),
        "function updraft-dev-tick": (
            "its role has policies that are not the app's, to be removed: more, of-all",
        ),
        "function updraft-dev-events": ("its role has no policy: AWS refuses it everything",),
        "function updraft-dev-scheduler": ("its role is missing: it cannot run",),
    }


def test_the_doctor_says_it_of_an_api_that_was_never_finished(life: Life) -> None:
    life.deploy()
    apigateway = life.aws.client("apigateway")
    (api,) = apigateway.get_rest_apis()["items"]
    apigateway.delete_rest_api(restApiId=api["id"])
    edge = {"endpointConfigurationTypes": "EDGE"}
    apigateway.import_rest_api(body=json.dumps(swagger("updraft-dev")).encode(), parameters=edge)

    responses, *limits = life.wrong()["REST API"]

    assert responses.startswith("its gateway responses are not the app's: UNAUTHORIZED, ")
    assert limits == ["its throttlingRateLimit is none, not 50", "its throttlingBurstLimit is none, not 100"]


def test_the_doctor_finds_an_event_source_that_lets_messages_wait_or_get_lost(life: Life) -> None:
    life.deploy()
    lambda_ = life.aws.client("lambda")
    worker = lambda_.get_function_configuration(FunctionName="updraft-dev-worker")["FunctionArn"]
    (mapping,) = lambda_.list_event_source_mappings(FunctionName=worker)["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False, FunctionResponseTypes=[])

    (finding,) = (each for each in examine(life.stage, client=life.aws.client) if not each.ok)

    assert finding.subject == "event source of worker"
    assert finding.problems == (
        "is disabled: messages wait",
        "does not report partial batch failures: failed messages are lost",
    )
    assert finding.remedy.startswith("aws lambda update-event-source-mapping --uuid ")


def test_the_doctor_finds_more_or_less_at_once_than_the_stage_says(life: Life) -> None:
    life.deploy()
    lambda_ = life.aws.client("lambda")
    worker = lambda_.get_function_configuration(FunctionName="updraft-dev-worker")["FunctionArn"]
    (mapping,) = lambda_.list_event_source_mappings(FunctionName=worker)["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": 2})
    lambda_.put_function_concurrency(FunctionName="updraft-dev-tick", ReservedConcurrentExecutions=0)
    life.configure("authorizer", reserved_concurrency=50)

    assert life.wrong() == {
        "event source of worker": ("its maximum concurrency is 2, not 32",),
        "function updraft-dev-tick": ("its reserved concurrency is 0, not none",),
        "function updraft-dev-authorizer": ("its reserved concurrency is none, not 50",),
    }


def test_the_doctor_finds_a_minute_tick_that_calls_nobody(life: Life) -> None:
    life.deploy()
    life.aws.client("events").remove_targets(Rule="updraft-dev-tick-event", Ids=["1"])
    assert life.wrong() == {
        "rule of the minute tick": ("does not call the function: schedules stand still",),
    }


def test_the_doctor_finds_a_function_of_another_size(life: Life) -> None:
    life.deploy()
    life.aws.client("lambda").update_function_configuration(
        FunctionName="updraft-dev-worker", MemorySize=256, Timeout=30
    )
    life.configure("worker", lambda_memory_size=1024)
    assert life.wrong() == {
        "function updraft-dev-worker": (
            "its MemorySize is 256 MB, not 1024 MB",
            "its Timeout is 30 s, not 1800 s",
        )
    }


def test_a_stage_that_clients_reach_by_cloudfront_is_made_regional_in_place(life: Life) -> None:
    life.deploy()
    url = life.aws.client("apigateway").get_rest_apis()["items"][0]["id"]
    path = life.stage.project / ".chalice" / "config.json"
    regional = json.loads(path.read_text()) | {"api_gateway_endpoint_type": "REGIONAL"}
    path.write_text(json.dumps(regional))
    assert life.wrong() == {"REST API": ("its endpoint is EDGE, not REGIONAL",)}
    plan = life.plan()
    assert "change  REST API: its endpoint is EDGE, not REGIONAL" in plan

    life.deploy()

    assert life.wrong() == {}
    assert [api["id"] for api in life.aws.client("apigateway").get_rest_apis()["items"]] == [url]


def test_the_doctor_finds_a_rule_of_an_event_that_is_gone_and_a_file_of_events_that_is_broken(
    life: Life,
) -> None:
    life.deploy()
    events = life.aws.client("events")
    (rule,) = (each["Name"] for each in events.list_rules(NamePrefix="updraft-dev-events-")["Rules"])
    events.remove_targets(Rule=rule, Ids=["events-queue"])
    events.delete_rule(Name=rule)
    assert life.wrong() == {f"rule {rule} (events.toml, event 1 (hello))": ("is missing",)}

    (life.stage.settings.dags_folder / "events.toml").write_text("[[event]]\n")
    (problem,) = life.wrong()["declared events"]
    assert problem.startswith("events.toml, event 1")


@pytest.mark.parametrize(("seconds", "is_wrong"), [(2760, False), (2820, True)])
def test_the_doctor_finds_messages_that_wait_too_long(life: Life, seconds: int, is_wrong: bool) -> None:
    create_missing(stage_resources(life.stage.settings), client=life.aws.client)
    sqs = life.aws.client("sqs")
    url = sqs.get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="waits")

    class CloudWatch:
        def get_metric_statistics(self, *, Dimensions: list[dict[str, str]], **_: object) -> Any:  # noqa: N803
            assert Dimensions == [{"Name": "QueueName", "Value": "updraft-dev-tasks"}]
            old = {"Timestamp": datetime(2026, 1, 1, tzinfo=UTC), "Maximum": 5000.0}
            new = {"Timestamp": datetime(2026, 1, 1, 0, 1, tzinfo=UTC), "Maximum": float(seconds)}
            return {"Datapoints": [new, old]}

    def client(service: str) -> Any:
        return CloudWatch() if service == "cloudwatch" else life.aws.client(service)

    wrong = [each.problems for each in check_backlog(stage_resources(life.stage.settings), client=client)]
    expected = ("about 1 messages wait, the oldest for 0:47:00",)
    assert [each for each in wrong if each] == ([expected] if is_wrong else [])


def test_a_failed_step_says_which_why_and_what_to_do_and_nothing_follows() -> None:
    done: list[str] = []
    said: list[str] = []

    def fail() -> None:
        raise OSError("no room\nleft on the device.")

    steps = [
        Step(name="First", plan=tuple, do=lambda: done.append("first"), advice="Do it again"),
        Step(name="Second", plan=tuple, do=fail, advice="Do it again"),
        Step(name="Third", plan=tuple, do=lambda: done.append("third"), advice="Do it again"),
    ]
    with pytest.raises(StepFailed) as failed:
        carry_out(steps, said.append)
    assert said == ["[1/3] First", "[2/3] Second"]
    assert str(failed.value) == "Second: no room left on the device. Do it again"
    assert done == ["first"]


def test_a_step_whose_store_refuses_fails_with_its_advice() -> None:
    def refuse() -> None:
        raise StoreUnavailable("DynamoDB did not answer")

    with pytest.raises(StepFailed, match=r"^Sync: DynamoDB did not answer\. Do it again$"):
        carry_out([Step(name="Sync", plan=tuple, do=refuse, advice="Do it again")], lambda _line: None)


def test_each_step_of_a_deployment_in_turn_can_fail(life: Life) -> None:
    def refuse() -> None:
        raise OSError("the network is down")

    whole = life.deployment().steps()
    for number, step in enumerate(whole):
        broken = (*whole[:number], replace(step, do=refuse))
        with pytest.raises(StepFailed, match=f"^{step.name}: the network is down. Put that right and deploy"):
            carry_out(broken, life.said.append)
    life.deploy()
    assert life.wrong() == {}


@pytest.mark.parametrize(
    ("folder", "text"),
    [("plugins", "only what is in chalicelib/ or vendor/ is deployed"), ("none", "is not there")],
)
def test_a_plugins_folder_that_would_not_be_deployed_is_refused(stage: Stage, folder: str, text: str) -> None:
    (stage.project / "plugins").mkdir()
    variables = {**stage.variables, "AIRFLOW__CORE__PLUGINS_FOLDER": folder}
    with pytest.raises(StageError, match=f"^AIRFLOW__CORE__PLUGINS_FOLDER is .*{text}"):
        validate(replace(stage, variables=variables), MemoryStore().variables)
    (stage.project / "chalicelib" / "plugins").mkdir()
    variables["AIRFLOW__CORE__PLUGINS_FOLDER"] = "chalicelib/plugins"
    validate(replace(stage, variables=variables), MemoryStore().variables)
