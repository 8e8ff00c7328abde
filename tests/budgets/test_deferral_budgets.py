"""What a deferred task costs: DynamoDB requests and messages per window, exactly."""

from datetime import timedelta

from chalicelib.domain.messages import RunTask, RunTrigger, StartRun
from tests.budgets.deployment import MeteredDeployment
from tests.scripted.dags import ScriptedDag, Shape


def deferred(deployment: MeteredDeployment, *, fires_after: float) -> RunTrigger:
    """The first window of a task that was just deferred."""
    shape = Shape("wait", defers=1, fires_after=fires_after, looks_every=0.0001)
    dag = ScriptedDag([shape], now=deployment.engine.now)
    deployment.deploy(dag)
    deployment.trigger(dag)
    deployment.handle(deployment.take(StartRun))
    meter = deployment.handle(deployment.take(RunTask))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 2,  # claim, deferred
        ("GetItem", "dags"): 1,
        ("UpdateItem", "pools"): 1,  # the slots back
    }
    assert meter.sqs_messages == 1
    message = deployment.take(RunTrigger)
    assert isinstance(message, RunTrigger)
    return message


def test_a_poll_takes_three_requests_and_one_message(deployment: MeteredDeployment) -> None:
    meter = deployment.handle(deferred(deployment, fires_after=3600))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 2,  # take the window, wait on
        ("GetItem", "dags"): 1,
    }
    assert meter.sqs_messages == 1
    assert meter.s3 == {}


def test_a_message_that_comes_too_early_takes_no_request(deployment: MeteredDeployment) -> None:
    message = deferred(deployment, fires_after=3600)
    early = RunTrigger(
        run=message.run,
        task_id="wait",
        try_number=1,
        window=1,
        due_at=deployment.engine.now() + timedelta(hours=1),
    )
    meter = deployment.handle(early)
    assert meter.dynamodb == {}
    assert meter.sqs_messages == 1


def test_a_trigger_that_fires_takes_slots_anew(deployment: MeteredDeployment) -> None:
    meter = deployment.handle(deferred(deployment, fires_after=0))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 3,  # take the window, scheduled with its event, queued
        ("GetItem", "dags"): 1,
        ("Query", "pools"): 1,
        ("GetItem", "pools"): 1,
        ("UpdateItem", "pools"): 1,
    }
    assert meter.sqs_messages == 1
    deployment.take(RunTask)
