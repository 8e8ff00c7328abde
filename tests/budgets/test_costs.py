"""What the pages say that this costs is what the counted requests come to."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from chalicelib.deploy.description.alarms import MINUTES_OF_THROTTLES, MINUTES_WITHOUT_A_TICK
from chalicelib.deploy.description.functions import FUNCTIONS
from chalicelib.deploy.description.resources import StageResources, stage_resources
from chalicelib.domain.observations import (
    MessagePutAside,
    Observation,
    PoolUse,
    RunEnded,
    TaskEnded,
    TryStarted,
)
from chalicelib.domain.states import FINAL_STATES, DagRunState, TaskInstanceState
from chalicelib.engine.upkeep.tick import tick
from chalicelib.settings import ALARMS, Settings
from chalicelib.telemetry.log_lines import Fields
from chalicelib.telemetry.metrics import EmbeddedMetrics
from tests.budgets.costs import DELIVERY, MILLION, PRICES, X86_GB_SECOND, Use, asked, invocation
from tests.budgets.deployment import MeteredDeployment
from tests.budgets.functions import handled_by
from tests.budgets.test_deferral_budgets import deferred
from tests.meter import Meter
from tests.pages import on_one_line, page, quoted, table
from tests.scripted.dags import ScriptedDag, Shape

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
COSTS, OPERATING = on_one_line(page("costs")), on_one_line(page("operating"))

MINUTES_A_MONTH = 30 * 24 * 60
POLLS_A_MINUTE = 5 * 3
"""Of an idle queue: Lambda keeps five pollers, which wait 20 seconds each (AWS, scaling of SQS sources)."""

ENGINE_SECONDS = 0.1
"""How long a warm invocation takes beside the user's code: five to ten requests of some milliseconds."""
TICK_SECONDS = 0.3

CHAIN = ScriptedDag([Shape("t0"), *(Shape(f"t{number}", (f"t{number - 1}",)) for number in range(1, 10))])
SIDE_BY_SIDE = ScriptedDag([Shape(f"t{number:02d}") for number in range(50)])


def invoked(function: str, seconds: float = ENGINE_SECONDS) -> Use:
    return invocation(memory_mb=FUNCTIONS[function].memory_mb, seconds=seconds)


REQUEST = Use(api_requests=1) + invoked("api_handler")
MESSAGE = {function: DELIVERY + invoked(function) for function in ("scheduler", "worker", "triggerer")}


def whole_run(deployment: MeteredDeployment, dag: ScriptedDag, execution_date: str) -> Use:
    """A run from its trigger over the API to its end; each message is an invocation of its own."""
    with Meter() as meter:
        answer, _ = deployment.post(f"/dags/{dag.dag_id}/dag_runs", {"execution_date": execution_date})
        assert answer.status == 200
        use = REQUEST
        while deployment.sender.sent:
            message = deployment.sender.sent.pop(0)
            use += MESSAGE[handled_by(message)]
            deployment.handle(message)
    assert deployment.get(f"/dags/{dag.dag_id}/dag_runs/{execution_date}")[0].body == {"state": "success"}
    return use + asked(meter)


def million_tasks(deployment: MeteredDeployment, dag: ScriptedDag) -> Use:
    """In processes that are warm, with the runs around them."""
    deployment.deploy(dag)
    whole_run(deployment, dag, "2025-01-01")
    return whole_run(deployment, dag, "2025-01-02").times(MILLION / len(dag.shapes))


def idle_month(deployment: MeteredDeployment, resources: StageResources) -> Use:
    with Meter() as meter:
        tick(deployment.engine)
    polls = Use(sqs_requests=len(resources.queues) * POLLS_A_MINUTE)
    minute = asked(meter) + invoked("tick", TICK_SECONDS) + polls
    return minute.times(MINUTES_A_MONTH) + Use(alarm_months=len(resources.alarms))


def authorizer_kept_busy_for_a_day() -> Use:
    """By wrong passwords: a quarter of a second each, the user and the failures read, one more counted."""
    check = invoked("authorizer", 0.25) + Use(dynamodb_read_units=2, dynamodb_write_units=1)
    return check.times(4 * 24 * 60 * 60)


def dollars(use: Use) -> list[str]:
    """The columns of the page's table."""
    columns = (("dynamodb",), ("sqs",), ("lambda",), ("s3",), ("api", "log", "alarm", "metric"), ())
    return [f"{use.dollars(*services):.2f}" for services in columns]


