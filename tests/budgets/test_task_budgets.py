"""What running tasks costs: DynamoDB requests, messages and objects per task, exactly."""

from datetime import UTC, datetime

import pytest

from chalicelib.domain.graph.expansion import Expansion, Literal
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RescueRun, RetryTask, RunTask, StartRun, WakePool
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.upkeep.tick import tick
from tests.budgets.deployment import MeteredDeployment, started
from tests.scripted.dags import ScriptedDag, Shape

CHAIN = ScriptedDag([Shape("a"), Shape("b", ("a",)), Shape("c", ("b",))])


def test_a_task_of_a_chain_takes_five_requests_its_pool_included(deployment: MeteredDeployment) -> None:
    started(deployment, CHAIN)
    meter = deployment.handle(deployment.take(RunTask, "a"))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 3,  # claim, finish, the successor's arrival that queues it
        ("GetItem", "dags"): 1,  # paused or deleted meanwhile?
        ("UpdateItem", "pools"): 1,  # the slots handed on
    }
    assert (meter.sqs["SendMessageBatch"], meter.sqs_messages) == (1, 1)
    assert meter.s3 == {"PutObject": 1}  # the log
    assert meter.write_units <= 4
    assert meter.read_units <= 1


def test_each_xcom_pushed_takes_one_more(deployment: MeteredDeployment) -> None:
    started(deployment, CHAIN)

    def push_two(_: TryRequest, xcoms: RunningXComs) -> TryOutcome:
        xcoms.push("one", "1")
        xcoms.push("return_value", "2")
        return TryOutcome(result=TryResult.SUCCESS)

    deployment.user_code = push_two
    meter = deployment.handle(deployment.take(RunTask, "a"))
    assert meter.dynamodb[("PutItem", "xcoms")] == 2
    assert meter.dynamodb_requests == 5 + 2


def test_the_last_task_ends_the_run(deployment: MeteredDeployment) -> None:
    started(deployment, ScriptedDag([Shape("only")]))
    meter = deployment.handle(deployment.take(RunTask))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 3,  # claim, finish, arrival at the end of the run
        ("GetItem", "dags"): 1,
        ("UpdateItem", "pools"): 2,  # the slot, and the run's place among the active runs
        ("Query", "pools"): 1,
        ("UpdateItem", "dag_runs"): 1,
        ("DeleteItem", "unfinished_runs"): 1,
    }
    assert meter.sqs.total() == 0


def test_a_duplicate_of_a_running_try_takes_one_request(deployment: MeteredDeployment) -> None:
    started(deployment, CHAIN)
    message = deployment.take(RunTask, "a")
    counted = []

    def meet_a_duplicate(_: TryRequest, __: RunningXComs) -> TryOutcome:
        counted.append(deployment.handle(message))
        return TryOutcome(result=TryResult.SUCCESS)

    deployment.user_code = meet_a_duplicate
    deployment.handle(message)
    (meter,) = counted
    assert meter.dynamodb == {("UpdateItem", "task_instances"): 1}
    assert meter.sqs.total() == 0


def test_a_duplicate_of_a_finished_try_takes_two_requests_and_one_per_successor(
    deployment: MeteredDeployment,
) -> None:
    started(deployment, CHAIN)
    message = deployment.take(RunTask, "a")
    deployment.handle(message)
    deployment.handle(deployment.take(RunTask, "b"))
    meter = deployment.handle(message)
    assert meter.dynamodb == {("UpdateItem", "task_instances"): 2, ("BatchGetItem", "dag_runs+dags"): 1}
    assert meter.sqs.total() == 0


def test_a_run_is_started_by_one_message(deployment: MeteredDeployment) -> None:
    started(deployment, CHAIN)  # the process has seen the limit on active runs
    deployment.drain()
    deployment.engine.store.dag_runs.delete(*deployment.engine.store.dag_runs.list("scripted"))
    deployment.trigger(CHAIN)
    meter = deployment.handle(deployment.take(StartRun))
    assert meter.dynamodb == {
        ("BatchGetItem", "dag_runs+dags"): 1,
        ("UpdateItem", "pools"): 2,  # the run's place among the active runs, the first task's slot
        ("UpdateItem", "dag_runs"): 1,
        ("UpdateItem", "task_instances"): 1,
        ("UpdateItem", "dags"): 1,  # the latest run shows its start date
    }
    assert meter.sqs_messages == 1


