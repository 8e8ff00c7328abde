"""What a stage's functions are used for, one function for each use: every call of AWS that they can make.

The policies of a stage are compared with what is asked for here (``test_policies``). A call that the
code learns to make needs a use that makes it, here; then the comparison says which right is missing.
"""

import json
import os
import random
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib import aws, bootstrap
from chalicelib.auth.accounts import create_user
from chalicelib.authoring.surroundings.connections import Connection, connections_in
from chalicelib.authoring.surroundings.secrets import secrets_from
from chalicelib.authoring.surroundings.variables import Variable, variables_in
from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.errors import DagRunAlreadyExists
from chalicelib.domain.graph.expansion import Expansion, OutputOf
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RunTask, RunTrigger, ScheduleDag, StartRun, WakePool
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.deferrals import WindowRequest
from chalicelib.domain.runs.other_runs import WantedRun, WatchedTasks
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.domain.schedule.timetables import CUSTOM, Schedule
from chalicelib.domain.slots.limits import active_instances
from chalicelib.domain.tasks.keys import holder_name, task_key
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.datasets.references import keep_references
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.engine.schedule.backfill import BackfillRequest, backfill
from chalicelib.engine.slots.taking import save_limit
from chalicelib.queues.messages import decode, encode
from chalicelib.settings import PARAMETER_STORE, SECRETS_MANAGER
from chalicelib.simulation.faults import Killed
from tests.budgets import kerberos_ticket
from tests.budgets.functions import MINUTE, NOON, Functions
from tests.budgets.rights import KEYTAB
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.every_hour import EveryHour
from tests.scripted.recorded_events import record, text_attribute

DAG = "/dags/scripted"
RUNS = f"{DAG}/dag_runs"
DATE = datetime.fromisoformat("2025-01-01T00:00:00+00:00")
"""Of the run that ``trigger`` makes."""

LARGE = "x" * 100_000
"""More than stays in an item."""

LARGE_CODE = random.Random(0).randbytes(40_000).hex()
"""More than stays in an item once it is compressed."""

CHAIN = [Shape("a"), Shape("b", ("a",))]
CALLBACKS = ("on_success_callback", "on_failure_callback", "on_retry_callback")
GREETING = {"kind": text_attribute("greeting")}
FEEDING = {"kind": text_attribute("feeding")}


def trigger(stage: Functions, day: int = 1, **body: Any) -> str:
    """Trigger a run of the day; its path."""
    date = f"2025-01-{day:02d}T00:00:00"
    answer = stage.call("POST", RUNS, {"execution_date": date, **body})
    assert answer.status == 200, answer.body
    return f"{RUNS}/{date}"


def ended(stage: Functions, run: str) -> str:
    """How a run has ended."""
    stage.settle()
    state: str = stage.call("GET", run).body["state"]
    assert state in ("success", "failed")
    return state


# -- the API ---------------------------------------------------------------------------------------


def everything_is_read(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN), code=LARGE_CODE)
    run = trigger(stage, run_id="first")
    assert ended(stage, run) == "success"
    paths = [
        "/test", "/info", run, f"{run}/tasks/a", RUNS, f"{RUNS}?limit=1", f"{RUNS}?state=success",
        f"{DAG}/paused", f"{DAG}/code", f"{DAG}/tasks/a", "/latest_runs", "/pools", "/pools/default_pool",
        "/lineage/scripted/2025-01-01T00:00:00",
    ]  # fmt: skip
    for path in paths:
        assert stage.call("GET", path).status == 200, path


def runs_are_triggered_with_and_without_a_key(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN))
    trigger(stage, conf={"text": LARGE})
    duplicate = {"execution_date": "2025-01-01T00:00:00"}
    assert stage.call("POST", RUNS, duplicate).status == 400
    assert stage.call("POST", RUNS, {**duplicate, "run_id": "not allowed" * 50}).status == 400
    wish = {"execution_date": "2025-01-02T00:00:00"}
    answers = [stage.call("POST", RUNS, wish, Idempotency_Key="k").status for _ in range(2)]
    other = stage.call("POST", RUNS, {**wish, "conf": {}}, Idempotency_Key="k").status
    assert (answers, other) == ([200, 200], 409)


