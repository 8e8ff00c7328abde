"""Rights of tasks: IAM's actions that exist, resources as narrow as arguments tell, documents IAM takes."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader

from chalicelib.deploy.task_rights.grants import GRANTS, PACKAGE
from chalicelib.deploy.task_rights.resources import Arguments, resources
from chalicelib.deploy.task_rights.suggestion import Suggestion, filled_in, suggested
from chalicelib.domain.tasks.operators_in_use import OperatorInUse

SERVICES = {"states": "stepfunctions"}
"""Services whose name in IAM is not the one in botocore."""

NO_OPERATIONS = {
    "iam:PassRole",  # checked where a service is given a role
    "lambda:InvokeFunction",  # operation Invoke
    "s3:AbortMultipartUpload",
    "s3:GetBucketTagging",
    "s3:ListBucket",  # operations HeadBucket and ListObjectsV2
}
"""Actions that are named otherwise than the operation they allow, or allow several."""

GRANT_LIST = [(name, grant) for name, grants in GRANTS.items() for grant in grants]


@cache
def operations(service: str) -> frozenset[str]:
    model: dict[str, Any] = Loader().load_service_model(SERVICES.get(service, service), "service-2")
    return frozenset(model["operations"])


def test_each_action_is_an_operation_of_its_service_or_a_known_exception() -> None:
    actions = {action for _, grant in GRANT_LIST for action in grant.actions}
    named = {action: action.split(":") for action in actions - NO_OPERATIONS}
    unknown = [action for action, (service, name) in named.items() if name not in operations(service)]
    assert unknown == []
    assert {"s3:GetObject", "ecs:RunTask", "states:StartExecution", "iam:PassRole"} < actions


def test_roles_are_passed_to_one_named_service_alone() -> None:
    for name, grant in GRANT_LIST:
        passes = "iam:PassRole" in grant.actions
        assert passes == bool(grant.passed_to), name
        assert not passes or grant.actions == ("iam:PassRole",)
        assert not passes or re.fullmatch(r"[a-z-]+\.amazonaws\.com", grant.passed_to)


def operator(name: str, unknown: tuple[str, ...] = (), **arguments: Any) -> OperatorInUse:
    return OperatorInUse(
        dag_id="etl",
        task_id="run",
        classes=("my_dags.Mine", f"{PACKAGE}.{name}", "airflow.models.BaseOperator"),
        arguments=arguments,
        unknown=unknown,
    )


def allowed(suggestion: Suggestion) -> set[tuple[str, str]]:
    return {
        (action, resource)
        for statement in suggestion.policy["Statement"]
        for action in _many(statement["Action"])
        for resource in _many(statement["Resource"])
    }


def _many(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]


PLACE = "{region}:{account}"


@pytest.mark.parametrize(
    ("form", "given", "expected"),
    [
        ("bucket b k", {"b": "lake"}, ["arn:{partition}:s3:::lake"]),
        ("bucket b k", {"k": "s3://lake/in/a.csv"}, ["arn:{partition}:s3:::lake"]),
        (
            "object b k",
            {"b": "lake", "k": ["a", "b"]},
            ["arn:{partition}:s3:::lake/a", "arn:{partition}:s3:::lake/b"],
        ),
        ("object b k", {"b": "lake", "k": "in/{{ ds }}/a.csv"}, ["arn:{partition}:s3:::lake/in/*/a.csv"]),
        ("object b k*", {"b": "lake", "k": "out"}, ["arn:{partition}:s3:::lake/out*"]),
        ("object b k*", {"b": "lake"}, ["arn:{partition}:s3:::lake/*"]),
        ("object b k", {"b": "{{ var.value.b }}"}, ["arn:{partition}:s3:::*/*"]),
        (
            "object b k",
            {"b": "lake", "k": "${aws:username}/{stage}"},
            ["arn:{partition}:s3:::lake/??aws:username?/?stage?"],
        ),
        ("object  k", {"k": "s3://lake/{% if x %}a{% endif %}"}, ["arn:{partition}:s3:::lake/*a*"]),
        (
            "queue q",
            {"q": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"},
            ["arn:{partition}:sqs:eu-west-1:123456789012:orders"],
        ),
        ("queue q", {"q": "orders"}, [f"arn:{{partition}}:sqs:{PLACE}:orders"]),
        ("role r", {"r": "job"}, ["arn:{partition}:iam::{account}:role/job"]),
        ("role r.Arn", {"r": {"Arn": "arn:aws:iam::1:role/job"}}, ["arn:aws:iam::1:role/job"]),
        ("role r.Arn", {"r": {}}, ["arn:{partition}:iam::{account}:role/*"]),
        ("sns:{t}", {"t": "arn:aws:sns:eu-west-1:{{ x }}:news"}, ["arn:aws:sns:eu-west-1:*:news"]),
        ("sns:{t}", {"t": "{{ x }}"}, [f"arn:{{partition}}:sns:{PLACE}:*"]),
        (
            "lambda:function:{f}:{q}",
            {"f": "arn:aws:lambda:r:1:function:f", "q": "7"},
            ["arn:aws:lambda:r:1:function:f:7"],
        ),
        (
            "ecs:task/{c/}/*",
            {"c": "arn:aws:ecs:r:1:cluster/blue"},
            [f"arn:{{partition}}:ecs:{PLACE}:task/blue/*"],
        ),
        (
            "ecs:task-definition/{d@revision}",
            {"d": "etl"},
            [f"arn:{{partition}}:ecs:{PLACE}:task-definition/etl:*"],
        ),
        (
            "ecs:task-definition/{d@revision}",
            {"d": "etl:3"},
            [f"arn:{{partition}}:ecs:{PLACE}:task-definition/etl:3"],
        ),
        (
            "athena:workgroup/{w=primary}",
            {"w": None},
            [f"arn:{{partition}}:athena:{PLACE}:workgroup/primary"],
        ),
        (
            "events:event-bus/{e.Bus=default}",
            {"e": [{"Bus": "mine"}, {}]},
            [
                f"arn:{{partition}}:events:{PLACE}:event-bus/default",
                f"arn:{{partition}}:events:{PLACE}:event-bus/mine",
            ],
        ),
    ],
)
def test_a_resource_is_as_narrow_as_its_arguments_tell(
    form: str, given: dict[str, Any], expected: list[str]
) -> None:
    assert resources(form, Arguments(known=given, unknown=()), "{region}") == expected


def test_an_ecs_task_needs_its_cluster_its_definition_and_the_roles_that_it_passes() -> None:
    task = operator(
        "operators.ecs.EcsRunTaskOperator",
        cluster="blue",
        task_definition="etl",
        overrides={"taskRoleArn": "arn:aws:iam::1:role/t", "executionRoleArn": "arn:aws:iam::1:role/e"},
        wait_for_completion=True,
        deferrable=True,
        region_name="eu-west-1",
        awslogs_group="/ecs/etl",
    )
    suggestion = suggested([task])
    place = "{partition}:ecs:eu-west-1:{account}"
    assert allowed(suggestion) == {
        ("ecs:RunTask", f"arn:{place}:task-definition/etl:*"),
        ("ecs:DescribeTasks", f"arn:{place}:task/blue/*"),
        ("ecs:StopTask", f"arn:{place}:task/blue/*"),
        ("logs:GetLogEvents", "arn:{partition}:logs:eu-west-1:{account}:log-group:/ecs/etl:*"),
        ("iam:PassRole", "arn:aws:iam::1:role/t"),
        ("iam:PassRole", "arn:aws:iam::1:role/e"),
    }
    assert suggestion.notes == ()
    assert suggestion.with_triggers == ("etl.run",)
    (passing,) = (each for each in suggestion.policy["Statement"] if each["Action"] == "iam:PassRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


def test_what_an_argument_does_not_tell_is_a_star_and_a_note() -> None:
    task = operator("operators.ecs.EcsRunTaskOperator", unknown=("cluster",), task_definition="etl")
    suggestion = suggested([task])
    assert ("ecs:StopTask", f"arn:{{partition}}:ecs:{PLACE}:task/*/*") in allowed(suggestion)
    assert "etl.run: ecs:StopTask could be on less: cluster does not tell which" in suggestion.notes
    assert any("iam:PassRole to ecs-tasks.amazonaws.com is on any role" in note for note in suggestion.notes)


def test_rights_are_those_of_the_ways_that_arguments_choose() -> None:
    def actions(**arguments: Any) -> set[str]:
        task = operator("operators.glue.GlueJobOperator", job_name="clean", **arguments)
        return {action for action, _ in allowed(suggested([task]))}

    assert actions(wait_for_completion=False) == {"glue:GetJob", "glue:StartJobRun"}
    assert actions(deferrable=True) == {"glue:GetJob", "glue:GetJobRun", "glue:StartJobRun"}
    assert "glue:BatchStopJobRun" in actions(stop_job_run_on_kill=True)
    assert {"iam:GetRole", "iam:PassRole"} < actions(iam_role_name="glue")


def test_a_right_that_another_covers_is_spared() -> None:
    key = "sensors.s3.S3KeySensor"
    one = operator(key, bucket_name="lake", bucket_key="in/*")
    other = operator(key, bucket_name="lake", bucket_key="in/a.csv")
    assert allowed(suggested([one, other])) == allowed(suggested([one]))


def test_what_cannot_be_known_is_told_by_task() -> None:
    unknown = OperatorInUse(
        dag_id="etl", task_id="new", classes=(f"{PACKAGE}.operators.new.NewOperator",), arguments={}
    )
    python = OperatorInUse(
        dag_id="etl", task_id="py", classes=("a.PythonOperator",), arguments={}, callers=("boto3",)
    )
    suggestion = suggested([unknown, python])
    assert suggestion.policy["Statement"] == []
    assert suggestion.notes == (
        f"etl.new: what {PACKAGE}.operators.new.NewOperator calls is not known: add it yourself",
        "etl.py: its Python code uses boto3; what that calls cannot be seen: add it yourself",
    )


def everything() -> list[OperatorInUse]:
    return [operator(name.removeprefix(f"{PACKAGE}."), arguments=("x",)) for name in GRANTS]


def test_documents_are_such_as_iam_takes_and_always_the_same() -> None:
    policy = suggested(everything()).policy
    assert suggested(reversed(everything())).policy == policy
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert len(sids) == len({*sids})
    assert all(re.fullmatch(r"My[A-Za-z0-9]+", sid) for sid in sids)
    for statement in policy["Statement"]:
        assert statement.keys() - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
        for resource in _many(statement["Resource"]):
            assert resource == "*" or len(resource.split(":", maxsplit=5)) == 6, resource


def test_a_policy_of_a_role_has_no_placeholder_left() -> None:
    policy = filled_in(
        suggested(everything()).policy, partition="aws", region="eu-west-1", account="123456789012"
    )
    assert not [text for text in _texts(policy) if "{" in text]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case str():
            yield value


def test_grants_without_resources_are_of_actions_that_have_none() -> None:
    assert {action for _, grant in GRANT_LIST if not grant.resources for action in grant.actions} == WITHOUT


WITHOUT = {
    *("batch:DescribeComputeEnvironments", "batch:DescribeJobQueues", "batch:DescribeJobs"),
    *("ecs:CreateCluster", "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition", "ecs:ListTasks"),
    *("ecs:RegisterTaskDefinition", "emr-serverless:CreateApplication", "emr-serverless:TagResource"),
    *("glue:GetCrawlerMetrics", "redshift-data:CancelStatement", "redshift-data:DescribeStatement"),
    *("redshift-data:GetStatementResult", "sagemaker:ListHyperParameterTuningJobs", "sagemaker:ListModels"),
    *("sagemaker:ListProcessingJobs", "sagemaker:ListTrainingJobs", "sagemaker:ListTransformJobs"),
}
"""By AWS's Service Authorization Reference; ``ListTasks`` is bound by a condition only."""