def test_a_limit_that_can_bind_takes_two_requests_per_task(deployment: MeteredDeployment) -> None:
    wide = ScriptedDag([Shape("a"), Shape("b", ("a",)), Shape("c", ("a",))], max_active_tasks=31)
    started(deployment, wide)
    deployment.handle(deployment.take(RunTask, "a"))
    meter = deployment.handle(deployment.take(RunTask, "b"))
    # claim, DAG, finish, arrival at the end; slot and place given back
    assert meter.dynamodb_requests == 4 + 2
    assert meter.dynamodb["UpdateItem", "pools"] == 2


def two_runs(deployment: MeteredDeployment, dag: ScriptedDag) -> None:
    """Two runs of a DAG, of which the first has started."""
    deployment.deploy(dag)
    for day in (1, 2):
        date = datetime(2025, 1, day, tzinfo=UTC)
        create_run(deployment.engine, RunRequest(dag_id=dag.dag_id, execution_date=date, triggered_by="test"))
    deployment.handle(deployment.take(StartRun))


@pytest.mark.parametrize("length", [10, 100])
def test_a_mapped_task_asks_the_run_before_by_two_requests_however_many_instances_there_are(
    deployment: MeteredDeployment, length: int
) -> None:
    shape = Shape("a", depends_on_past=True, expansion=Expansion(own=Literal(count=length)))
    dag = ScriptedDag([shape])
    two_runs(deployment, dag)
    meter = deployment.handle(deployment.take(StartRun))
    assert meter.dynamodb == {
        ("BatchGetItem", "dag_runs+dags"): 1,
        ("UpdateItem", "pools"): 1,  # the run's place among the active runs
        ("UpdateItem", "dag_runs"): 1,
        ("UpdateItem", "dags"): 1,  # the latest run
        ("Query", "dag_runs"): 1,  # the run before
        ("UpdateItem", "task_instances"): 1,  # how its instances stand, and the note that they are waited for
    }


def test_the_last_instance_sends_for_the_run_that_waits_by_one_request(
    deployment: MeteredDeployment,
) -> None:
    shape = Shape("a", depends_on_past=True, expansion=Expansion(own=Literal(count=2)))
    two_runs(deployment, ScriptedDag([shape]))
    deployment.handle(deployment.take(StartRun))
    first, second = (deployment.handle(deployment.take(RunTask, "a")) for _ in range(2))
    assert first.dynamodb[("Query", "dag_runs")] == 0
    assert second.dynamodb[("Query", "dag_runs")] == 1
    deployment.take(RescueRun)


@pytest.mark.parametrize("length", [1, 20])
def test_what_a_failed_task_stops_takes_two_requests_each(deployment: MeteredDeployment, length: int) -> None:
    names = [f"t{number:02d}" for number in range(length)]
    chain = [Shape(name, (before,)) for before, name in zip(["bad", *names], names, strict=False)]
    started(deployment, ScriptedDag([Shape("bad", behaviour="fail"), *chain], fail_stop=True))
    meter = deployment.handle(deployment.take(RunTask, "bad"))
    assert meter.dynamodb["UpdateItem", "task_instances"] == 3 + 2 * length  # its end, its arrival
    assert meter.dynamodb["Query", "task_instances"] == 1  # who is there to be stopped
    assert meter.sqs.total() == 0


