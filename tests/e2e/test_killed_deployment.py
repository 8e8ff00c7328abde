"""A deployment that is killed, again and again, and then not: the stage is whole, and it works."""

import pytest

from chalicelib import aws
from tests.e2e.stage.project import API, OPEN, STAGE, Project
from tests.e2e.stage.user_packages import (
    ask_for_greetings,
    functions_with_layers,
    take_greetings_away,
    versions_of_the_layer,
)
from tests.e2e.stage.waiting import is_done, until

pytestmark = pytest.mark.e2e

MOMENTS = (
    r"\[\d+/\d+\] Tables, queues, bucket and Fernet key",
    "(Creating|Updating) lambda function: updraft-e2e-events",
    r"\[\d+/\d+\] What Chalice has no setting for",
    r"\[\d+/\d+\] DAG files",
)
"""What it says, step by step, when the kill comes; each deployment gets further than the one before."""


def test_a_deployment_that_was_killed_is_mended_by_the_next(project: Project) -> None:
    ask_for_greetings(project, "1.0")
    for moment in MOMENTS:
        project.deploy_killed_at(OPEN, moment)
    assert functions_with_layers().keys() == {f"updraft-{STAGE}-worker", f"updraft-{STAGE}-triggerer"}
    take_greetings_away(project)
    project.deploy(OPEN)

    said = project.command_line("doctor", "--stage", STAGE)
    assert said.endswith(f"Stage {STAGE} is well.\n"), said
    assert len(aws.client("apigateway").get_rest_apis()["items"]) == 1
    assert (versions_of_the_layer(), functions_with_layers()) == ([], {})
    call, dag = project.gateway.call, f"{API}/dags/e2e_greeting"
    assert call("GET", f"{dag}/paused/false").status == 200
    call("POST", f"{dag}/dag_runs", {"execution_date": "2024-04-01", "conf": {"name": "Amy"}})
    until(lambda: call("GET", f"{dag}/dag_runs/2024-04-01"), is_done, project)