def pools_are_made_changed_and_deleted(stage: Functions) -> None:
    for slots in (40, 40, 1, 60, -1):
        pool = {"name": "p", "slots": slots, "description": "some"}
        assert stage.call("POST", "/pools", pool).body["slots"] == slots
    keyed = {"name": "keyed", "slots": 20, "description": None}
    assert {stage.call("POST", "/pools", keyed, Idempotency_Key="k").status for _ in range(2)} == {200}
    assert {stage.call("DELETE", f"/pools/{name}").status for name in ("p", "keyed")} == {200}


def a_dag_is_paused_and_goes_on(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN), schedule=_hourly())
    run = trigger(stage)
    stage.drain()
    assert stage.call("GET", f"{DAG}/paused/true").status == 200
    stage.call("POST", RUNS, {})
    stage.pass_minutes(3)
    assert stage.call("GET", f"{DAG}/paused/false").status == 200
    assert ended(stage, run) == "success"


def a_dag_is_deleted_with_what_it_holds(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN, max_active_runs=1), code=LARGE_CODE)
    stage.user_code = _reads_and_writes
    ended(stage, trigger(stage))
    trigger(stage, 2)
    stage.handle(stage.take(StartRun))
    stage.take(RunTask)
    for day in (3, 4, 5):
        trigger(stage, day)
    stage.drain()
    assert stage.call("DELETE", DAG).status == 200
    assert stage.call("DELETE", DAG).status == 404
    stage.settle()
    assert stage.call("GET", f"{DAG}/paused").body == {"is_paused": True}


def a_dag_is_deleted_while_its_tasks_wait(stage: Functions) -> None:
    pool = {"name": "narrow", "slots": 1, "description": None}
    stage.call("POST", "/pools", pool)
    stage.deploy(ScriptedDag([Shape(name, pool="narrow") for name in "abc"]))
    trigger(stage)
    stage.handle(stage.take(StartRun))
    assert stage.call("DELETE", DAG).status == 200
    stage.settle()


# -- the authorizer --------------------------------------------------------------------------------


def users_log_in_with_passwords(stage: Functions) -> None:
    with stage.operating() as engine:
        create_user(engine.store.users, "ada", "right password", cost=4, now=NOON)
    basic = "airflow.api.auth.backend.basic_auth"
    for password, is_let_in in (("right password", True), ("wrong password", False)):
        header = f"Basic {b64encode(f'ada:{password}'.encode()).decode()}"
        assert stage.authorize(header, auth_backend=basic) is is_let_in
    stage.call_as("ada", auth_backend=basic)


def users_log_in_with_tickets(stage: Functions) -> None:
    key = os.urandom(32)
    keytab = kerberos_ticket.keytab(key)
    aws.client("secretsmanager").create_secret(Name=KEYTAB, SecretBinary=keytab)
    text = b64encode(keytab).decode()
    aws.client("ssm").put_parameter(Name=KEYTAB, Value=text, Type="SecureString")
    backend = "airflow.api.auth.backend.kerberos_auth"
    for place in (f"secretsmanager:{KEYTAB}", f"ssm:{KEYTAB}"):
        header = kerberos_ticket.authorization(key)
        assert stage.authorize(header, auth_backend=backend, keytab=place)


# -- events ----------------------------------------------------------------------------------------


def events_trigger_runs_and_go_to_the_dead_letters(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN, params={"who": {"schema": {"type": "string"}, "refusal": None}}))
    for message_id in ("m-1", "m-1", "m-2"):
        stage.event(LARGE, GREETING, message_id)
    stage.event(LARGE[:50_000], FEEDING, "m-4")
    stage.event("undeclared", {}, "m-3")
    assert len(stage.call("GET", RUNS).body) == 2


# -- tasks -----------------------------------------------------------------------------------------


def tasks_pass_on_what_is_large(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN, callbacks=CALLBACKS), code=LARGE_CODE)
    stage.user_code = _reads_and_writes
    assert ended(stage, trigger(stage, conf={"text": LARGE})) == "success"
    assert stage.call("GET", "/lineage/scripted/2025-01-01T00:00:00").body["task_ids"]