def test_a_limit_of_each_run_takes_two_requests_per_instance_as_one_of_all_runs_does(
    deployment: MeteredDeployment,
) -> None:
    over = Expansion(own=Literal(count=4))
    started(deployment, ScriptedDag([Shape("m", max_active_tis_per_dagrun=3, expansion=over)]))
    meter = deployment.handle(deployment.take(RunTask, "m"))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 3,  # claim, finish, arrival where the instances meet
        ("GetItem", "dags"): 1,
        ("UpdateItem", "pools"): 2,  # slot and place given back
    }
    deployment.handle(deployment.take(WakePool))
    for _ in range(2):
        deployment.handle(deployment.take(RunTask, "m"))
    last = deployment.handle(deployment.take(RunTask, "m"))
    assert last.dynamodb["TransactWriteItems", "pools"] == 1  # the pool of the run goes with it


@pytest.mark.parametrize("width", [10, 25])
def test_a_fan_out_sends_its_messages_in_batches_of_ten(deployment: MeteredDeployment, width: int) -> None:
    leaves = [Shape(f"t{number:02d}", ("root",)) for number in range(width)]
    started(deployment, ScriptedDag([Shape("root"), *leaves]))
    meter = deployment.handle(deployment.take(RunTask, "root"))
    # Per successor one take and one write; the root's own are claim, DAG, finish. The first successor
    # gets the root's slot handed on.
    assert meter.dynamodb_requests == 3 + 2 * width
    assert (meter.sqs["SendMessageBatch"], meter.sqs_messages) == (-(-width // 10), width)


@pytest.mark.parametrize("width", [10, BUCKET_SIZE])
def test_a_fan_in_starts_its_successor_once(deployment: MeteredDeployment, width: int) -> None:
    names = tuple(f"t{number:02d}" for number in range(width))
    started(deployment, ScriptedDag([*map(Shape, names), Shape("join", names)]))
    meters = [deployment.handle(deployment.take(RunTask, name)) for name in names]
    # claim, DAG, finish, slots back, arrival
    assert {meter.dynamodb_requests for meter in meters[:-1]} == {5}
    assert meters[-1].dynamodb_requests == 5 + 2  # and the join's slots and queueing
    assert sum(meter.sqs_messages for meter in meters) == 1


def test_a_fan_in_above_a_bucket_takes_one_arrival_more_per_bucket(deployment: MeteredDeployment) -> None:
    names = tuple(f"t{number:03d}" for number in range(2 * BUCKET_SIZE))
    started(deployment, ScriptedDag([*map(Shape, names), Shape("join", names)]))
    meters = [deployment.handle(deployment.take(RunTask, name)) for name in names]
    requests = sum(meter.dynamodb_requests for meter in meters)
    assert requests == 5 * len(names) + 2 + 2  # one more per full bucket; the join's slots and queueing
    assert sum(meter.sqs_messages for meter in meters) == 1


def test_a_retry_takes_a_history_item_and_one_delayed_message(deployment: MeteredDeployment) -> None:
    started(deployment, ScriptedDag([Shape("flaky", behaviour="flaky", retries=1)]))
    meter = deployment.handle(deployment.take(RunTask))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 2,
        ("GetItem", "dags"): 1,
        ("PutItem", "task_instances"): 1,
        ("UpdateItem", "pools"): 1,
    }
    assert meter.sqs_messages == 1
    deployment.take(RetryTask)


@pytest.mark.parametrize("size", [20, 40, 80])
def test_what_a_finish_costs_does_not_grow_with_the_dag(deployment: MeteredDeployment, size: int) -> None:
    chain = [Shape("t000")]
    chain += [Shape(f"t{number:03d}", (f"t{number - 1:03d}",)) for number in range(1, size)]
    started(deployment, ScriptedDag(chain))
    for name in ("t000", "t001", "t002"):
        meter = deployment.handle(deployment.take(RunTask, name))
        assert meter.dynamodb_requests == 5
        assert meter.write_units <= 4


def test_an_idle_tick_costs_the_shards_of_the_index_of_runs_and_one_look_at_dags_and_pools(
    deployment: MeteredDeployment,
) -> None:
    from tests.meter import Meter

    with Meter() as meter:
        tick(deployment.engine)
    assert meter.dynamodb == {
        ("Query", "unfinished_runs"): 16,
        ("Query", "dags"): 1,
        ("Scan", "pools"): 1,
    }
    assert meter.sqs.total() == 0
