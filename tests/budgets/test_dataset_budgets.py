"""What datasets cost: a message for a task that changes some, and little for each DAG that runs by them."""

from dataclasses import replace

from chalicelib.domain.messages import RegisterDatasetEvents, RunTask, StartRun
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.engine.datasets.references import keep_references
from tests.budgets.deployment import MeteredDeployment, started
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