def tasks_change_datasets_by_which_dags_run(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("a")]))
    consumer = stage.deploy(ScriptedDag([Shape("look")], dag_id="consumer"))
    with stage.operating() as engine:
        dag = engine.store.dags.get("consumer")
        assert dag is not None
        engine.store.dags.save(
            replace(dag, dataset_condition=DatasetCondition.of({"all": ["a", "b"]}), names_datasets=True)
        )
        keep_references(engine, [consumer.document() | {"dataset_condition": {"all": ["a", "b"]}}], set())
    stage.user_code = _changes_datasets
    for day in (1, 2, 3):
        assert ended(stage, trigger(stage, day, conf={"uri": "ab"[day % 2]})) == "success"
    (run,) = stage.call("GET", "/dags/consumer/dag_runs").body
    assert (run["state"], run["run_id"].split("__")[0]) == ("success", "dataset_triggered")
    assert stage.call("DELETE", "/dags/consumer").status == 200
    stage.settle()


def tasks_keep_variables(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN))
    stage.user_code = _uses_variables
    assert ended(stage, trigger(stage)) == "success"


def tasks_find_connections(stage: Functions) -> None:
    connection = StoredConnection(conn_id="db", conn_type="postgres", password="tolstoy-1869")
    with stage.operating() as engine:
        engine.store.connections.save(connection)
    _deploy_with(stage, _find_a_connection)
    assert ended(stage, trigger(stage)) == "success"


def tasks_find_what_is_in_a_secrets_backend(stage: Functions) -> None:
    for name, text in (("connections/db", "x://h"), ("variables/city", "Ulm")):
        aws.client("secretsmanager").create_secret(Name=f"airflow/{name}", SecretString=text)
        aws.client("ssm").put_parameter(Name=f"/airflow/{name}", Value=text, Type="SecureString")
    _deploy_with(stage, _ask_the_secrets_backends)
    assert ended(stage, trigger(stage)) == "success"


def tasks_are_retried_and_call_back(stage: Functions) -> None:
    stage.deploy(
        ScriptedDag(
            [
                Shape("flaky", behaviour="flaky", retries=1, callbacks=CALLBACKS),
                Shape("fails", ("flaky",), behaviour="fail", callbacks=CALLBACKS),
                Shape("never", ("fails",)),
            ],
            callbacks=CALLBACKS,
        )
    )
    script = stage.user_code

    def push_and_end(request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
        xcoms.push("return_value", "1")  # which the next try finds gone
        return script(request, xcoms)

    stage.user_code = push_and_end
    assert ended(stage, trigger(stage)) == "failed"


def sensors_wait(stage: Functions) -> None:
    modes = [Shape(mode, mode=mode, pokes=2, poke_interval=90) for mode in ("poke", "reschedule")]
    stage.deploy(ScriptedDag(modes))
    assert ended(stage, trigger(stage)) == "success"


def a_sensor_whose_log_is_gone_pokes_on(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("wait", mode="poke", pokes=2)]))
    run = trigger(stage)
    stage.drain()
    s3 = aws.client("s3")
    for found in s3.list_objects_v2(Bucket=stage.settings.bucket, Prefix="logs/")["Contents"]:
        s3.delete_object(Bucket=stage.settings.bucket, Key=found["Key"])
    assert ended(stage, run) == "success"


def deferred_tasks_wait_and_go_on(stage: Functions) -> None:
    stage.call("POST", "/pools", {"name": "narrow", "slots": 1, "description": None})
    shapes = [
        Shape("fires", defers=2, pool="narrow", fires_after=0, retries=1, behaviour="flaky"),
        Shape("waits", defers=1, pool="narrow", fires_after=0),
        Shape("breaks", defers=1, fires="broken", max_active_tis_per_dag=1),
        Shape("late", defers=1, fires_after=3600, times_out_after=120),
        Shape("next", ("fires",), defers=1, max_active_tis_per_dagrun=1),
    ]
    stage.deploy(ScriptedDag(shapes))
    assert ended(stage, trigger(stage)) == "failed"