def stated(title: str) -> list[str]:
    """The columns that the page's table has in the row of that title."""
    (columns,) = (columns for first, *columns in table(page("costs"), "") if first == title)
    return columns


@pytest.mark.parametrize(
    ("title", "dag"),
    [
        ("a million tasks, in runs of ten one after another", CHAIN),
        ("a million tasks, in runs of fifty side by side", SIDE_BY_SIDE),
    ],
)
def test_a_million_tasks_cost_what_the_page_says(
    deployment: MeteredDeployment, title: str, dag: ScriptedDag
) -> None:
    assert stated(title) == dollars(million_tasks(deployment, dag))


def test_a_million_questions_for_a_run_cost_what_the_page_says(deployment: MeteredDeployment) -> None:
    deployment.deploy(CHAIN)
    whole_run(deployment, CHAIN, "2025-01-01")
    _, meter = deployment.get(f"/dags/{CHAIN.dag_id}/dag_runs/2025-01-01")
    asking = REQUEST + asked(meter)
    assert stated("a million questions for the state of a run") == dollars(asking.times(MILLION))


def test_an_idle_month_costs_what_the_page_says(deployment: MeteredDeployment, stage: Settings) -> None:
    idle = idle_month(deployment, stage_resources(stage))
    assert stated("a month without a run") == dollars(idle)


def test_further_alarms_cost_what_the_page_says(stage: Settings) -> None:
    usual = stage_resources(stage)
    every = stage_resources(replace(stage, more_alarms=frozenset(ALARMS)))
    further = Use(alarm_months=len(every.alarms) - len(usual.alarms))
    assert stated("a month of all further alarms") == dollars(further)


def test_there_are_as_many_alarms_of_each_kind_as_the_page_says(stage: Settings) -> None:
    every = stage_resources(replace(stage, more_alarms=frozenset(ALARMS))).alarms
    listed = table(page("operating"), "alarm", "how many")
    rows = [(quoted(name)[0].removeprefix("…-"), count) for name, count, _ in listed]
    assert {kind: int(count) for kind, count in rows} == {
        kind: sum(alarm.name.endswith(f"-{kind}") for alarm in every) for kind, _ in rows
    }
    assert sum(int(count) for _, count in rows) == len(every)
    usual = len(stage_resources(stage).alarms)
    assert f"${Use(alarm_months=usual).dollars():.2f} are the {NUMBERS[usual]} alarms" in COSTS
    assert f"not called for {MINUTES_WITHOUT_A_TICK} minutes" in OPERATING
    assert f"failed in each of {MINUTES_WITHOUT_A_TICK} minutes" in OPERATING
    assert f"calls in each of {MINUTES_OF_THROTTLES} minutes" in OPERATING


