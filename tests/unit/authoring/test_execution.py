"""Running a try: context, templates, XComs, and what the end of user code means."""

import getpass
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.authoring.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.lineage import Column, Table, Tag, User
from chalicelib.authoring.model.params import Param
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.latest_only import LatestOnlyOperator
from chalicelib.authoring.operators.python import PythonOperator, get_current_context
from chalicelib.authoring.running.callables import CONTEXT_KEYS
from chalicelib.authoring.taskflow.decorators import dag as dag_decorator
from chalicelib.authoring.taskflow.decorators import task
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import InstanceFacts, TryResult
from chalicelib.domain.states import TaskInstanceState
from tests.scripted.examples import a_run
from tests.unit.authoring.running import START, STARTED, FakeXComs, a_dag, call, run


def raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (ValueError("first\nsecond"), TryResult.FAILED, "ValueError: first"),
        (AirflowException(), TryResult.FAILED, "AirflowException"),
        (AirflowFailException("no"), TryResult.FAILED_FOR_GOOD, "AirflowFailException: no"),
        (AirflowSkipException("later"), TryResult.SKIPPED, "AirflowSkipException: later"),
        (SystemExit(2), TryResult.FAILED, "SystemExit: 2"),
        (SystemExit("bye"), TryResult.FAILED, "SystemExit: bye"),
        (SystemExit(0), TryResult.SUCCESS, ""),
        (KeyboardInterrupt(), TryResult.FAILED, "KeyboardInterrupt"),
        (GeneratorExit(), TryResult.FAILED, "GeneratorExit"),
    ],
)
def test_how_a_task_ends(error: BaseException, result: TryResult, reason: str) -> None:
    outcome, _ = call(raising(error))
    assert (outcome.result, outcome.reason) == (result, reason)


def test_a_task_that_is_gone_is_removed() -> None:
    outcome = run(a_dag(), "gone")
    assert (outcome.result, outcome.reason) == (TryResult.REMOVED, "the deployed DAG x has no task gone")


def test_the_traceback_goes_to_the_users_log(caplog: pytest.LogCaptureFixture) -> None:
    call(raising(ValueError("boo")))
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.name == "airflow.task"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "boo"


def test_the_context_has_airflows_names_and_values() -> None:
    seen: dict[str, Any] = {}

    def look(**context: Any) -> None:
        seen.update(context)

    outcome, _ = call(look, a_dag(params={"n": 21, "q": 2}), request={"conf": {"n": 5, "more": 1}})
    assert outcome.result is TryResult.SUCCESS
    assert seen.keys() == CONTEXT_KEYS - {"exception"}
    expected = {
        "ds": "2024-05-06", "ds_nodash": "20240506", "ts": "2024-05-06T07:08:09+00:00",
        "ts_nodash": "20240506T070809", "ts_nodash_with_tz": "20240506T070809+0000",
        "yesterday_ds": "2024-05-05", "tomorrow_ds_nodash": "20240507", "next_ds": "2024-05-06",
        "prev_ds": "2024-05-06", "params": {"n": 5, "q": 2, "more": 1}, "test_mode": False,
        "task_instance_key_str": "x__a__20240506", "run_id": "manual__2024-05-06T07:08:09+00:00",
        "inlets": [], "outlets": [], "expanded_ti_count": None, "prev_start_date_success": None,
    }  # fmt: skip
    assert {name: seen[name] for name in expected} == expected
    assert type(seen["logical_date"]).__module__.startswith("pendulum")
    assert str(seen["execution_date"]) == "2024-05-06 07:08:09+00:00"
    assert seen["dag_run"].conf == {"n": 5, "more": 1}
    assert seen["dag_run"].run_type == "manual"
    assert seen["dag_run"].external_trigger is True
    ti = seen["ti"]
    assert (ti.dag_id, ti.task_id, ti.try_number, ti.max_tries, ti.map_index) == ("x", "a", 1, 0, -1)
    assert (str(ti.state), ti.operator, ti.pool) == ("running", "PythonOperator", "default_pool")
    assert ti.log_url == (
        "http://localhost:8080/dags/x/grid?dag_run_id=manual__2024-05-06T07%3A08%3A09%2B00%3A00"
        "&task_id=a&base_date=2024-05-06T07%3A08%3A09%2B0000&tab=logs"
    )


