"""What waiting costs: DynamoDB requests, messages and objects per poke, exactly."""

from datetime import timedelta

import pytest

from chalicelib.domain.messages import PokeTask, RunTask, StartRun, TimeOutRun
from tests.budgets.deployment import MeteredDeployment
from tests.scripted.dags import ScriptedDag, Shape


def waiting(deployment: MeteredDeployment, mode: str) -> None:
    """A run whose sensor was sent for its first poke."""
    dag = ScriptedDag([Shape("wait", mode=mode, pokes=9)], now=deployment.engine.now)
    deployment.deploy(dag)
    deployment.trigger(dag)
    deployment.handle(deployment.take(StartRun))


def test_a_poke_in_mode_poke_takes_three_requests_and_one_message(deployment: MeteredDeployment) -> None:
    waiting(deployment, "poke")
    deployment.handle(deployment.take(RunTask))
    meter = deployment.handle(deployment.take(RunTask))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 2,  # claim, sleep again
        ("GetItem", "dags"): 1,
    }
    assert meter.sqs_messages == 1
    assert meter.s3 == {"GetObject": 1, "PutObject": 1}  # the log goes on


def test_a_poke_in_mode_reschedule_takes_slots_and_gives_them_back(deployment: MeteredDeployment) -> None:
    waiting(deployment, "reschedule")
    first = deployment.handle(deployment.take(RunTask))
    assert first.dynamodb == {
        ("UpdateItem", "task_instances"): 2,  # claim, up_for_reschedule
        ("GetItem", "dags"): 1,
        ("UpdateItem", "pools"): 1,  # the slots back
    }
    assert first.sqs_messages == 1
    deployment.take(PokeTask)


@pytest.mark.parametrize("timeout", [None, timedelta(hours=1)])
def test_only_a_run_with_a_dagrun_timeout_has_a_message_for_it(
    deployment: MeteredDeployment, timeout: timedelta | None
) -> None:
    dag = ScriptedDag([Shape("a")], dagrun_timeout=timeout)
    deployment.deploy(dag)
    deployment.trigger(dag)
    meter = deployment.handle(deployment.take(StartRun))
    assert meter.sqs_messages == (1 if timeout is None else 2)
    if timeout is not None:
        deployment.take(TimeOutRun)
