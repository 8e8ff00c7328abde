"""What each call of the API costs: DynamoDB requests and messages, exactly."""

import pytest

from chalicelib.domain.messages import StartRun
from tests.budgets.deployment import MeteredDeployment
from tests.property.dags import ScriptedDag, Shape

DAG = ScriptedDag([Shape("a"), Shape("b", ("a",))])
RUN = "/dags/scripted/dag_runs/2026-01-01T12:00:00"


@pytest.fixture
def warm(deployment: MeteredDeployment) -> MeteredDeployment:
    """A deployment with one run, whose process has seen the DAG's version."""
    deployment.deploy(DAG)
    deployment.trigger(DAG)
    deployment.get("/dags/scripted/tasks/a")
    return deployment


def test_a_trigger_takes_three_requests_and_one_message(deployment: MeteredDeployment) -> None:
    deployment.deploy(DAG)
    meter = deployment.trigger(DAG)
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 1,
        ("UpdateItem", "dags"): 1,
    }
    assert meter.sqs["SendMessageBatch"] == 1
    assert meter.sqs_messages == 1
    assert meter.s3.total() == 0
    deployment.take(StartRun)


def test_a_refused_duplicate_writes_nothing_and_sends_nothing(warm: MeteredDeployment) -> None:
    answer, meter = warm.post("/dags/scripted/dag_runs", {})
    assert answer.status == 400
    assert meter.dynamodb_requests == 2
    assert meter.sqs_messages == 0


@pytest.mark.parametrize(
    ("path", "requests"),
    [
        ("/test", 0),
        ("/info", 0),
        (RUN, 1),
        ("/dags/scripted/paused", 1),
        ("/pools/default_pool", 1),
        ("/pools", 1),
        ("/dags/scripted/tasks/a", 1),
        ("/dags/scripted/dag_runs", 2),
        (f"{RUN}/tasks/a", 2),
    ],
)
def test_reading_costs(warm: MeteredDeployment, path: str, requests: int) -> None:
    answer, meter = warm.get(path)
    assert answer.status == 200, answer.body
    assert meter.dynamodb_requests == requests
    assert (meter.s3.total(), meter.sqs.total()) == (0, 0)


@pytest.mark.parametrize(("word", "messages"), [("true", 0), ("false", 1)])
def test_pausing_takes_one_request_and_unpausing_one_message_more(
    warm: MeteredDeployment, word: str, messages: int
) -> None:
    answer, meter = warm.get(f"/dags/scripted/paused/{word}")
    assert answer.status == 200
    assert meter.dynamodb == {("UpdateItem", "dags"): 1}
    assert meter.sqs_messages == messages


def test_a_list_of_runs_takes_one_request_whatever_its_filter_while_it_fits_a_megabyte(
    warm: MeteredDeployment,
) -> None:
    for second in range(30):
        date = f"2025-01-01T00:00:{second:02d}"
        warm.post("/dags/scripted/dag_runs", {"execution_date": date})
    for query in ("", "?state=success"):
        _, meter = warm.get(f"/dags/scripted/dag_runs{query}")
        assert meter.dynamodb == {("GetItem", "dags"): 1, ("Query", "dag_runs"): 1}