SCHEDULED = {
    "run_type": "scheduled",
    "external_trigger": False,
    "data_interval_end": datetime(2024, 5, 7, 7, 8, 9, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("schedule", "neighbours"),
    [
        (timedelta(days=1), ["2024-05-05", "2024-05-07"]),
        ("@daily", ["2024-05-06", "2024-05-07"]),
        ("0 0 * * mon", ["2024-05-06", "2024-05-06"]),
        ("@once", [None, None]),
    ],
)
def test_the_neighbours_of_a_scheduled_run_are_those_of_its_schedule(
    schedule: Any, neighbours: list[str | None]
) -> None:
    dag = DAG("x", schedule=schedule, start_date=START)
    _, value = call(lambda next_ds, prev_ds: [prev_ds, next_ds], dag, request=SCHEDULED)
    assert value == neighbours


def latest_only(interval_ended: timedelta, schedule: Any = timedelta(hours=1), **request: Any) -> set[str]:
    """What a LatestOnlyOperator skips in a run whose interval of an hour ended that long ago."""
    with DAG("x", schedule=schedule, start_date=START) as dag:
        LatestOnlyOperator(task_id="latest") >> [EmptyOperator(task_id="b"), EmptyOperator(task_id="c")]
    end = datetime.now(UTC) - interval_ended
    fields: dict[str, Any] = {
        **SCHEDULED,
        "data_interval_start": end - timedelta(hours=1),
        "data_interval_end": end,
        **request,
    }
    return set(run(dag, "latest", **fields).skip)


def test_only_the_run_of_the_latest_interval_goes_on() -> None:
    assert latest_only(timedelta(minutes=30)) == set()
    assert latest_only(timedelta(minutes=90)) == {"b", "c"}
    assert latest_only(timedelta(minutes=-30)) == {"b", "c"}, "a backfill of what is not over yet"
    assert latest_only(timedelta(minutes=90), external_trigger=True) == set()
    assert latest_only(timedelta(days=90), schedule="@once") == set()


class Finding:
    """Finds the previous successful run, and counts how often."""

    def __init__(self, run: DagRun | None) -> None:
        self.run = run
        self.times = 0

    def __call__(self) -> DagRun | None:
        self.times += 1
        return self.run


PREVIOUS = a_run(
    date=START, data_interval_end=START + timedelta(hours=1), start_date=START + timedelta(hours=2)
)


def test_the_previous_successful_run_is_looked_for_only_when_it_is_used_and_once() -> None:
    finding = Finding(PREVIOUS)
    request = {"find_previous_success": finding}
    call(lambda ds, ti: f"{ti.task_id} {ds}", op_kwargs={"d": "{{ ds }}"}, request=request)
    bash_like = "{{ ds }} {{ dag_run.conf }}"
    call(lambda templates_dict: None, templates_dict={"d": bash_like}, request=request)
    assert finding.times == 0

    def by_name(prev_start_date_success: Any, prev_end_date_success: Any) -> list[str]:
        context = get_current_context()
        return [
            str(prev_start_date_success),
            str(prev_end_date_success),
            str(context["prev_data_interval_end_success"]),
        ]

    shown = "{{ prev_execution_date_success | ds }} {{ prev_end_date_success is none }}"
    _, value = call(by_name, request=request, templates_dict={"d": shown})
    assert value == ["2024-01-01 02:00:00+00:00", "None", "2024-01-01 01:00:00+00:00"]
    assert finding.times == 1
    _, value = call(lambda templates_dict: templates_dict["d"], request=request, templates_dict={"d": shown})
    assert value == "2024-01-01 True"


def test_a_function_that_takes_the_whole_context_gets_plain_values() -> None:
    finding = Finding(None)
    seen: dict[str, Any] = {}

    def look(**context: Any) -> None:
        seen.update(context)
        seen["all"] = {**get_current_context()}

    call(look, request={"find_previous_success": finding})
    assert seen["prev_execution_date_success"] is None
    assert seen["all"]["prev_start_date_success"] is None
    assert finding.times == 1


def test_functions_get_only_what_they_name() -> None:
    assert call(lambda ds, extra: f"{ds} {extra}", op_kwargs={"extra": "{{ ds_nodash }}"})[1] == (
        "2024-05-06 20240506"
    )
    assert call(lambda a, ds: f"{a} {ds}", op_args=["{{ task.task_id }}"])[1] == "a 2024-05-06"
    assert call(lambda templates_dict: templates_dict, templates_dict={"d": "{{ ds }}"})[1] == {
        "d": "2024-05-06"
    }
    assert call(max, op_args=[1, 2])[1] == 2
    reserved, _ = call(lambda ds: ds, op_args=[3])
    assert reserved.reason == "ValueError: The key 'ds' in args is a part of kwargs and therefore reserved."


def test_the_current_context_is_there_while_a_task_runs() -> None:
    assert call(lambda: get_current_context()["ds"])[1] == "2024-05-06"
    with pytest.raises(AirflowException, match="Are you running within an airflow task"):
        get_current_context()


def test_params_are_checked_against_the_conf_of_the_run() -> None:
    dag = a_dag(params={"n": Param(1, type="integer")})
    outcome, _ = call(lambda: None, dag, request={"conf": {"n": "x"}})
    assert outcome.result is TryResult.FAILED
    assert outcome.reason == ("ParamValidationError: Invalid input for param n: 'x' is not of type 'integer'")
    assert dag.params["n"] == 1


def test_a_task_has_the_params_of_its_run() -> None:
    dag = a_dag(params={"n": Param(1, type="integer"), "word": "x"})
    told = call(
        lambda text: text, dag, op_args=["{{ task.params.n }} {{ params }}"], request={"conf": {"n": 5}}
    )
    assert told[1] == "5 {'n': 5, 'word': 'x'}"
    assert (dag.params["n"], dag.get_task("a").params["n"]) == (1, 1)


def test_arguments_of_a_dag_function_are_params() -> None:
    @task
    def shout(word: str) -> str:
        return word.upper()

    @dag_decorator(schedule=None)  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def flow(word: str = "hello") -> None:
        shout(word)

    xcoms = FakeXComs()
    run(flow(), "shout", xcoms)
    assert xcoms.value("shout") == "HELLO"
    run(flow(), "shout", xcoms, conf={"word": "bye"})
    assert xcoms.value("shout") == "BYE"


def test_xcoms_are_pulled_by_task_list_and_nearness() -> None:
    def pull(ti: Any) -> list[Any]:
        return [
            ti.xcom_pull(task_ids="far"),
            ti.xcom_pull(task_ids="none", default=7),
            ti.xcom_pull(task_ids=["near", "none", "far"]),
            ti.xcom_pull(),
            ti.xcom_pull(key="other"),
        ]

    with a_dag() as dag:
        far, near, none = (EmptyOperator(task_id=name) for name in ("far", "near", "none"))
        far >> near >> PythonOperator(task_id="pull", python_callable=pull) << none
    xcoms = FakeXComs()
    xcoms.given("far", 1)
    xcoms.given("near", 2)
    xcoms.given("far", "deep", key="other")
    run(dag, "pull", xcoms)
    assert xcoms.value("pull") == [1, 7, [2, 1], 2, "deep"]


def test_a_result_that_is_no_json_fails_the_task() -> None:
    outcome, _ = call(object)
    assert outcome.result is TryResult.FAILED
    assert outcome.reason.startswith("TypeError: Object of type object is not JSON serializable")
    assert call(object, do_xcom_push=False)[0].result is TryResult.SUCCESS


def test_a_generator_is_gone_through_and_what_it_returns_counts(caplog: pytest.LogCaptureFixture) -> None:
    def generate() -> Generator[int, None, dict[str, int]]:
        yield 1
        print("goes on")
        yield 2
        return {"n": 3}

    assert call(generate)[1] == {"n": 3}
    assert caplog.text.count("Ignoring unknown data of <class 'int'> received from task") == 2
    outcome, _ = call(lambda: (n for n in [1]))
    assert outcome.reason.startswith("TypeError: Object of type generator is not JSON serializable")


def test_a_task_sees_what_its_row_in_airflow_would_tell() -> None:
    def look(ti: Any, dag_run: Any) -> list[Any]:
        return [ti.queued_dttm, ti.job_id, dag_run.id, dag_run.get_dag().dag_id, ti.unixname, ti.hostname]

    queued_at = datetime(2024, 5, 6, 7, 8, 10, tzinfo=UTC)
    first, again, second = (
        call(look, request={"queued_at": queued_at, "try_number": number})[1] for number in (1, 1, 2)
    )
    assert first[0] == queued_at
    assert first == again
    assert isinstance(first[1], int)
    assert isinstance(first[2], int)
    assert (first[1] != second[1], first[2] == second[2], first[3]) == (True, True, "x")
    assert first[4:] == [getpass.getuser(), socket.gethostname()]


def test_what_is_shown_of_a_run_and_its_task_is_airflows() -> None:
    def look(ti: Any, dag_run: Any) -> list[Any]:
        return [repr(dag_run), ti.mark_success_url, ti.next_try_number, ti.is_premature]

    assert call(look)[1] == [
        "<DagRun x @ 2024-05-06 07:08:09+00:00: manual__2024-05-06T07:08:09+00:00, state:running, "
        "queued_at: None. externally triggered: True>",
        "http://localhost:8080/confirm?task_id=a&dag_id=x&"
        "dag_run_id=manual__2024-05-06T07%3A08%3A09%2B00%3A00&upstream=false&downstream=false&state=success",
        2,
        False,
    ]


def test_a_task_sees_the_task_instances_of_its_run_as_they_are_now() -> None:
    def look(dag_run: Any) -> list[Any]:
        failed = dag_run.get_task_instances(state=["failed"])
        b = dag_run.get_task_instance("b", map_index=1)
        return [
            [(ti.task_id, ti.map_index, ti.state) for ti in dag_run.get_task_instances()],
            [ti.task_id for ti in failed],
            [b.try_number, b.max_tries, b.duration, b.end_date == STARTED, b.operator, b.run_id],
            dag_run.get_task_instance("b"),
            len(dag_run.task_instances),
        ]

    dag = a_dag()
    BashOperator.partial(task_id="b", dag=dag).expand(bash_command=["1", "2"])
    running: dict[str, Any] = {"state": TaskInstanceState.RUNNING, "try_number": 1, "max_tries": 0}
    instances = (
        InstanceFacts(task_id="a", map_index=-1, **running),
        InstanceFacts(
            task_id="b",
            map_index=1,
            state=TaskInstanceState.FAILED,
            try_number=3,
            max_tries=2,
            end_date=STARTED,
            duration=1.5,
        ),
        InstanceFacts(task_id="gone", map_index=-1, **running),
    )
    value = call(look, dag, request={"find_task_instances": lambda: instances})[1]
    assert value == [
        [["a", -1, "running"], ["b", 1, "failed"]],
        ["b"],
        [3, 2, 1.5, True, "BashOperator", "manual__2024-05-06T07:08:09+00:00"],
        None,
        2,
    ]


def test_a_task_s_run_is_named_in_the_environment_while_it_is_executed() -> None:
    def look() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CTX_")}

    dag = a_dag(default_args={"owner": "ann", "email": ["a@b.c", "d@e.f"]})
    assert call(look, dag)[1] == {
        "AIRFLOW_CTX_DAG_EMAIL": "a@b.c,d@e.f",
        "AIRFLOW_CTX_DAG_OWNER": "ann",
        "AIRFLOW_CTX_DAG_ID": "x",
        "AIRFLOW_CTX_TASK_ID": "a",
        "AIRFLOW_CTX_EXECUTION_DATE": "2024-05-06T07:08:09+00:00",
        "AIRFLOW_CTX_TRY_NUMBER": "1",
        "AIRFLOW_CTX_DAG_RUN_ID": "manual__2024-05-06T07:08:09+00:00",
    }
    assert look() == {}


def test_none_is_not_pushed_but_other_empty_values_are() -> None:
    for value, count in ((None, 0), (0, 1), ("", 1), ([], 1)):
        xcoms = FakeXComs()
        made = PythonOperator(task_id="a", python_callable=lambda value=value: value, dag=a_dag())
        run(made.dag, "a", xcoms)
        assert len(xcoms.texts) == count


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1], "AirflowException: Returned output was type <class 'list'> expected dictionary"),
        ({1: 2}, "AirflowException: Returned dictionary keys must be strings when using multiple_outputs"),
    ],
)
def test_multiple_outputs_need_a_dict_of_texts(value: Any, reason: str) -> None:
    outcome, _ = call(lambda: value, multiple_outputs=True)
    assert outcome.reason.startswith(reason)