def triggers_end_tasks(stage: Functions) -> None:
    kinds = ("success", "failed", "skipped")
    over = Expansion(own=OutputOf(task_id="list"))
    shapes = [
        Shape("list", returns=2),
        *(Shape(kind, defers=1, fires=kind, callbacks=CALLBACKS) for kind in kinds),
        Shape("next", ("success",), max_active_tis_per_dag=3),
        Shape("join", ("failed", "skipped"), rule="all_done"),
        Shape("mapped", ("list", "success"), expansion=over),
    ]
    stage.deploy(ScriptedDag(shapes), code=LARGE_CODE)
    stage.trigger_code = _watch_itself
    assert ended(stage, trigger(stage)) == "success"


def triggers_end_runs(stage: Functions) -> None:
    last = Shape("last", defers=1, fires="success", depends_on_past=True)
    dag = ScriptedDag([last], max_active_runs=1, max_active_tasks=1, callbacks=CALLBACKS)
    stage.deploy(dag, schedule=_hourly())
    runs = [trigger(stage, day) for day in (2, 3)]
    assert [ended(stage, run) for run in runs] == ["success", "success"]
    with stage.operating() as engine:
        date = DATE + timedelta(days=2)
        clear_tasks(engine, ClearRequest(dag_id="scripted", execution_date=date, choice=Choice()))
    assert ended(stage, runs[1]) == "success"


def a_trigger_fails_a_task_and_stops_the_others(stage: Functions) -> None:
    shapes = [Shape("bad", defers=1, fires="failed"), Shape("slow", mode="poke", pokes=1, poke_interval=3600)]
    stage.deploy(ScriptedDag(shapes, fail_stop=True))
    assert ended(stage, trigger(stage)) == "failed"


def a_window_is_lost(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("wait", defers=1)]))
    run = trigger(stage)
    stage.handle(stage.take(StartRun))
    stage.handle(stage.take(RunTask))
    stage.take(RunTrigger)
    assert ended(stage, run) == "success"


def branches_skip_and_many_join(stage: Functions) -> None:
    names = tuple(f"t{number:02d}" for number in range(BUCKET_SIZE + 2))
    branch = Shape("branch", behaviour="branch", follow=names[1:])
    fan = [Shape(name, ("branch",), is_empty=name != names[-1]) for name in names]
    stage.deploy(ScriptedDag([branch, *fan, Shape("join", names, rule="none_failed")]))
    assert ended(stage, trigger(stage)) == "success"


def tasks_wait_for_pools_and_limits(stage: Functions) -> None:
    for name, slots in (("narrow", 1), ("wide", 40), ("endless", -1)):
        stage.call("POST", "/pools", {"name": name, "slots": slots, "description": None})
    shapes = [
        Shape("root"),
        *(Shape(f"narrow{n}", ("root",), pool="narrow", priority_weight=n) for n in range(2)),
        *(Shape(f"wide{n}", ("root",), pool="wide", pool_slots=30) for n in range(2)),
        Shape("endless", ("root",), pool="endless"),
        Shape("once", ("root",), max_active_tis_per_dag=1),
        Shape("last", ("once",), max_active_tis_per_dag=1),
    ]
    stage.deploy(ScriptedDag(shapes, max_active_runs=2, max_active_tasks=3))
    runs = [trigger(stage, day) for day in (1, 2, 3)]
    assert {ended(stage, run) for run in runs} == {"success"}


def a_pool_comes_to_be_while_it_is_waited_for(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("a"), Shape("b", ("a",), pool="later")]))
    run = trigger(stage)
    stage.drain()
    stage.call("POST", "/pools", {"name": "later", "slots": 1, "description": None})
    assert ended(stage, run) == "success"


def tasks_depend_on_the_run_before(stage: Functions) -> None:
    shapes = [Shape("a", wait_for_downstream=True), Shape("b", ("a",), depends_on_past=True)]
    stage.deploy(ScriptedDag(shapes))
    found = []

    def look_back(request: TryRequest, _: RunningXComs) -> TryOutcome:
        found.append(request.find_previous_success())
        return TryOutcome(result=TryResult.SUCCESS)

    stage.user_code = look_back
    runs = [trigger(stage, day) for day in (1, 2)]
    assert {ended(stage, run) for run in runs} == {"success"}
    assert any(found)


