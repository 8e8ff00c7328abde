"""What is merged into the template of `chalice package`: the same stage that a deployment makes by calls."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from chalice.package import TemplateDeepMerger
from chalice.utils import to_cfn_resource_name

from chalicelib.deploy.description.functions import HANDLERS
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.packaging.cloudformation import package
from chalicelib.deploy.packaging.template import Template, merge_template
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.stages import Stage, StageError
from chalicelib.deploy.steps import CommandFailed
from chalicelib.events.declarations import parse_declarations
from chalicelib.settings import Settings
from tests.unit.deploy.packages_in_place import in_place

AUTH = "AIRFLOW__API__AUTH_BACKEND"
BASIC_AUTH = "airflow.api.auth.backend.basic_auth"
OPEN = "airflow.api.auth.backend.default"

EVENTS = """
[[event]]
dag_id = "load"
source = "s3"
bucket = "acme-incoming"

[[event]]
dag_id = "page"
source = "sns"
topic = "acme-alerts"
attributes = { severity = ["high"] }

[[event]]
dag_id = "mail"
source = "sns"
topic = "arn:aws:sns:eu-west-1:210987654321:their-alerts"
"""


POLICIES = {
    "worker": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "MyHome",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": f"{OF_THE_STACK.arn('s3', 'home/${aws:userid}')}/*",
            }
        ],
    }
}


def settings(auth_backend: str = BASIC_AUTH) -> Settings:
    return Settings.from_environ(
        {
            "UPDRAFT__AWS__STAGE": "dev",
            "UPDRAFT__AWS__BUCKET": "updraft-acme-dev",
            AUTH: auth_backend,
        }
    )


def resources(auth_backend: str = BASIC_AUTH, events: str = "") -> Template:
    merged = merge_template(settings(auth_backend), parse_declarations(events), POLICIES)
    assert set(merged) == {"Resources"}
    made: Template = merged["Resources"]
    return made


def of_type(resource_type: str, events: str = "") -> dict[str, Template]:
    """The resources of a type with their own names, by their logical ids."""
    found = resources(events=events).items()
    return {name: each["Properties"] for name, each in found if each.get("Type") == resource_type}


DEAD_LETTERS = {"Fn::GetAtt": ["EventsDeadLettersQueue", "Arn"]}

RESOURCES = stage_resources(settings())


def test_every_table_has_its_keys_and_recovery() -> None:
    tables = {each["TableName"]: each for each in of_type("AWS::DynamoDB::Table").values()}
    assert set(tables) == {table.name for table in RESOURCES.tables}
    for table in RESOURCES.tables:
        keys = [table.hash_key, table.range_key] if table.range_key else [table.hash_key]
        schema = tables[table.name]["KeySchema"]
        types = {each["AttributeName"]: each["AttributeType"] for each in definitions(tables[table.name])}
        assert [(each["AttributeName"], types[each["AttributeName"]]) for each in schema] == [
            (key.name, key.type) for key in keys
        ]
        assert tables[table.name]["BillingMode"] == "PAY_PER_REQUEST"
        assert tables[table.name]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def definitions(table: Template) -> list[dict[str, str]]:
    defined: list[dict[str, str]] = table["AttributeDefinitions"]
    return defined


def test_a_table_has_its_index_and_what_expires_does() -> None:
    tables = of_type("AWS::DynamoDB::Table")
    (index,) = tables["UnfinishedRunsTable"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "due"
    assert index["KeySchema"] == [
        {"AttributeName": "due_shard", "KeyType": "HASH"},
        {"AttributeName": "due_at", "KeyType": "RANGE"},
    ]
    expiring = {"AttributeName": "expires_at", "Enabled": True}
    assert tables["LoginsTable"]["TimeToLiveSpecification"] == expiring
    assert "TimeToLiveSpecification" not in tables["DagRunsTable"]


def test_tables_with_indexes_are_made_one_after_the_other() -> None:
    waiting = {name: each["DependsOn"] for name, each in resources().items() if "DependsOn" in each}
    assert {name: of for name, of in waiting.items() if name.endswith("Table")} == {
        "UnfinishedRunsTable": ["DagsTable"]
    }


def test_each_function_waits_for_its_log_group_which_keeps_its_events_for_90_days() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert groups["WorkerLogGroup"] == {
        "LogGroupName": "/aws/lambda/updraft-dev-worker",
        "RetentionInDays": 90,
    }
    assert groups["ApiHandlerLogGroup"]["LogGroupName"] == "/aws/lambda/updraft-dev"
    assert len(groups) == len(HANDLERS)
    assert resources()["Worker"]["DependsOn"] == ["WorkerLogGroup"]
    assert resources()["APIHandler"]["DependsOn"] == ["ApiHandlerLogGroup"]


def test_logs_that_are_to_be_kept_for_ever_have_no_retention() -> None:
    forever = Settings.from_environ(
        {"UPDRAFT__AWS__STAGE": "dev", "UPDRAFT__AWS__LOG_RETENTION_DAYS": "0", AUTH: BASIC_AUTH}
    )
    group = merge_template(forever, (), POLICIES)["Resources"]["WorkerLogGroup"]
    assert group["Properties"] == {"LogGroupName": "/aws/lambda/updraft-dev-worker"}


def test_a_queue_gives_what_cannot_be_handled_to_its_dead_letters() -> None:
    queues = of_type("AWS::SQS::Queue")
    names = {name for queue in RESOURCES.queues for name in (queue.name, queue.dead_letters)}
    assert {each["QueueName"] for each in queues.values()} == names
    assert queues["TasksQueue"] == {
        "QueueName": "updraft-dev-tasks",
        "VisibilityTimeout": 1860,
        "MessageRetentionPeriod": 345_600,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {
            "deadLetterTargetArn": {"Fn::GetAtt": ["TasksDeadLettersQueue", "Arn"]},
            "maxReceiveCount": 5,
        },
    }
    assert queues["TasksDeadLettersQueue"] == {
        "QueueName": "updraft-dev-tasks-dead-letters",
        "MessageRetentionPeriod": 1_209_600,
        "SqsManagedSseEnabled": True,
    }


def test_the_bucket_is_closed_and_encrypted() -> None:
    assert of_type("AWS::S3::Bucket") == {
        "Bucket": {
            "BucketName": "updraft-acme-dev",
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
        }
    }


def test_tables_bucket_and_logs_outlive_the_stack_and_nothing_else_does() -> None:
    kept = {
        each["Type"]
        for each in resources(events=EVENTS).values()
        if each.get("DeletionPolicy") == "RetainExceptOnCreate" and each["UpdateReplacePolicy"] == "Retain"
    }
    assert kept == {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"}
    stored = [each for each in resources().values() if each.get("Type") in kept]
    assert all("DeletionPolicy" in each for each in stored)


def test_every_alarm_watches_its_queue_or_the_clock() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert sorted(each["AlarmName"] for each in alarms.values()) == sorted(a.name for a in RESOURCES.alarms)
    assert resources()["ClockStandsStillAlarm"]["DependsOn"] == ["Tick"]
    clock = alarms["ClockStandsStillAlarm"]
    assert clock["Dimensions"] == [{"Name": "FunctionName", "Value": "updraft-dev-tick"}]
    assert clock["TreatMissingData"] == "breaching"
    oldest = alarms["TasksOldestMessageAlarm"]
    assert oldest["Dimensions"] == [{"Name": "QueueName", "Value": "updraft-dev-tasks"}]
    assert oldest["AlarmActions"] == []


def test_a_rule_leads_to_the_queue() -> None:
    ((logical_id, rule),) = of_type("AWS::Events::Rule", EVENTS).items()
    assert re.fullmatch("EventRule[0-9a-f]{16}", logical_id)
    assert re.fullmatch("updraft-dev-events-[0-9a-f]{16}", rule["Name"])
    assert rule["EventPattern"]["detail"]["bucket"] == {"name": ["acme-incoming"]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["EventsQueue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}


def test_a_topic_leads_to_the_queue_in_its_own_envelope() -> None:
    near, far = of_type("AWS::SNS::Subscription", EVENTS).values()
    assert near == {
        "TopicArn": {"Fn::Sub": "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:acme-alerts"},
        "Protocol": "sqs",
        "Endpoint": {"Fn::GetAtt": ["EventsQueue", "Arn"]},
        "FilterPolicy": {"severity": ["high"]},
        "RawMessageDelivery": False,
        "RedrivePolicy": {"deadLetterTargetArn": DEAD_LETTERS},
    }
    assert far["TopicArn"] == "arn:aws:sns:eu-west-1:210987654321:their-alerts"
    assert far["FilterPolicy"] == {}


@pytest.mark.parametrize("queue", ["EventsQueue", "EventsDeadLettersQueue"])
def test_the_rules_and_topics_of_the_stage_and_nobody_else_may_send_to_the_queue(queue: str) -> None:
    policies = of_type("AWS::SQS::QueuePolicy", EVENTS)
    policy = policies[f"{queue}Policy"]
    assert policy["Queues"] == [{"Ref": queue}]
    here = "${AWS::Region}:${AWS::AccountId}"
    assert {
        each["Principal"]["Service"]: each["Condition"]["ArnLike"]["aws:SourceArn"]
        for each in policy["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow"
    } == {
        "events.amazonaws.com": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{here}:rule/updraft-dev-events-????????????????"},
            {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{here}:rule/*/updraft-dev-events-????????????????"},
        ],
        "sns.amazonaws.com": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:{here}:acme-alerts"},
            "arn:aws:sns:eu-west-1:210987654321:their-alerts",
        ],
    }


def test_every_queue_and_the_bucket_refuse_what_comes_without_tls() -> None:
    policies = of_type("AWS::SQS::QueuePolicy", EVENTS)
    assert {each["Queues"][0]["Ref"] for each in policies.values()} == set(of_type("AWS::SQS::Queue"))
    for policy in policies.values():
        (denied,) = (each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny")
        assert (denied["Sid"], denied["Principal"], denied["Action"]) == ("UpdraftTlsOnly", "*", "sqs:*")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert of_type("AWS::S3::BucketPolicy") == {
        "BucketPolicy": {
            "Bucket": {"Ref": "Bucket"},
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "UpdraftTlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [
                            {"Fn::Sub": "arn:${AWS::Partition}:s3:::updraft-acme-dev"},
                            {"Fn::Sub": "arn:${AWS::Partition}:s3:::updraft-acme-dev/*"},
                        ],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        }
    }


def test_a_roles_policy_takes_the_place_of_chalices() -> None:
    of_chalice = {"PolicyDocument": {"Resource": "updraft-{stage}-dags"}, "PolicyName": "WorkerRolePolicy"}
    chalice = {"Resources": {"WorkerRole": {"Properties": {"Policies": [of_chalice]}}}}
    merged = TemplateDeepMerger().merge({"Resources": resources()}, chalice)
    (policy,) = merged["Resources"]["WorkerRole"]["Properties"]["Policies"]
    assert policy["PolicyName"] == "WorkerRolePolicy"
    assert policy["PolicyDocument"]["Statement"][0]["Resource"] == {
        "Fn::Sub": "arn:${AWS::Partition}:s3:${AWS::Region}:${AWS::AccountId}:home/${!aws:userid}/*"
    }


def test_each_method_of_the_api_is_limited() -> None:
    assert resources()["RestAPI"]["Properties"]["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": 50,
            "ThrottlingBurstLimit": 100,
        }
    ]


def test_functions_and_roles_are_named_as_a_deployment_names_them() -> None:
    merged = resources()
    assert merged["APIHandler"]["Properties"]["FunctionName"] == "updraft-dev"
    assert merged["Worker"]["Properties"]["FunctionName"] == "updraft-dev-worker"
    assert merged["ApiHandlerRole"]["Properties"]["RoleName"] == "updraft-dev-api_handler"
    (event,) = merged["Tick"]["Properties"]["Events"].values()
    assert event == {"Properties": {"Name": "updraft-dev-tick-event"}}


def test_ours_is_merged_into_what_chalice_calls_so() -> None:
    merged = resources()
    functions = {"APIHandler", *(to_cfn_resource_name(each) for each in HANDLERS if each != "api_handler")}
    roles = {to_cfn_resource_name(f"{each}_role") for each in HANDLERS}
    assert {name for name, each in merged.items() if "Type" not in each} == {*functions, *roles, "RestAPI"}
    assert set(merged["Events"]["Properties"]["Events"]) == {to_cfn_resource_name("events-sqs-event-source")}
    assert set(merged["Tick"]["Properties"]["Events"]) == {to_cfn_resource_name("tick-event")}


def test_only_the_functions_that_send_each_other_messages_may_loop() -> None:
    loops = {name: each["Properties"].get("RecursiveLoop") for name, each in resources().items()}
    assert {name for name, setting in loops.items() if setting} == {"Scheduler", "Worker", "Triggerer"}
    assert loops["Worker"] == "Allow"


@pytest.mark.parametrize(
    ("function", "queue"),
    [("Scheduler", "SchedulingQueue"), ("Worker", "TasksQueue"), ("Events", "EventsQueue")],
)
def test_a_function_reports_which_messages_of_its_queue_have_failed(function: str, queue: str) -> None:
    source = f"{function}SqsEventSource"
    of_chalice = {
        "Type": "SQS",
        "Properties": {"Queue": {"Fn::Sub": "arn:${AWS::Partition}:sqs:…"}, "BatchSize": 10},
    }
    chalice = {"Resources": {function: {"Properties": {"Events": {source: of_chalice}}}}}
    merged = TemplateDeepMerger().merge({"Resources": resources()}, chalice)
    assert merged["Resources"][function]["Properties"]["Events"][source] == {
        "Type": "SQS",
        "Properties": {
            "Queue": {"Fn::Sub": f"${{{queue}.Arn}}"},
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    }


def test_an_open_stage_has_no_authorizer() -> None:
    assert {"Authorizer", "AuthorizerRole"} <= set(resources())
    assert not {"Authorizer", "AuthorizerRole"} & set(resources(OPEN))


def test_the_gateway_answers_for_the_auth_backend() -> None:
    responses = resources()["RestAPI"]["Properties"]["DefinitionBody"][
        "x-amazon-apigateway-gateway-responses"
    ]
    assert responses["UNAUTHORIZED"] == {
        "statusCode": "401",
        "responseParameters": {"gatewayresponse.header.WWW-Authenticate": "'Basic'"},
        "responseTemplates": {"application/json": '{"error": "Unauthorized"}'},
    }
    assert {"ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED", "DEFAULT_5XX"} <= set(responses)


def test_every_reference_is_to_something_in_the_template() -> None:
    merged = resources(events=EVENTS)
    named = set(references(merged))
    assert "EventsQueue" in named
    assert named <= set(merged)


def references(value: Any) -> Iterator[str]:
    """The logical ids that a part of a template refers to."""
    match value:
        case {"Ref": name}:
            yield name
        case {"Fn::GetAtt": [name, _]}:
            yield name
        case {"Fn::Sub": text}:
            yield from (name for name in re.findall(r"\$\{(\w+)", text) if name != "AWS")
        case dict():
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def project(directory: Path) -> Path:
    """One in which only the worker has a policy file."""
    (directory / ".chalice").mkdir(parents=True)
    config = {
        "lambda_functions": {"worker": {"iam_policy_file": "policy-worker.json"}},
        "stages": {"dev": {}},
    }
    (directory / ".chalice" / "config.json").write_text(json.dumps(config))
    statement = {"Sid": "Receive", "Resource": "arn:{partition}:sqs:{region}:{account}:updraft-{stage}-tasks"}
    (directory / ".chalice" / "policy-worker.json").write_text(json.dumps({"Statement": [statement]}))
    return directory


class Chalice:
    """Takes down how it is run."""

    def __init__(self, status: int = 0) -> None:
        self.ran: list[tuple[Path, tuple[str, ...]]] = []
        self._status = status

    def run(self, project: Path, arguments: tuple[str, ...]) -> None:
        self.ran.append((project, arguments))
        if self._status:
            raise CommandFailed("chalice package", self._status)
        with ZipFile(Path(arguments[-1]) / "deployment.zip", "w") as package:
            package.writestr("app.py", "")


def stage_in(directory: Path) -> Stage:
    return Stage(name="dev", project=project(directory), variables={}, settings=settings())


def test_a_stage_of_another_python_is_not_packaged(tmp_path: Path) -> None:
    stage = stage_in(tmp_path)
    stage = replace(stage, settings=replace(stage.settings, runtime="python3.10"))
    with pytest.raises(StageError, match=r"^Stage dev runs on python3\.10, as UPDRAFT__AWS__RUNTIME says"):
        package(stage, (), tmp_path / "out", run_chalice=Chalice().run)


def test_the_worker_has_the_time_that_the_stage_gives_it() -> None:
    functions = [each["Properties"] for each in resources().values() if "Timeout" in each["Properties"]]
    assert [(each["FunctionName"], each["Timeout"]) for each in functions] == [("updraft-dev-worker", 1800)]


@pytest.mark.parametrize(("variables", "seconds"), [({}, 900), ({"UPDRAFT__WORKER__TIMEOUT": "1800"}, 1800)])
def test_a_template_asks_for_more_than_aws_gives_everywhere_only_if_told_to(
    tmp_path: Path, variables: dict[str, str], seconds: int
) -> None:
    stage = replace(stage_in(tmp_path), variables=variables)
    package(stage, (), tmp_path / "out", run_chalice=Chalice().run)
    made = json.loads((tmp_path / "out" / "merged.json").read_text())["Resources"]
    assert made["Worker"]["Properties"]["Timeout"] == seconds
    assert made["TasksQueue"]["Properties"]["VisibilityTimeout"] == seconds + 60


def test_chalice_is_given_what_to_merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_in(tmp_path / "updraft")
    chalice = Chalice()
    monkeypatch.chdir(tmp_path)  # Chalice works in the project's directory, we need not

    package(stage, parse_declarations(EVENTS), Path("out"), run_chalice=chalice.run)

    merged = tmp_path / "out" / "merged.json"
    options = ("--stage", "dev", "--merge-template", str(merged))
    assert chalice.ran == [(stage.project, ("package", *options, str(tmp_path / "out")))]
    sure = replace(settings(), worker_timeout=900)
    assert json.loads(merged.read_text()) == merge_template(
        sure, parse_declarations(EVENTS), policy_documents(stage, OF_THE_STACK)
    )
    assert "updraft-dev-tasks" in json.dumps(json.loads(merged.read_text())["Resources"]["WorkerRole"])
    with ZipFile(tmp_path / "out" / "deployment.zip") as made:
        assert any(name.endswith(".pyc") for name in made.namelist())


def test_user_packages_are_a_layer_of_the_functions_that_load_user_code(tmp_path: Path) -> None:
    stage, out = stage_in(tmp_path / "updraft"), tmp_path / "out"
    path = stage.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    fonts = "arn:aws:lambda:eu-west-1:123456789012:layer:fonts:1"
    config["lambda_functions"]["worker"]["layers"] = [fonts]
    path.write_text(json.dumps(config))
    packages = in_place(tmp_path / "installed", stage, greeting="TEXT = 'hello'")

    layer = package(stage, (), out, user_packages=packages, run_chalice=Chalice().run)

    made = json.loads((out / "merged.json").read_text())["Resources"]
    layers = {name: each["Properties"]["Layers"] for name, each in made.items() if "Layers" in str(each)}
    assert layers == {
        "Worker": [fonts, {"Ref": "UserPackages"}],
        "Triggerer": [{"Ref": "UserPackages"}],
    }
    assert made["UserPackages"]["Type"] == "AWS::Serverless::LayerVersion"
    properties = made["UserPackages"]["Properties"]
    assert layer
    assert layer.line.startswith("User packages: 1 distribution, 0.0 MB unpacked, ")
    assert properties["Description"] == f"User packages {layer.digest}"
    assert (properties["ContentUri"], properties["RetentionPolicy"]) == ("./layer.zip", "Delete")
    with ZipFile(out / "layer.zip") as opened:
        assert "user-packages/greeting.py" in opened.namelist()

    assert package(stage, (), out, run_chalice=Chalice().run) is None
    assert not (out / "layer.zip").exists()
    assert "Layer" not in (out / "merged.json").read_text()


def test_a_package_that_chalice_cannot_make_is_no_success(tmp_path: Path) -> None:
    stage = stage_in(tmp_path)
    with pytest.raises(CommandFailed, match="exit code 2"):
        package(stage, (), tmp_path / "out", run_chalice=Chalice(2).run)