def test_a_missing_output_is_none_or_an_error() -> None:
    @task(multiple_outputs=True)  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def several() -> None: ...

    @task
    def see(*values: Any) -> list[Any]:
        return list(values)

    with a_dag() as dag:
        single = EmptyOperator(task_id="single")
        outputs = several()
        see(outputs["a"], outputs, single.output)
        see.override(task_id="miss")(single.output["gone"])
    xcoms = FakeXComs()
    run(dag, "see", xcoms)
    assert xcoms.value("see") == [None, None, None]
    assert run(dag, "miss", xcoms).reason == (
        'XComNotFound: XComArg result from single at x with key="gone" is not found!'
    )


def test_a_timeout_cannot_be_swallowed_by_except_exception() -> None:
    def stubborn() -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:  # noqa: S112 - what the test is about
                continue

    outcome, _ = call(stubborn, execution_timeout=timedelta(seconds=0.2))
    assert outcome.reason == "AirflowTaskTimeout: Task a ran longer than 0:00:00.200000"
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_in_another_thread_a_task_runs_without_its_timeout(caplog: pytest.LogCaptureFixture) -> None:
    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.append(call(lambda: 1, execution_timeout=timedelta(seconds=5)))
    )
    thread.start()
    thread.join()
    assert results[0][0].result is TryResult.SUCCESS
    assert "cannot be enforced" in caplog.text