def tasks_make_watch_and_clear_runs_of_other_dags(stage: Functions) -> None:
    names = [f"{number:03d}{'x' * 900}" for number in range(20)]  # together more than stays in a message
    stage.deploy(ScriptedDag([Shape(name, is_empty=True) for name in names], dag_id="other"))
    stage.deploy(ScriptedDag([Shape("go")]))

    def reach_out(request: TryRequest, _: RunningXComs) -> TryOutcome:
        others = request.other_runs
        wanted = WantedRun(dag_id="other", execution_date=DATE, run_id="made", conf={"text": LARGE})
        made = others.find("other", "made", None)
        if made is None:
            made = others.trigger(wanted)
        else:
            with suppress(DagRunAlreadyExists):
                others.trigger(wanted)
            others.clear(made)
        assert others.find("other", None, DATE) is not None
        assert others.dag("other") is not None
        for watched in (names[:1], names):
            others.watch(WatchedTasks(dag_id="other", execution_dates=(DATE,), task_ids=tuple(watched)))
        return TryOutcome(result=TryResult.SUCCESS)

    stage.user_code = reach_out
    for day in (1, 2):
        assert ended(stage, trigger(stage, day)) == "success"


def mapped_tasks_depend_on_the_run_before_within_limits(stage: Functions) -> None:
    over = Expansion(own=OutputOf(task_id="list"))
    mapped = Shape("m", ("list",), expansion=over, depends_on_past=True, max_active_tis_per_dagrun=1)
    stage.deploy(ScriptedDag([Shape("list", returns=3), mapped]))
    runs = [trigger(stage, day) for day in (1, 2)]
    assert {ended(stage, run) for run in runs} == {"success"}


def a_failed_task_stops_the_others(stage: Functions) -> None:
    slow = Shape("slow", mode="poke", pokes=1, poke_interval=3600)
    shapes = [slow, Shape("bad", behaviour="fail"), Shape("after", ("bad",)), Shape("s", ("slow",))]
    stage.deploy(ScriptedDag(shapes, fail_stop=True))
    assert ended(stage, trigger(stage)) == "success"


def a_run_gives_way_to_the_one_before_it(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("a", behaviour="flaky", depends_on_past=True)], max_active_runs=1))
    first = trigger(stage, 1)
    assert ended(stage, first) == "failed"
    second = trigger(stage, 2)
    stage.drain()
    with stage.operating() as engine:
        date = next(iter(engine.store.dag_runs.list("scripted"))).execution_date
        clear_tasks(engine, ClearRequest(dag_id="scripted", execution_date=date, choice=Choice()))
    assert {ended(stage, run) for run in (first, second)} == {"success", "failed"}


# -- runs ------------------------------------------------------------------------------------------


def schedules_make_runs(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN), schedule=_hourly())
    stage.deploy(ScriptedDag(CHAIN, dag_id="latest"), schedule=_hourly(catchup=False, max_active_runs=1))
    stage.pass_minutes(1)
    stage.settle()
    assert len(stage.call("GET", RUNS).body) == 3


def a_backfill_makes_runs(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN), schedule=_hourly())
    with stage.operating() as engine:
        request = BackfillRequest(
            dag_id="scripted",
            start_date=NOON - timedelta(hours=12),
            end_date=NOON - timedelta(hours=11),
            triggered_by="ada",
            conf={"text": LARGE},
        )
        backfill(engine, request)
    stage.settle()
    assert len(stage.call("GET", RUNS).body) == 2


def timetables_of_the_users_own_make_runs(stage: Functions) -> None:
    timetable = stage.timetable = EveryHour(NOON - timedelta(hours=3))
    stage.deploy(ScriptedDag(CHAIN), schedule=Schedule(expression=CUSTOM, is_custom=True))
    stage.pass_minutes(1)
    assert ended(stage, trigger(stage)) == "success"
    with stage.operating() as engine:
        dates = (NOON - timedelta(hours=12), NOON - timedelta(hours=11))
        request = BackfillRequest(
            dag_id="scripted",
            start_date=dates[0],
            end_date=dates[1],
            triggered_by="ada",
            conf={"text": LARGE},
            dates=dates,
        )
        backfill(engine, request)
    stage.settle()
    assert len(stage.call("GET", RUNS).body) == 5, "two by the clock, one by hand, two of the backfill"
    timetable.error = "no"
    assert ended(stage, trigger(stage, 2)) == "failed"


