"""What datasets cost: a message for a task that changes some, and little for each DAG that runs by them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.domain.messages import RegisterDatasetEvents, RunTask, StartRun
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.dataset_lookup import DatasetLookup
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.engine.dags.sync import DagDocument, DagsFolder, sync_dags
from chalicelib.engine.datasets.references import keep_references
from chalicelib.engine.ports.worker import RunningXComs
from tests.budgets.deployment import MeteredDeployment, started
from tests.meter import Meter
from tests.scripted.dags import ScriptedDag, Shape

RUN_CREATION = "dag_run_ids+dag_runs+dataset_arrivals+dataset_queues+unfinished_runs"


class Changing(ScriptedDag):
    """A DAG each of whose tasks changes the dataset ``a``."""

    def script(self, request: TryRequest) -> TryOutcome:
        return TryOutcome(result=TryResult.SUCCESS, dataset_changes=(DatasetChange(uri="a"),))


def changed(deployment: MeteredDeployment, condition: object) -> RegisterDatasetEvents:
    """The message of a change of ``a``, by whose condition another DAG runs."""
    consumer = ScriptedDag([Shape("look")], dag_id="consumer")
    deployment.deploy(consumer)
    store = deployment.engine.store
    dag = store.dags.get("consumer")
    assert dag is not None
    store.dags.save(replace(dag, dataset_condition=DatasetCondition.of(condition)))
    keep_references(deployment.engine, [consumer.document() | {"dataset_condition": condition}], set())
    started(deployment, Changing([Shape("make"), Shape("next", ("make",))]))
    meter = deployment.handle(deployment.take(RunTask, "make"))
    assert meter.dynamodb_requests == 5  # what a task takes that changes nothing
    assert (meter.sqs["SendMessageBatch"], meter.sqs_messages) == (2, 2)
    message = deployment.take(RegisterDatasetEvents)
    assert isinstance(message, RegisterDatasetEvents)
    return message


def test_an_arrival_that_makes_a_run_takes_five_requests_and_its_message(
    deployment: MeteredDeployment,
) -> None:
    message = changed(deployment, "a")
    meter = deployment.handle(message)
    assert meter.dynamodb == {
        ("BatchGetItem", "datasets"): 1,
        ("PutItem", "dataset_events"): 1,
        ("BatchGetItem", "dags+dataset_queues"): 1,
        ("TransactWriteItems", RUN_CREATION): 1,
        ("UpdateItem", "dags"): 1,
    }
    assert meter.sqs_messages == 1
    assert isinstance(deployment.take(StartRun), StartRun)
    again = deployment.handle(message)
    assert (again.dynamodb_requests, again.sqs_messages) == (4, 0)


def test_an_arrival_that_waits_for_others_takes_four_requests(deployment: MeteredDeployment) -> None:
    meter = deployment.handle(changed(deployment, {"all": ["a", "b"]}))
    assert meter.dynamodb == {
        ("BatchGetItem", "datasets"): 1,
        ("PutItem", "dataset_events"): 1,
        ("BatchGetItem", "dags+dataset_queues"): 1,
        ("TransactWriteItems", "dataset_arrivals+dataset_queues"): 1,
    }
    assert meter.sqs_messages == 0


def test_a_sync_asks_for_datasets_only_where_a_file_names_some(deployment: MeteredDeployment) -> None:
    def synced(*documents: dict[str, Any]) -> Meter:
        dags = tuple(DagDocument(document=document, code="") for document in documents)
        folder = DagsFolder(dags=dags, broken=())
        with Meter() as meter:
            sync_dags(deployment.engine, folder, paused_at_creation=False)
        return meter

    of_files: dict[str, Any] = {
        "is_paused_upon_creation": None,
        "default_start_date": None,
        "fileloc": "d.py",
        "params": {},
    }
    plain = ScriptedDag([Shape("a")], dag_id="plain").document() | of_files
    consumer = plain | {"dag_id": "consumer"}
    synced(plain)
    usual = synced(plain).dynamodb
    assert not any("dataset" in table for _, table in usual)
    naming = consumer | {"dataset_condition": {"any": ["a"]}}
    synced(plain, naming)
    assert {
        call: count for call, count in synced(plain, naming).dynamodb.items() if "dataset" in call[1]
    } == {
        ("Scan", "datasets"): 1,
        ("BatchGetItem", "dags+dataset_queues"): 1,
    }
    assert ("Scan", "datasets") in synced(plain, consumer).dynamodb  # what it named is to be forgotten


def test_a_try_pays_for_the_events_that_it_looks_at(deployment: MeteredDeployment) -> None:
    deployment.handle(changed(deployment, "a"))
    deployment.handle(deployment.take(StartRun))
    looks: list[Callable[[DatasetLookup], object]] = [
        lambda datasets: datasets.triggering_events(),
        lambda datasets: datasets.events_of("a"),
        lambda datasets: datasets.events_of_alias("x"),
        lambda datasets: datasets.named({"a"}),
        lambda datasets: datasets.named({"a", "unknown"}),
    ]
    calls: list[dict[tuple[str, str], int]] = []

    def look(request: TryRequest, _xcoms: RunningXComs) -> TryOutcome:
        for each in looks:
            with Meter() as meter:
                each(request.datasets)
            calls.append(meter.dynamodb)
        return TryOutcome(result=TryResult.SUCCESS)

    deployment.user_code = look
    deployment.handle(deployment.take(RunTask, "look"))
    assert calls == [
        {("Query", "dataset_arrivals"): 1, ("BatchGetItem", "dataset_events"): 1},
        {("Query", "dataset_events"): 1},
        {("Scan", "datasets"): 1},
        {("BatchGetItem", "datasets"): 1},
        {("BatchGetItem", "datasets"): 1, ("Scan", "datasets"): 1},
    ]
