"""What a deployed stage tells of itself: its log, the metrics in it, and its alarms."""

import json
import time
from typing import Any

import pytest

from chalicelib import aws
from tests.e2e.stage.project import API, Project
from tests.e2e.stage.waiting import is_done, until

pytestmark = pytest.mark.e2e

DAG = "e2e_greeting"
METRICS = {"RunsEnded", "TasksEnded", "QueueToStartSeconds"}
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


def lines_with_the_end_of(run_id: str, stage: Project) -> list[dict[str, Any]]:
    """The worker's lines of a run, which are there a moment after the run shows that it has ended."""
    deadline = time.monotonic() + 30
    while True:
        found = [line for line in documents_of("updraft-e2e-worker") if line.get("run_id") == run_id]
        if any("RunsEnded" in line for line in found):
            return found
        assert time.monotonic() < deadline, stage.function_logs()
        time.sleep(0.5)


def test_each_line_of_the_log_is_json_and_names_its_run_and_its_try(open_stage: Project) -> None:
    call = open_stage.gateway.call
    assert call("GET", f"{API}/dags/{DAG}/paused/false").status == 200
    body = {"run_id": "observed", "execution_date": "2024-06-01", "conf": {"name": "Ruth"}}
    assert call("POST", f"{API}/dags/{DAG}/dag_runs", body).status == 200
    until(lambda: call("GET", f"{API}/dags/{DAG}/dag_runs/2024-06-01"), is_done, open_stage)

    worker = lines_with_the_end_of("observed", open_stage)
    of_tasks = [line for line in worker if line["logger"].startswith("airflow.task")]
    assert {line["task_id"] for line in of_tasks} == {"read", "write"}
    for line in of_tasks:
        assert (line["function"], line["dag_id"], line["try_number"]) == ("updraft-e2e-worker", DAG, 1)
        assert {"time", "level", "message", "request_id", "execution_date"} <= line.keys()
    metrics = [line for line in worker if "_aws" in line]
    assert {name for line in metrics for name in METRICS & line.keys()} == METRICS
    assert {line["stage"] for line in metrics} == {"e2e"}
    changes = (line.get("changed", {}).get("run_id") for line in documents_of("updraft-e2e"))
    assert "observed" in changes
    documents_of("updraft-e2e-scheduler")


def test_the_log_of_a_task_is_read_by_the_command_until_it_is_over(open_stage: Project) -> None:
    call = open_stage.gateway.call
    assert call("GET", f"{API}/dags/{DAG}/paused/false").status == 200
    body = {"run_id": "followed", "execution_date": "2024-06-02", "conf": {"name": "Iris"}}
    assert call("POST", f"{API}/dags/{DAG}/dag_runs", body).status == 200
    followed = open_stage.on_its_tables("tasks", "logs", DAG, "write", "2024-06-02", "--follow")
    assert "INFO - Done. Returned value was: " in followed
    assert open_stage.on_its_tables("tasks", "logs", DAG, "write", "2024-06-02", "--try", "1") == followed


def test_each_queue_has_its_alarms_as_they_are_described(open_stage: Project) -> None:
    said = open_stage.command_line("deploy", "--stage", "e2e", "--dry-run")
    for queue in ("scheduling", "tasks", "triggers", "events"):
        assert f"keep    alarm updraft-e2e-{queue}-dead-letters" in said
        assert f"keep    alarm updraft-e2e-{queue}-oldest-message" in said