NUMBERS = {6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def observations(pool: str) -> Iterator[Observation]:
    """All kinds of what a stage with one pool can observe of itself."""
    ids = {"dag_id": "a", "run_id": "b"}
    task: dict[str, Any] = {**ids, "task_id": "c", "map_index": -1, "try_number": 1}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for run_state in DagRunState:
        if run_state.is_final:
            yield RunEnded(**ids, execution_date=at, state=run_state)
    for state in (*FINAL_STATES, TaskInstanceState.UP_FOR_RETRY):
        yield TaskEnded(**task, state=state)
    yield TryStarted(**task, waited=timedelta(seconds=1))
    yield PoolUse(pool=pool, slots=128, used=1)
    yield MessagePutAside(queue="updraft-dev-events", code="no_such_dag")


def metrics_of(lines: Iterable[str | Fields], stage: str) -> set[tuple[str, ...]]:
    """The metrics that CloudWatch makes of lines: each name with each combination of dimensions is one."""
    found = set()
    for line in lines:
        assert isinstance(line, Fields)
        assert line.values["stage"] == stage
        document: Any = line.values
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                values = [f"{name}={document[name]}" for name in sorted(dimensions)]
                found |= {(metric["Name"], *values) for metric in directive["Metrics"]}
    return found


def test_metrics_cost_what_the_page_says(caplog: pytest.LogCaptureFixture) -> None:
    observe = EmbeddedMetrics("dev")
    found: dict[int, set[tuple[str, ...]]] = {}
    with caplog.at_level(logging.INFO, "chalicelib.metrics"):
        for pools in (1, 2):
            for observation in observations(f"pool {pools}"):
                observe(observation)
            found[pools] = metrics_of([record.msg for record in caplog.records], "dev")
    count, more = len(found[1]), len(found[2]) - len(found[1])
    assert stated("a month in which each metric tells something each hour") == dollars(
        Use(metric_months=count)
    )
    of_a_pool = Use(metric_months=more).dollars()
    assert f"A stage has at most {count} with one pool" in COSTS
    assert f"and {more} more, ${of_a_pool:.2f}, with each further pool" in COSTS
    assert Counter(name for name, *_ in found[1]) == {
        "RunsEnded": 2,
        "TasksEnded": 6,
        "QueueToStartSeconds": 1,
        "PoolSlots": 1,
        "PoolSlotsUsed": 1,
        "DeadLetters": 1,
    }


def test_metrics_have_the_names_and_dimensions_that_the_page_says(caplog: pytest.LogCaptureFixture) -> None:
    observe = EmbeddedMetrics("dev")
    with caplog.at_level(logging.INFO, "chalicelib.metrics"):
        for observation in observations("a pool"):
            observe(observation)
    told = metrics_of([record.msg for record in caplog.records], "dev")
    assert {
        (name, tuple(quoted(dimensions)))
        for names, dimensions, _ in table(page("operating"), "metric", "by `stage` and")
        for name in quoted(names)
    } == {
        (name, tuple(each.partition("=")[0] for each in values if not each.startswith("stage=")))
        for name, *values in told
    }


def test_an_idle_stage_tells_no_metric(
    deployment: MeteredDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "chalicelib.metrics"):
        tick(replace(deployment.engine, observe=EmbeddedMetrics("dev")))
    assert [record for record in caplog.records if record.name == "chalicelib.metrics"] == []


def test_a_million_seconds_of_a_task_cost_what_the_page_says() -> None:
    second = replace(invoked("worker", seconds=1), lambda_requests=0, log_bytes=0)
    assert stated("a million seconds of your own code") == dollars(second.times(MILLION))


def test_the_prices_are_those_of_the_shipped_stages_machine() -> None:
    assert CONFIG["lambda_architecture"] == "arm64"
    assert not any("lambda_architecture" in stage for stage in CONFIG["stages"].values())
    more = X86_GB_SECOND / PRICES["lambda_gb_seconds"] - 1
    assert f"a GB-second costs {100 * more:.0f} % more" in COSTS


def test_a_flood_of_wrong_passwords_costs_and_holds_what_the_page_says() -> None:
    dev, prod = (CONFIG["stages"][name] for name in ("dev", "prod"))
    rate, burst = (
        int(dev["environment_variables"][f"UPDRAFT__API__THROTTLING_{kind}_LIMIT"])
        for kind in ("RATE", "BURST")
    )
    at_once = prod["lambda_functions"]["authorizer"]["reserved_concurrency"]
    of_a_day = authorizer_kept_busy_for_a_day().dollars()
    said = OPERATING
    assert (
        f"lets {rate} requests a second through to a method of a path in `dev`, after a pause {burst}" in said
    )
    assert f"keeps {ceil(rate * 0.25)} authorizers busy in `dev`" in said
    assert f"{at_once} in `prod`, the account's 10 in `dev`" in said
    flood = (
        f"Each costs ${of_a_day:.2f} a day, so the flood ${of_a_day * at_once:.0f} or ${of_a_day * 10:.0f}"
    )
    assert flood in said


def test_an_hour_that_is_polled_each_minute_costs_what_the_page_says(deployment: MeteredDeployment) -> None:
    """Each poll alone in its invocation of two seconds: the dearest case."""
    counted = asked(deployment.handle(deferred(deployment, fires_after=3600)))
    poll = counted + DELIVERY + invoked("triggerer", seconds=2)
    text = on_one_line(page("long-work"))
    hour = poll.times(60)
    assert f"is ${hour.dollars():.4f} an hour, of which Lambda is ${hour.dollars('lambda'):.4f};" in text
    waiting = Use(lambda_gb_seconds=3600 * FUNCTIONS["worker"].memory_mb / 1024)
    assert f"in its worker would be ${waiting.dollars():.4f}." in text
    assert f"A million polls of 2 seconds are ${poll.times(MILLION).dollars():.2f}." in text
