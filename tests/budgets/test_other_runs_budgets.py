"""What a try costs that makes or watches runs of other DAGs: DynamoDB requests and messages, exactly."""

from datetime import timedelta

import pytest

from chalicelib.domain.messages import StartRun
from chalicelib.domain.runs.other_runs import WantedRun, WatchedTasks
from chalicelib.engine.worker.other_runs import RunsForTry
from tests.budgets.conftest import NOON
from tests.budgets.deployment import MeteredDeployment
from tests.meter import Meter
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.tries import request

CHILD = ScriptedDag([Shape("a"), Shape("b", ("a",)), Shape("c", ("b",))], dag_id="child")
WANTED = WantedRun(dag_id="child", execution_date=NOON)


@pytest.fixture
def runs(deployment: MeteredDeployment) -> RunsForTry:
    """What a try asks, in a process that has looked at the other DAG and its runs before."""
    deployment.deploy(CHILD)
    runs = RunsForTry(engine=deployment.engine, request=request())
    runs.trigger(WantedRun(dag_id="child", execution_date=NOON - timedelta(days=1)))
    deployment.drain()
    return runs


def test_a_run_that_a_task_makes_takes_what_a_trigger_takes(
    runs: RunsForTry, deployment: MeteredDeployment
) -> None:
    with Meter() as meter:
        runs.trigger(WANTED)
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+kept_answers+unfinished_runs"): 1,
        ("UpdateItem", "dags"): 1,
    }
    assert meter.sqs_messages == 1
    assert [type(message) for message in deployment.sender.sent] == [StartRun]


@pytest.mark.parametrize(("task_ids", "items"), [((), {}), (("a",), {("GetItem", "task_instances"): 1})])
def test_a_poke_of_another_dags_run_reads_the_dag_the_run_and_each_task(
    runs: RunsForTry, task_ids: tuple[str, ...], items: dict[tuple[str, str], int]
) -> None:
    runs.trigger(WANTED)
    with Meter() as meter:
        (seen,) = runs.watch(WatchedTasks(dag_id="child", execution_dates=(NOON,), task_ids=task_ids))
    assert [task.task_id for task in seen.tasks] == [*task_ids]
    assert meter.dynamodb == {("GetItem", "dags"): 1, ("BatchGetItem", "dag_runs"): 1, **items}
    assert meter.sqs_messages == 0
