"""What schedules cost: DynamoDB requests and messages, exactly, and only where there is one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.messages import (
    BackfillDag,
    DagUnpaused,
    InferInterval,
    PlanNextRun,
    RunTask,
    ScheduleDag,
    StartRun,
)
from chalicelib.domain.runs.dag_runs import DagRunType
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.timetables import CUSTOM, Schedule
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.engine.schedule.backfill import BackfillRequest, backfill
from chalicelib.engine.schedule.clock import renew
from chalicelib.engine.upkeep.tick import tick
from tests.budgets.conftest import NOON
from tests.budgets.deployment import MeteredDeployment
from tests.meter import Meter
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.every_hour import EveryHour

DAG = ScriptedDag([Shape("a")])
HOUR = timedelta(hours=1)


@pytest.fixture
def scheduled(deployment: MeteredDeployment) -> MeteredDeployment:
    """A deployment with an hourly DAG, three of whose runs are due."""
    deployment.deploy(DAG)
    dags = deployment.engine.store.dags
    dag = dags.get(DAG.dag_id)
    assert dag is not None
    schedule = Schedule(expression="@hourly", start_date=NOON - 3 * HOUR)
    renew(deployment.engine, dags.save(replace(dag, schedule=schedule)))
    return deployment


def test_a_run_by_the_clock_takes_three_requests_and_a_portion_two_more(
    scheduled: MeteredDeployment,
) -> None:
    with Meter() as meter:
        tick(scheduled.engine)
    assert (meter.dynamodb["Query", "dags"], meter.sqs_messages) == (1, 1)
    meter = scheduled.handle(scheduled.take(ScheduleDag))
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("Query", "unfinished_runs"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 3,
        ("UpdateItem", "dags"): 2 * 3,  # its latest run, its next run
    }
    assert meter.sqs_messages == 3
    with Meter() as meter:
        tick(scheduled.engine)
    assert meter.sqs_messages == 0


def test_a_message_that_comes_again_takes_one_request(scheduled: MeteredDeployment) -> None:
    scheduled.handle(ScheduleDag(dag_id=DAG.dag_id))
    meter = scheduled.handle(ScheduleDag(dag_id=DAG.dag_id))
    assert meter.dynamodb == {("GetItem", "dags"): 1}
    assert meter.sqs.total() == 0


def test_a_paused_dag_costs_nothing_each_minute(scheduled: MeteredDeployment) -> None:
    assert scheduled.get("/dags/scripted/paused/true")[1].dynamodb == {("UpdateItem", "dags"): 1}
    with Meter() as meter:
        tick(scheduled.engine)
    assert meter.sqs_messages == 0
    _, meter = scheduled.get("/dags/scripted/paused/false")
    assert (meter.dynamodb, meter.sqs_messages) == ({("UpdateItem", "dags"): 1}, 2)
    scheduled.take(DagUnpaused)
    scheduled.take(ScheduleDag)


def test_the_end_of_a_run_that_is_behind_sends_one_message_more(scheduled: MeteredDeployment) -> None:
    scheduled.handle(ScheduleDag(dag_id=DAG.dag_id))
    scheduled.handle(scheduled.take(StartRun))
    meter = scheduled.handle(scheduled.take(RunTask))
    assert meter.sqs_messages == 1
    scheduled.take(ScheduleDag)


def test_a_sync_that_finds_nothing_new_plans_without_a_request(scheduled: MeteredDeployment) -> None:
    dag = scheduled.engine.store.dags.get(DAG.dag_id)
    assert dag is not None
    with Meter() as meter:
        renew(scheduled.engine, dag)
    assert meter.dynamodb_requests == 0


def test_a_manual_run_of_a_scheduled_dag_costs_what_any_does(scheduled: MeteredDeployment) -> None:
    meter = scheduled.trigger(DAG)
    assert (meter.dynamodb_requests, meter.sqs_messages) == (3, 1)


def test_the_previous_successful_run_takes_a_request_when_it_is_used(scheduled: MeteredDeployment) -> None:
    scheduled.handle(ScheduleDag(dag_id=DAG.dag_id))
    runs = [scheduled.take(StartRun), scheduled.take(StartRun)]
    scheduled.handle(runs[0])
    scheduled.handle(scheduled.take(RunTask))
    scheduled.handle(runs[1])
    found = []

    def use_it(request: TryRequest, _: RunningXComs) -> TryOutcome:
        found.append(request.find_previous_success())
        return TryOutcome(result=TryResult.SUCCESS)

    scheduled.user_code = use_it
    meter = scheduled.handle(scheduled.take(RunTask))
    assert meter.dynamodb["Query", "dag_runs"] == 1
    assert [run and run.execution_date for run in found] == [NOON - 3 * HOUR]


def test_a_backfill_takes_a_request_for_a_portion_and_two_for_each_run(
    scheduled: MeteredDeployment,
) -> None:
    with Meter() as meter:
        backfill(
            scheduled.engine,
            BackfillRequest(
                dag_id=DAG.dag_id,
                start_date=NOON - 9 * HOUR,
                end_date=NOON - 6 * HOUR,
                triggered_by="ada",
            ),
        )
    assert (meter.dynamodb, meter.sqs_messages) == ({("GetItem", "dags"): 1}, 1)
    meter = scheduled.handle(scheduled.take(BackfillDag))
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 4,
        ("UpdateItem", "dags"): 4,
    }
    runs = [*scheduled.engine.store.dag_runs.list(DAG.dag_id)]
    assert [run.run_type for run in runs] == [DagRunType.BACKFILL] * 4


# -- timetables of the user's own --------------------------------------------------------------------


@pytest.fixture
def own(deployment: MeteredDeployment) -> MeteredDeployment:
    """A deployment with a DAG by a timetable of the user's own, whose first run is due."""
    deployment.timetable = EveryHour(NOON - 3 * HOUR)
    deployment.deploy(DAG)
    dag = deployment.engine.store.dags.get(DAG.dag_id)
    assert dag is not None
    schedule = Schedule(expression=CUSTOM, is_custom=True)
    renew(deployment.engine, deployment.engine.store.dags.save(replace(dag, schedule=schedule)))
    return deployment


def test_a_timetable_of_the_users_own_costs_a_question_for_each_run(own: MeteredDeployment) -> None:
    meter = own.handle(own.take(PlanNextRun))
    assert meter.dynamodb == {("GetItem", "dags"): 1, ("UpdateItem", "dags"): 1}
    meter = own.handle(own.take(ScheduleDag))
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("Query", "unfinished_runs"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 1,
        ("UpdateItem", "dags"): 2,  # its latest run, its plan
    }
    assert meter.sqs_messages == 2, "the run, and the question for the next one"
    with Meter() as meter:
        tick(own.engine)
    assert meter.sqs_messages == 0, "the answer is waited for"


def test_a_run_by_hand_costs_a_question_more(own: MeteredDeployment) -> None:
    meter = own.trigger(DAG)
    assert (meter.dynamodb_requests, meter.sqs_messages) == (3, 1)
    meter = own.handle(own.take(StartRun))
    assert (meter.dynamodb_requests, meter.sqs_messages) == (1, 1)
    meter = own.handle(own.take(InferInterval))
    assert meter.dynamodb == {
        ("BatchGetItem", "dag_runs+dags"): 1,
        ("UpdateItem", "dag_runs"): 1,
    }
    assert meter.sqs_messages == 1