def a_run_takes_too_long(stage: Functions) -> None:
    waits = Shape("waits", mode="reschedule", pokes=100)
    stage.deploy(ScriptedDag([waits, Shape("b", ("waits",))], dagrun_timeout=5 * MINUTE, callbacks=CALLBACKS))
    assert ended(stage, trigger(stage)) == "failed"


def a_run_is_cancelled_and_cleared(stage: Functions) -> None:
    pool = {"name": "narrow", "slots": 1, "description": None}
    stage.call("POST", "/pools", pool)
    shapes = [Shape(name, pool="narrow", retries=1) for name in "abc"] + [Shape("last", ("a", "b", "c"))]
    stage.deploy(ScriptedDag(shapes), code=LARGE_CODE)
    run = trigger(stage)
    stage.handle(stage.take(StartRun))
    stage.handle(stage.take(RunTask))
    with stage.operating() as engine:
        cancel_run(engine, "scripted", DATE)
    stage.settle()
    with stage.operating() as engine:
        clear_tasks(engine, ClearRequest(dag_id="scripted", execution_date=DATE, choice=Choice()))
    assert ended(stage, run) == "success"


def a_large_run_is_cleared(stage: Functions) -> None:
    names = [f"{number:03d}{'x' * 900}" for number in range(20)]  # together more than stays in a message
    stage.deploy(ScriptedDag([Shape(name, is_empty=True) for name in names], callbacks=CALLBACKS))
    run = trigger(stage)
    ended(stage, run)
    with stage.operating() as engine:
        clear_tasks(engine, ClearRequest(dag_id="scripted", execution_date=DATE, choice=Choice()))
    assert ended(stage, run) == "success"


def a_task_is_cleared_while_its_successor_runs(stage: Functions) -> None:
    """One at once may run, which the shape keeps but for this."""
    stage.deploy(ScriptedDag(CHAIN, max_active_runs=1, max_active_tasks=1))
    script, ran = stage.user_code, []

    def clear_what_was_before(request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
        ran.append(request.task_id)
        if ran == ["a", "b"]:
            with stage.operating() as engine:
                choice = Choice(task_ids=("a",))
                clear_tasks(engine, ClearRequest(dag_id="scripted", execution_date=DATE, choice=choice))
            stage.handle(stage.take(RunTask, "a"))
            assert ran == ["a", "b"]
        return script(request, xcoms)

    stage.user_code = clear_what_was_before
    assert ended(stage, trigger(stage)) == "success"
    assert ran == ["a", "b", "a"]


# -- what goes wrong -------------------------------------------------------------------------------


def messages_are_sent_again_that_there_is_no_time_for(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN))
    wake = encode(WakePool(pool="default_pool"))
    (again,) = stage.in_haste("scheduler", record(wake, "m-1"), record(wake, "m-2"))
    assert (again["Body"], again.get("MessageAttributes")) == (wake, None)
    events = [record(json.dumps({"who": "Ada"}), name, GREETING) for name in ("m-3", "m-4")]
    (again,) = stage.in_haste("events", *events)
    assert again["MessageAttributes"]["UpdraftMessageId"]["StringValue"] == "m-4"
    assert again["MessageAttributes"]["kind"]["StringValue"] == "greeting"
    lower = {
        name: {"dataType": each["DataType"], "stringValue": each["StringValue"]}
        for name, each in again["MessageAttributes"].items()
    }
    stage.event(again["Body"], lower, again["MessageId"])
    runs = {run["run_id"] for run in stage.call("GET", RUNS).body}
    assert runs == {"sqs__m-3", "sqs__m-4"}


def slots_are_audited(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("wait", mode="poke", pokes=12)], max_active_runs=1))
    run = trigger(stage)
    with stage.operating() as engine:
        engine.store.pools.take("default_pool", holder_name("gone", task_key("a"), 1), ((0, 1),), NOON)
    assert ended(stage, run) == "success"
    assert stage.call("GET", "/pools/default_pool").body["slots"] == 128


def a_worker_is_gone(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("a", retries=1)]))
    run = trigger(stage)
    stage.handle(stage.take(StartRun))
    message = stage.take(RunTask)
    stage.faults.arm(1, Killed, takes_effect=True)
    with suppress(Killed):
        stage.handle(message)
    assert ended(stage, run) == "success"


