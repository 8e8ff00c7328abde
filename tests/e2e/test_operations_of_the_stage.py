"""What a deployed stage tells of itself: its log, the metrics in it, and its alarms."""

import json
from typing import Any

import pytest

from chalicelib import aws
from tests.e2e.project import API, Project
from tests.e2e.waiting import is_done, until

pytestmark = pytest.mark.e2e

DAG = "e2e_greeting"
OF_THE_RUNTIME = ("START ", "END ", "REPORT ")
"""How the lines begin that Lambda itself writes."""


def lines_of(function: str) -> list[str]:
    """What a function has logged by now."""
    pages = aws.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=f"/aws/lambda/{function}").search("events[].message")
    return [line for line in found if not line.startswith(OF_THE_RUNTIME)]


def documents_of(function: str) -> list[dict[str, Any]]:
    """The same, each line of which has to be JSON."""
    return [json.loads(line) for line in lines_of(function)]


def test_each_line_of_the_log_is_json_and_names_its_run_and_its_try(open_stage: Project):
    call = open_stage.gateway.call
    assert call("GET", f"{API}/dags/{DAG}/paused/false").status == 200
    body = {"run_id": "observed", "execution_date": "2024-06-01", "conf": {"name": "Ruth"}}
    assert call("POST", f"{API}/dags/{DAG}/dag_runs", body).status == 200
    until(lambda: call("GET", f"{API}/dags/{DAG}/dag_runs/2024-06-01"), is_done, open_stage)

    worker = [line for line in documents_of("updraft-e2e-worker") if line.get("run_id") == "observed"]
    of_tasks = [line for line in worker if line["logger"] == "airflow.task"]
    assert of_tasks, open_stage.function_logs()
    for line in of_tasks:
        assert line["function"] == "updraft-e2e-worker"
        assert (line["dag_id"], line["try_number"]) == (DAG, 1)
        assert {"time", "level", "message", "request_id", "task_id", "execution_date"} <= line.keys()
    (change,) = (
        line for line in documents_of("updraft-e2e") if line.get("changed", {}).get("run_id") == "observed"
    )
    assert change["route"] == "POST /experimental/dags/{dag_id}/dag_runs"
    assert all(documents_of("updraft-e2e-scheduler"))
    measured = {name for line in worker for name in METRICS & line.keys()}
    assert measured == METRICS
    assert {line["stage"] for line in worker if "_aws" in line} == {"e2e"}


METRICS = {"RunsEnded", "TasksEnded", "QueueToStartSeconds"}


def test_each_queue_has_its_alarms_as_they_are_described(open_stage: Project):
    said = open_stage.command_line("deploy", "--stage", "e2e", "--dry-run")
    for queue in ("scheduling", "tasks", "events"):
        assert f"keep    alarm updraft-e2e-{queue}-dead-letters" in said
        assert f"keep    alarm updraft-e2e-{queue}-oldest-message" in said