def test_of_the_callbacks_only_that_before_execute_is_called_with_the_try() -> None:
    calls: list[str] = []

    def note(name: str) -> Callable[[Any], None]:
        return lambda context: calls.append(f"{name} {context['ti'].state}")

    names = ("success", "failure", "retry", "skipped")
    callbacks: dict[str, Any] = {f"on_{name}_callback": note(name) for name in names}
    callbacks["on_execute_callback"] = [raising(ValueError("ignored")), note("execute")]
    for result in (lambda: 1, raising(ValueError("a")), raising(AirflowSkipException("a"))):
        call(result, **callbacks)
    assert calls == ["execute running"] * 3


def test_hooks_of_the_operator_surround_execute() -> None:
    steps: list[Any] = []

    class Steps(EmptyOperator):
        def pre_execute(self, context: Any) -> None:
            steps.append(("pre", context["ds"]))

        def execute(self, context: Any) -> str:
            steps.append(("execute", context["ds"]))
            return "result"

        def post_execute(self, context: Any, result: Any = None) -> None:
            steps.append((result, context["ds"]))

    with a_dag() as dag:
        Steps(task_id="a")
    assert run(dag, "a").result is TryResult.SUCCESS
    assert steps == [("pre", "2024-05-06"), ("execute", "2024-05-06"), ("result", "2024-05-06")]


