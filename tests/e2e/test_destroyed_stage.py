"""The end of a stage: what was deployed is gone, what users made of it is there."""

import pytest

from chalicelib import aws
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.settings import Settings
from tests.e2e.stage.callers import ADA, ask
from tests.e2e.stage.project import CLOSED, STAGE, Project
from tests.e2e.stage.user_packages import ask_for_greetings, versions_of_the_layer

pytestmark = pytest.mark.e2e


def test_a_destroyed_stage_leaves_its_data_and_has_it_when_deployed_again(
    project: Project, request: pytest.FixtureRequest
) -> None:
    if project.auth_backend is None:
        ask_for_greetings(project, "1.0")
        project.deploy(CLOSED)
    assert len(versions_of_the_layer()) == 1
    project.on_its_tables("dags", "pause", "e2e_greeting")
    project.on_its_tables("dags", "trigger", "e2e_greeting", "--run-id", "kept")
    resources = stage_resources(Settings.from_environ({"UPDRAFT__AWS__STAGE": STAGE}))
    objects = aws.client("s3").list_objects_v2(Bucket=resources.bucket.name)["KeyCount"]
    project.auth_backend = None
    project.forget()

    said = [project.command_line("destroy", "--stage", STAGE, "--yes") for _ in range(2)]

    assert all(each.endswith("Stage e2e is gone; its tables, bucket and logs are kept.\n") for each in said)
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert versions_of_the_layer() == []
    assert aws.client("apigateway").get_rest_apis()["items"] == []
    assert aws.client("events").list_rules(NamePrefix="updraft-")["Rules"] == []
    assert aws.client("sns").list_subscriptions()["Subscriptions"] == []
    assert aws.client("sqs").list_queues(QueueNamePrefix="updraft-").get("QueueUrls", []) == []
    tables = aws.client("dynamodb").list_tables()["TableNames"]
    assert {table.name for table in resources.tables} <= set(tables)
    assert aws.client("s3").list_objects_v2(Bucket=resources.bucket.name)["KeyCount"] == objects

    runs = ask(request.getfixturevalue("with_passwords"), ADA, "/dags/e2e_greeting/dag_runs")
    assert [run["state"] for run in runs.body if run["run_id"] == "kept"] == ["queued"]
