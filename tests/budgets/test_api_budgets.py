"""What each call of the API costs: DynamoDB requests and messages, exactly."""

import pytest

from chalicelib.domain.messages import EraseDag, RunTask, StartRun
from tests.budgets.deployment import MeteredDeployment
from tests.scripted.dags import ScriptedDag, Shape

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


def test_a_trigger_of_a_dag_with_params_reads_its_version_once_per_process(
    deployment: MeteredDeployment,
) -> None:
    params = {"who": {"schema": {"type": "string"}, "refusal": None}}
    deployment.deploy(ScriptedDag([Shape("a")], params=params))
    body = {"conf": {"who": "me"}}
    _, first = deployment.post("/dags/scripted/dag_runs", {"execution_date": "2025-01-01", **body})
    assert first.dynamodb["GetItem", "dag_versions"] == 1
    assert first.dynamodb_requests == 4
    _, second = deployment.post("/dags/scripted/dag_runs", {"execution_date": "2025-01-02", **body})
    assert second.dynamodb_requests == 3


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
        ("/dags/scripted/code", 1),
        ("/latest_runs", 1),
        ("/lineage/scripted/2026-01-01T12:00:00", 2),
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


def test_a_deletion_is_answered_after_the_same_few_requests_whatever_the_dag_holds(
    warm: MeteredDeployment,
) -> None:
    warm.handle(warm.take(StartRun))
    answer, meter = warm.delete("/dags/scripted")
    assert answer.status == 200
    assert meter.dynamodb == {
        ("GetItem", "dags"): 2,
        ("Query", "unfinished_runs"): 1,
        ("Query", "task_instances"): 1,  # one per unfinished run, 100 at most
        ("UpdateItem", "dags"): 1,
    }
    assert (meter.sqs["SendMessageBatch"], meter.sqs_messages) == (1, 1)


def test_erasing_a_run_takes_some_ten_requests_and_the_last_portion_four_for_the_dag(
    warm: MeteredDeployment,
) -> None:
    warm.handle(warm.take(StartRun))
    warm.handle(warm.take(RunTask, "a"))
    warm.handle(warm.take(RunTask, "b"))
    warm.delete("/dags/scripted")
    meter = warm.handle(warm.take(EraseDag))
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("Query", "dag_runs"): 1,
        ("Query", "task_instances"): 2,
        ("BatchWriteItem", "task_instances"): 1,
        ("Query", "xcoms"): 1,
        ("Query", "lineage"): 1,
        ("DeleteItem", "unfinished_runs"): 1,
        ("DeleteItem", "dag_run_ids"): 1,
        ("DeleteItem", "dag_runs"): 1,
        ("UpdateItem", "dags"): 1,
        ("Query", "pools"): 1,  # its limit on active runs goes
        ("TransactWriteItems", "pools"): 1,
    }
    assert warm.get("/dags/scripted/paused")[0].body == {"is_paused": True}


def test_deleting_a_pool_takes_two_requests(warm: MeteredDeployment) -> None:
    warm.post("/pools", {"name": "gpu", "slots": 20, "description": ""})
    answer, meter = warm.delete("/pools/gpu")
    assert answer.status == 200
    assert meter.dynamodb == {("Query", "pools"): 1, ("TransactWriteItems", "pools"): 1}


def test_a_run_that_starts_is_noted_at_its_dag_by_one_request_if_it_is_the_latest(
    warm: MeteredDeployment,
) -> None:
    warm.post("/dags/scripted/dag_runs", {"execution_date": "2025-01-01T00:00:00"})
    latest, older = warm.take(StartRun), warm.take(StartRun)
    assert warm.handle(latest).dynamodb["UpdateItem", "dags"] == 1
    assert warm.handle(older).dynamodb["UpdateItem", "dags"] == 0
    (shown,) = warm.get("/latest_runs")[0].body["items"]
    assert (shown["execution_date"], shown["start_date"]) == (
        "2026-01-01T12:00:00+00:00",
        "2026-01-01T12:00:00+00:00",
    )