def test_running_leaves_the_task_of_the_dag_as_it_was() -> None:
    with a_dag() as dag:
        made = BashOperator(task_id="a", bash_command="echo {{ ds }}")
        env: dict[str, Any] = {"A": made.output}
        follower = BashOperator(task_id="b", bash_command="echo", env=env)
    xcoms = FakeXComs()
    run(dag, "a", xcoms)
    run(dag, "b", xcoms)
    assert made.bash_command == "echo {{ ds }}"
    assert repr(follower.env) == "{'A': XComArg(<Task(BashOperator): a>)}"
    assert dag.get_task("b").upstream_task_ids == {"a"}


def test_lineage_texts_are_airflows() -> None:
    table = Table(
        database="d{{ ds }}",
        cluster="c",
        name="n",
        columns=[Column(name="x", data_type="int", tags=[Tag(tag_name="t")])],
        owners=[User(email="e@x", first_name="f")],
        tags=[Tag(tag_name="q")],
        extra={"k": 1},
    )
    with a_dag() as dag:
        EmptyOperator(task_id="a", outlets=[table])
    base = "airflow.lineage.entities."
    assert run(dag, "a").outlets == (
        f"{base}Table@version=0(database=d2024-05-06,cluster=c,name=n,"
        f"tags=['{base}Tag@version=0(tag_name=q)'],description=None,"
        f'columns=["{base}Column@version=0(name=x,description=None,data_type=int,'
        f"tags=['{base}Tag@version=0(tag_name=t)'])\"],"
        f"owners=['{base}User@version=0(email=e@x,first_name=f,last_name=None)'],"
        f"extra={{'k': 1}},type_hint=None)",
    )


def test_a_failed_try_records_no_lineage() -> None:
    with a_dag() as dag:
        BashOperator(task_id="a", bash_command="exit 1", outlets=[Tag(tag_name="t")])
    assert run(dag, "a").outlets == ()


def test_dates_and_sets_pass_between_tasks() -> None:
    value = {"when": datetime(2024, 1, 1, tzinfo=UTC), "day": date(2024, 1, 1), "seen": {1, 2}, "t": [1, 2]}
    assert call(lambda: value)[1] == value