def functions_die_at_each_call(stage: Functions) -> None:
    shapes = [
        Shape("a", behaviour="flaky", retries=1, callbacks=CALLBACKS),
        Shape("b", ("a",), callbacks=CALLBACKS, depends_on_past=True),
    ]
    stage.deploy(ScriptedDag(shapes, max_active_runs=1, callbacks=CALLBACKS))
    run = trigger(stage)
    script = stage.user_code

    def die_after_the_end(request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
        stage.faults.arm(1, Killed, takes_effect=True)  # the log is kept, the end written
        return script(request, xcoms)

    stage.user_code = die_after_the_end
    stage.drain_dying()
    assert ended(stage, run) == "success"


def triggerers_die_at_each_call(stage: Functions) -> None:
    shapes = [
        Shape("fires", defers=1, fires_after=0, callbacks=CALLBACKS, retries=9),
        Shape("ends", ("fires",), defers=1, fires_after=0, fires="success", callbacks=CALLBACKS, retries=9),
        Shape("last", ("ends",), depends_on_past=True),
    ]
    stage.deploy(ScriptedDag(shapes, max_active_runs=1, callbacks=CALLBACKS))
    run = trigger(stage)
    stage.drain_dying()
    assert ended(stage, run) == "success"


def a_triggerer_dies_after_an_end(stage: Functions) -> None:
    over = Expansion(own=OutputOf(task_id="list"))
    shapes = [
        Shape("list", returns=2),
        Shape("mapped", ("list",), expansion=over, max_active_tis_per_dagrun=1),
        Shape("last", ("mapped",), defers=1, fires_after=0, fires="success", callbacks=CALLBACKS),
    ]
    stage.deploy(ScriptedDag(shapes, callbacks=CALLBACKS))
    run = trigger(stage)
    while not any(isinstance(decode(entry.message), RunTrigger) for entry in stage.queue.waiting):
        stage.deliver(stage.queue.visible()[0])
    message = stage.take(RunTrigger)
    for calls in range(4, 16):  # from the end of the task on: graph, claim, DAG and XCom come before it
        stage.faults.arm(calls, Killed, takes_effect=True)
        with suppress(Killed):
            stage.handle(message)
        stage.clock.now += MINUTE
    stage.faults.disarm()
    assert ended(stage, run) == "success"


def a_scheduler_dies_between_a_run_and_the_next(stage: Functions) -> None:
    stage.deploy(ScriptedDag(CHAIN), schedule=_hourly())
    stage.handle_dying(ScheduleDag(dag_id="scripted"))
    stage.settle()


def a_limit_comes_to_be_in_two_workers_at_once(stage: Functions) -> None:
    stage.deploy(ScriptedDag([Shape("a"), Shape("b", ("a",), max_active_tis_per_dag=5)]))
    run = trigger(stage)
    stage.handle(stage.take(StartRun))

    def save_that_of_another_version() -> None:
        with stage.operating() as engine:
            save_limit(engine, active_instances("scripted", "b", 40))

    stage.faults.let_happen_before("DynamoPools.save", save_that_of_another_version)
    stage.handle(stage.take(RunTask))
    assert ended(stage, run) == "success"


# --------------------------------------------------------------------------------------------------


def _hourly(**fields: Any) -> Schedule:
    """Three of whose runs are due."""
    return Schedule(expression="@hourly", start_date=NOON - timedelta(hours=3), **fields)


def _reads_and_writes(request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
    """What an operator does with XComs and lineage."""
    if request.task_id != "a":
        assert xcoms.pull("a", "large") == LARGE
    xcoms.push("large", LARGE)
    xcoms.push("return_value", "1")
    return TryOutcome(result=TryResult.SUCCESS, inlets=("in",), outlets=("out",))


def _changes_datasets(request: TryRequest, _xcoms: RunningXComs) -> TryOutcome:
    """What an operator does with datasets: one is changed, or the events are looked at."""
    if request.task_id == "look":
        assert len(request.datasets.triggering_events()) == 2
        assert request.datasets.events_of("a")
        assert request.datasets.events_of_alias("x")
        assert request.datasets.named({"a", "unknown"})
        return TryOutcome(result=TryResult.SUCCESS)
    change = DatasetChange(uri=request.conf["uri"], extra={"text": LARGE}, aliases=("x",))
    return TryOutcome(result=TryResult.SUCCESS, dataset_changes=(change,))


def _deploy_with(stage: Functions, use: Callable[[], None]) -> None:
    """A DAG with an operator and a trigger that use something."""
    dag = ScriptedDag([Shape("task"), Shape("deferred", defers=1)])
    stage.deploy(dag)

    def run(request: TryRequest, _xcoms: RunningXComs) -> TryOutcome:
        use()
        return dag.script(request)

    stage.user_code, stage.trigger_code = run, lambda _request: use()


def _find_a_connection() -> None:
    with connections_in(bootstrap.engine().store.connections):
        assert Connection.get_connection_from_secrets("db").password == "tolstoy-1869"


def _ask_the_secrets_backends() -> None:
    """For connections, variables and options."""
    for name in (SECRETS_MANAGER, PARAMETER_STORE):
        with bootstrap.use(settings=replace(bootstrap.settings(), secrets_backend=name)):
            backend = bootstrap.secrets_backend()
        assert backend is not None
        with secrets_from(backend):
            assert Connection.get_connection_from_secrets("db").host == "h"
            assert Variable.get("city") == "Ulm"
        assert backend.option("smtp") is None


def _uses_variables(_request: TryRequest, _xcoms: RunningXComs) -> TryOutcome:
    """What an operator does with variables."""
    _keep_a_variable()
    return TryOutcome(result=TryResult.SUCCESS)


def _watch_itself(request: WindowRequest) -> None:
    """What triggers do that wait for other DAGs, and what any code may do with variables."""
    _keep_a_variable()
    for groups in ({"task_ids": ("list", "mapped")}, {"group_id": "none"}, {}):
        watched = WatchedTasks(dag_id="scripted", execution_dates=(DATE,), **groups)
        (found,) = request.other_runs.watch(watched)
        assert request.other_runs.find("scripted", None, found.run.execution_date) is not None


def _keep_a_variable() -> None:
    with variables_in(bootstrap.engine().store.variables):
        Variable.set("colour", "red")
        assert Variable.get("colour") == "red"
        Variable.delete("colour")


USE_CASES: tuple[Callable[[Functions], None], ...] = (
    everything_is_read,
    runs_are_triggered_with_and_without_a_key,
    pools_are_made_changed_and_deleted,
    a_dag_is_paused_and_goes_on,
    a_dag_is_deleted_with_what_it_holds,
    a_dag_is_deleted_while_its_tasks_wait,
    users_log_in_with_passwords,
    users_log_in_with_tickets,
    events_trigger_runs_and_go_to_the_dead_letters,
    tasks_pass_on_what_is_large,
    tasks_change_datasets_by_which_dags_run,
    tasks_keep_variables,
    tasks_find_connections,
    tasks_find_what_is_in_a_secrets_backend,
    tasks_are_retried_and_call_back,
    sensors_wait,
    a_sensor_whose_log_is_gone_pokes_on,
    deferred_tasks_wait_and_go_on,
    triggers_end_tasks,
    triggers_end_runs,
    a_window_is_lost,
    a_trigger_fails_a_task_and_stops_the_others,
    branches_skip_and_many_join,
    tasks_wait_for_pools_and_limits,
    a_pool_comes_to_be_while_it_is_waited_for,
    tasks_depend_on_the_run_before,
    tasks_make_watch_and_clear_runs_of_other_dags,
    mapped_tasks_depend_on_the_run_before_within_limits,
    a_failed_task_stops_the_others,
    a_run_gives_way_to_the_one_before_it,
    schedules_make_runs,
    a_backfill_makes_runs,
    timetables_of_the_users_own_make_runs,
    a_run_takes_too_long,
    a_run_is_cancelled_and_cleared,
    a_large_run_is_cleared,
    a_task_is_cleared_while_its_successor_runs,
    messages_are_sent_again_that_there_is_no_time_for,
    slots_are_audited,
    a_worker_is_gone,
    functions_die_at_each_call,
    triggerers_die_at_each_call,
    a_triggerer_dies_after_an_end,
    a_scheduler_dies_between_a_run_and_the_next,
    a_limit_comes_to_be_in_two_workers_at_once,
)
