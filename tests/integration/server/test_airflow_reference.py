"""The requests of Airflow's own reference of this API, with curl: only the host is another."""

import json
from typing import Any

import pytest

from tests.integration.server import curl
from tests.integration.server.server import Server

HOST = "http://localhost:8080"

TRIGGER = r"""
curl -X POST \
  http://localhost:8080/api/experimental/dags/napping/dag_runs \
  -H 'Cache-Control: no-cache' \
  -H 'Content-Type: application/json' \
  -d '%s'
"""

CONF_AS_TEXT = r'{"conf":"{\"seconds\":0}"}'
WITH_DATE = (
    r'{"execution_date":"2024-02-29T10:11:12.345678","replace_microseconds":"%s","conf":{"seconds":0}}'
)


def answer(server: Server, command: str) -> dict[str, Any]:
    """What the command prints, as JSON."""
    here = command.strip().replace(HOST, f"http://127.0.0.1:{server.api.port}")
    answered: dict[str, Any] = curl.answer(here)
    return answered


def test_conf_may_be_the_text_of_an_object(server: Server) -> None:
    made = answer(server, TRIGGER % CONF_AS_TEXT)
    assert made["message"].startswith("Created <DagRun napping @ ")
    assert made["run_id"] == f"manual__{made['execution_date']}"


@pytest.mark.parametrize(
    ("word", "date"),
    [("true", "2024-02-29T10:11:12+00:00"), ("false", "2024-02-29T10:11:12.345678+00:00")],
)
def test_replace_microseconds_may_be_a_text(server: Server, word: str, date: str) -> None:
    assert answer(server, TRIGGER % (WITH_DATE % word))["execution_date"] == date
    state = answer(server, f"curl {HOST}/api/experimental/dags/napping/dag_runs/{date}")
    assert state["state"] in ("queued", "running", "success")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("curl -X GET {}/test", {"status": "OK"}),
        ("curl -X GET {}/info", {"version": "2.10.5"}),
        ("curl -X GET {}/dags/napping/paused", {"is_paused": False}),
        ("curl -X GET {}/dags/napping/paused/false", {"response": "ok"}),
        ("curl -X GET {}/pools/nope", {"error": "Pool 'nope' doesn't exist"}),
        ("curl -X GET {}/dags/nope/dag_runs", {"error": "Dag id nope not found in DagModel"}),
    ],
)
def test_the_other_routes_answer_as_documented(
    server: Server, request_: str, expected: dict[str, object]
) -> None:
    assert answer(server, request_.format(f"{HOST}/api/experimental")) == expected


def test_a_pool_is_made_read_and_deleted(server: Server) -> None:
    body = json.dumps({"name": "reference", "slots": 3, "description": "of the reference"})
    made = answer(server, f"curl -X POST {HOST}/api/experimental/pools -d '{body}'")
    assert (made["pool"], made["slots"]) == ("reference", 3)
    assert answer(server, f"curl -X GET {HOST}/api/experimental/pools/reference") == made
    assert answer(server, f"curl -X DELETE {HOST}/api/experimental/pools/reference") == made
