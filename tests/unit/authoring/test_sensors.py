"""Sensors: one poke after the other, each in an invocation of its own."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.airflow_names.finder import importable
from chalicelib.authoring.conveniences.weekdays import WeekDay
from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.sensors.base import BaseSensorOperator, PokeReturnValue, poke_mode_only
from chalicelib.authoring.sensors.dates import (
    DateTimeSensor,
    DayOfWeekSensor,
    TimeDeltaSensor,
    TimeSensor,
)
from chalicelib.authoring.sensors.filesystem import FileSensor
from chalicelib.authoring.sensors.python import PythonSensor
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.graph import MaySkip
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from tests.unit.authoring.running import LOGICAL_DATE, FakeXComs, dag_of, run

RECORDED = json.loads((Path(__file__).parent / "airflow_poke_intervals.json").read_text())
"""Of ``_get_next_poke_interval`` of Airflow 2.10.5, for a sensor of the DAG ``backoff`` that started at
2024-05-06 07:08:09.25: task, interval, timeout, ``max_wait``, mode, seconds passed, poke, seconds to wait."""

WAIT = """
from airflow import DAG
from airflow.sensors.python import PythonSensor

with DAG("the_dag", schedule=None):
    PythonSensor(task_id="wait", python_callable=lambda: {answer}, {arguments})
"""


def poked(folder: Path, answer: str, arguments: str = "", **request: Any) -> TryOutcome:
    dag = dag_of(folder, WAIT.format(answer=answer, arguments=arguments))
    return run(dag, "wait", **request)


def seconds_from_now(outcome: TryOutcome) -> float:
    assert outcome.reschedule_date is not None
    return (outcome.reschedule_date - utcnow()).total_seconds()


# -- one poke ----------------------------------------------------------------------------------------


def test_a_poke_that_finds_what_it_waits_for_is_the_end(tmp_path: Path) -> None:
    assert poked(tmp_path, "True").result is TryResult.SUCCESS


@pytest.mark.parametrize(("mode", "keeps_slots"), [("poke", True), ("reschedule", False)])
def test_a_poke_in_vain_ends_the_invocation_until_the_next(
    tmp_path: Path, mode: str, keeps_slots: bool
) -> None:
    outcome = poked(tmp_path, "False", f"mode={mode!r}, poke_interval=9000")
    assert (outcome.result, outcome.keeps_slots) == (TryResult.RESCHEDULED, keeps_slots)
    assert seconds_from_now(outcome) == pytest.approx(9000, abs=900)


def test_pokes_a_moment_apart_share_an_invocation(tmp_path: Path) -> None:
    answer = f"__import__('time').monotonic() > {time.monotonic() + 0.5}"
    started = time.monotonic()
    assert poked(tmp_path, answer, "poke_interval=0.1").result is TryResult.SUCCESS
    assert time.monotonic() - started >= 0.4


def test_pokes_a_moment_apart_do_not_share_one_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.authoring.running.waiting.LONGEST_STAY", 1)
    outcome = poked(tmp_path, "False", "poke_interval=0.1")
    assert outcome.result is TryResult.RESCHEDULED
    assert outcome.keeps_slots
    assert outcome.pokes >= 2


def test_what_a_sensor_found_is_its_xcom() -> None:
    class Found(BaseSensorOperator):
        def poke(self, context: Any) -> PokeReturnValue:
            return PokeReturnValue(True, {"rows": 7})

    with DAG("d", schedule=None) as dag:
        Found(task_id="wait")
    xcoms = FakeXComs()
    assert run(dag, "wait", xcoms).result is TryResult.SUCCESS
    assert xcoms.value("wait") == {"rows": 7}


def test_a_sensor_that_goes_on_does_not_begin_anew() -> None:
    begun: list[Any] = []

    with DAG("d", schedule=None) as dag:
        PythonSensor(task_id="wait", python_callable=lambda: False, pre_execute=begun.append)
    run(dag, "wait")
    run(dag, "wait", pokes=1, goes_on=True, first_poke_at=utcnow(), start_date=utcnow())
    assert len(begun) == 1


def test_no_callback_is_called_between_pokes() -> None:
    called: list[Any] = []
    with DAG("d", schedule=None) as dag:
        PythonSensor(
            task_id="wait",
            python_callable=lambda: False,
            on_success_callback=called.append,
            on_failure_callback=called.append,
            on_retry_callback=called.append,
        )
    assert run(dag, "wait").result is TryResult.RESCHEDULED
    assert called == []


def test_any_task_may_ask_to_be_run_again_later(tmp_path: Path) -> None:
    dag = dag_of(
        tmp_path,
        """
from datetime import datetime
from airflow.decorators import dag, task
from airflow.exceptions import AirflowRescheduleException

@dag(schedule=None)
def the_dag():
    @task
    def later():
        raise AirflowRescheduleException(datetime(2030, 1, 1))
    later()
the_dag()
""",
    )
    outcome = run(dag, "later")
    assert (outcome.result, outcome.keeps_slots) == (TryResult.RESCHEDULED, False)
    assert outcome.reschedule_date == datetime(2030, 1, 1, tzinfo=UTC)


# -- timeouts and failures ---------------------------------------------------------------------------


def ago(seconds: float) -> datetime:
    return utcnow() - timedelta(seconds=seconds)


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ("", TryResult.FAILED_FOR_GOOD),
        ("soft_fail=True", TryResult.SKIPPED),
        ("silent_fail=True", TryResult.FAILED_FOR_GOOD),
        ("never_fail=True", TryResult.FAILED_FOR_GOOD),  # Airflow's is about what a poke raises
    ],
)
def test_a_sensor_times_out_without_retry(
    tmp_path: Path, mode: str, arguments: str, result: TryResult
) -> None:
    outcome = poked(
        tmp_path,
        "False",
        f"mode={mode!r}, timeout=100, {arguments}",
        first_poke_at=ago(101),
        pokes=3,
        goes_on=mode == "poke",
        max_tries=5,
    )
    assert outcome.result is result
    assert "Sensor has timed out" in outcome.reason


def test_what_arrives_after_the_timeout_is_found_all_the_same(tmp_path: Path) -> None:
    outcome = poked(tmp_path, "True", "timeout=100", first_poke_at=ago(1000), pokes=3, goes_on=True)
    assert outcome.result is TryResult.SUCCESS


def test_each_try_has_a_timeout_of_its_own_in_mode_poke_and_all_have_one_in_mode_reschedule(
    tmp_path: Path,
) -> None:
    request: dict[str, Any] = {"try_number": 2, "first_poke_at": ago(101), "max_tries": 5}
    assert poked(tmp_path, "False", "timeout=100, mode='poke'", **request).result is TryResult.RESCHEDULED
    timed_out = poked(tmp_path, "False", "timeout=100, mode='reschedule'", **request)
    assert timed_out.result is TryResult.FAILED_FOR_GOOD


RAISING = "(_ for _ in ()).throw({})"
IMPORTS = "__import__('airflow.exceptions').exceptions."


@pytest.mark.parametrize(
    ("raised", "arguments", "result"),
    [
        ("ValueError('x')", "", TryResult.FAILED),
        ("ValueError('x')", "soft_fail=True", TryResult.FAILED),
        ("ValueError('x')", "silent_fail=True", TryResult.RESCHEDULED),
        ("ValueError('x')", "never_fail=True", TryResult.SKIPPED),
        (f"{IMPORTS}AirflowException('x')", "", TryResult.FAILED),
        (f"{IMPORTS}AirflowSkipException('x')", "", TryResult.SKIPPED),
        (f"{IMPORTS}AirflowSkipException('x')", "silent_fail=True", TryResult.SKIPPED),
        (f"{IMPORTS}AirflowFailException('x')", "", TryResult.FAILED_FOR_GOOD),
        (f"{IMPORTS}AirflowFailException('x')", "silent_fail=True", TryResult.FAILED_FOR_GOOD),
        (f"{IMPORTS}AirflowFailException('x')", "soft_fail=True", TryResult.SKIPPED),
        (f"{IMPORTS}AirflowFailException('x')", "never_fail=True", TryResult.SKIPPED),
        (f"{IMPORTS}AirflowSensorTimeout('x')", "", TryResult.FAILED_FOR_GOOD),
        (f"{IMPORTS}AirflowTaskTimeout('x')", "", TryResult.FAILED),
        (f"{IMPORTS}AirflowTaskTimeout('x')", "soft_fail=True", TryResult.SKIPPED),
    ],
)
def test_what_a_poke_raises_ends_the_sensor_as_in_airflow(
    tmp_path: Path, raised: str, arguments: str, result: TryResult
) -> None:
    assert poked(tmp_path, RAISING.format(raised), arguments).result is result


def test_execution_timeout_goes_on_while_a_sensor_sleeps(tmp_path: Path) -> None:
    arguments = "execution_timeout=__import__('datetime').timedelta(seconds=10_000), poke_interval=6000"
    request: dict[str, Any] = {"pokes": 2, "goes_on": True}
    early = poked(tmp_path, "False", arguments, first_poke_at=ago(7000), start_date=ago(7000), **request)
    assert early.result is TryResult.RESCHEDULED
    assert seconds_from_now(early) == pytest.approx(3000, abs=300), "it wakes when its time is over"
    late = poked(tmp_path, "True", arguments, first_poke_at=ago(10_001), start_date=ago(10_001), **request)
    assert late.result is TryResult.FAILED
    assert "ran longer than" in late.reason


def test_execution_timeout_limits_each_poke_in_mode_reschedule(tmp_path: Path) -> None:
    arguments = "execution_timeout=__import__('datetime').timedelta(seconds=2), mode='reschedule'"
    outcome = poked(tmp_path, "__import__('time').sleep(600)", arguments, pokes=9, first_poke_at=ago(1000))
    assert outcome.result is TryResult.FAILED
    assert poked(tmp_path, "False", arguments, pokes=9, first_poke_at=ago(1000)).result is (
        TryResult.RESCHEDULED
    )


# -- waiting longer and longer -----------------------------------------------------------------------


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: "-".join(map(str, recorded)))
def test_waits_that_grow_are_those_of_airflow(recorded: list[Any]) -> None:
    task_id, interval, timeout, max_wait, mode, elapsed, poke_count, seconds = recorded
    with DAG("backoff", schedule=None):
        sensor = PythonSensor(
            task_id=task_id,
            python_callable=lambda: False,
            poke_interval=interval,
            timeout=timeout,
            max_wait=max_wait,
            mode=mode,
            exponential_backoff=True,
        )
    started_at = datetime(2024, 5, 6, 7, 8, 9, 250_000, tzinfo=UTC)
    assert sensor.next_wait(started_at, elapsed, poke_count) == seconds


def test_a_wait_that_doubled_beyond_all_numbers_ends_with_the_timeout() -> None:
    with DAG("backoff", schedule=None):
        sensor = PythonSensor(task_id="t", python_callable=lambda: False, exponential_backoff=True)
    assert sensor.next_wait(LOGICAL_DATE, 100, 5000) == 604_800 - 100


# -- the arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"poke_interval": -1}, "`poke_interval`"),
        ({"timeout": "1"}, "`timeout`"),
        ({"max_wait": -0.5}, "`max_wait`"),
        ({"mode": "nap"}, "must be one of"),
        ({"soft_fail": True, "never_fail": True}, "mutually exclusive"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises((AirflowException, ValueError), match=error):
        PythonSensor(task_id="t", python_callable=lambda: True, **arguments)


def test_a_class_may_offer_mode_poke_only() -> None:
    @poke_mode_only
    class Only(BaseSensorOperator):
        pass

    assert Only(task_id="a").mode == "poke"
    with pytest.raises(ValueError, match="Cannot set mode to 'reschedule'"):
        Only(task_id="b", mode="reschedule")
    with pytest.raises(ValueError, match="should only be applied to subclasses"):
        poke_mode_only(int)  # type: ignore[arg-type]  # that is tested


def test_a_document_says_of_sensors_alone_whether_they_reschedule() -> None:
    with DAG("d", schedule=None) as dag:
        PythonSensor(task_id="a", python_callable=lambda: True, mode="reschedule")
    document = serialize(dag, "d.py")
    assert document["tasks"][0]["attributes"]["reschedule"] == "True"
    assert graph_from_document(document).task("a").may_skip is MaySkip.NONE


# -- the sensors -------------------------------------------------------------------------------------


def of_sensor(sensor: type[BaseSensorOperator], **arguments: Any) -> TryResult:
    with DAG("d", schedule=None, start_date=arguments.pop("start_date", None)) as dag:
        sensor(task_id="wait", **arguments)
    return run(dag, "wait").result


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("{{ ds }}T09:00:00", TryResult.SUCCESS),
        ("2999-01-01", TryResult.RESCHEDULED),
        (datetime(2024, 1, 1), TryResult.SUCCESS),  # noqa: DTZ001 - a naive one is what is tried
        (datetime(2999, 1, 1, tzinfo=UTC), TryResult.RESCHEDULED),
    ],
)
def test_a_date_is_waited_for(target: Any, result: TryResult) -> None:
    assert of_sensor(DateTimeSensor, target_time=target) is result


def test_a_while_after_the_data_interval_is_waited_for() -> None:
    assert of_sensor(TimeDeltaSensor, delta=timedelta(hours=1)) is TryResult.SUCCESS
    assert of_sensor(TimeDeltaSensor, delta=timedelta(days=365_000)) is TryResult.RESCHEDULED


@pytest.mark.parametrize("zone", ["+14:00", "-12:00", "Asia/Tokyo", "UTC"])
def test_a_time_of_the_day_is_waited_for_in_the_dags_zone(zone: str) -> None:
    from chalicelib.authoring.dates import zone_named

    start = datetime(2024, 1, 1, tzinfo=zone_named(zone))
    here = utcnow().astimezone(zone_named(zone))
    if not timedelta(minutes=1) < timedelta(hours=here.hour, minutes=here.minute) < timedelta(hours=23.9):
        pytest.skip("the day is about to change")
    before, after = (here - timedelta(minutes=1)).time(), (here + timedelta(minutes=1)).time()
    assert of_sensor(TimeSensor, target_time=before, start_date=start) is TryResult.SUCCESS
    assert of_sensor(TimeSensor, target_time=after, start_date=start) is TryResult.RESCHEDULED


def test_a_day_of_the_week_is_waited_for() -> None:
    monday = {"use_task_logical_date": True}  # 2024-05-06
    assert of_sensor(DayOfWeekSensor, week_day="Monday", **monday) is TryResult.SUCCESS
    assert of_sensor(DayOfWeekSensor, week_day={"sunday", WeekDay.MONDAY}, **monday) is TryResult.SUCCESS
    assert of_sensor(DayOfWeekSensor, week_day=WeekDay.SUNDAY, **monday) is TryResult.RESCHEDULED
    with pytest.raises(AttributeError, match="Invalid Week Day"):
        of_sensor(DayOfWeekSensor, week_day="someday")


@pytest.mark.parametrize(
    ("command", "arguments", "result"),
    [
        ("exit 0", "", TryResult.SUCCESS),
        ("exit 1", "", TryResult.RESCHEDULED),
        ("exit 3", "retry_exit_code=3", TryResult.RESCHEDULED),
        ("exit 4", "retry_exit_code=3", TryResult.FAILED_FOR_GOOD),
        ('test "$A" = "the_dag wait"', "env={'A': '{{ dag.dag_id }} {{ task.task_id }}'}", TryResult.SUCCESS),
        ('test "$AIRFLOW_CTX_DAG_ID" = the_dag', "", TryResult.SUCCESS),
    ],
)
def test_a_command_is_waited_for(tmp_path: Path, command: str, arguments: str, result: TryResult) -> None:
    dag = dag_of(
        tmp_path,
        f"""
from airflow import DAG
from airflow.sensors.bash import BashSensor

with DAG("the_dag", schedule=None):
    BashSensor(task_id="wait", bash_command={command!r}, {arguments})
""",
    )
    assert run(dag, "wait").result is result


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    dag = dag_of(
        tmp_path,
        f"""
from datetime import timedelta
from airflow import DAG
from airflow.sensors.bash import BashSensor

with DAG("the_dag", schedule=None):
    BashSensor(
        task_id="wait",
        bash_command="(sleep 1; touch {mark}) & wait",
        execution_timeout=timedelta(seconds=0.3),
    )
""",
    )
    assert run(dag, "wait").result is TryResult.FAILED
    time.sleep(1.2)
    assert not mark.exists()


def test_a_function_becomes_a_sensor(tmp_path: Path) -> None:
    dag = dag_of(
        tmp_path,
        """
from airflow.decorators import dag, task
from airflow.sensors.base import PokeReturnValue

@dag(schedule=None)
def the_dag():
    @task.sensor(mode="reschedule", poke_interval=7)
    def wait(a, ds=None):
        return PokeReturnValue(is_done=a == 1, xcom_value=ds)

    @task
    def use(value):
        return value

    use(wait(1))
    wait(2)

the_dag()
""",
    )
    xcoms = FakeXComs()
    assert run(dag, "wait", xcoms).result is TryResult.SUCCESS
    assert xcoms.value("wait") == "2024-05-06"
    assert run(dag, "wait__1").result is TryResult.RESCHEDULED
    assert dag.get_task("use").upstream_task_ids == {"wait"}
    assert dag.get_task("wait").operator_name == "@task.sensor"


@pytest.mark.parametrize(
    "line",
    [
        "from airflow.sensors.base import BaseSensorOperator, PokeReturnValue, poke_mode_only",
        "from airflow.sensors.base_sensor_operator import BaseSensorOperator",
        "from airflow.sensors.python import PythonSensor",
        "from airflow.sensors.bash import BashSensor",
        "from airflow.sensors.date_time import DateTimeSensor",
        "from airflow.sensors.date_time_sensor import DateTimeSensor",
        "from airflow.sensors.time_delta import TimeDeltaSensor",
        "from airflow.sensors.time_delta_sensor import TimeDeltaSensor",
        "from airflow.sensors.time_sensor import TimeSensor",
        "from airflow.sensors.weekday import DayOfWeekSensor",
        "from airflow.contrib.sensors.python_sensor import PythonSensor",
        "from airflow.contrib.sensors.bash_sensor import BashSensor",
        "from airflow.contrib.sensors.weekday_sensor import DayOfWeekSensor",
        "from airflow.utils.weekday import WeekDay",
        "from airflow.exceptions import AirflowSensorTimeout, AirflowRescheduleException",
    ],
)
def test_sensors_have_the_names_of_airflow(line: str) -> None:
    with importable():
        exec(line, {})  # noqa: S102 - a line of this test


def test_a_sensor_that_is_not_offered_is_named() -> None:
    with importable(), pytest.raises(ModuleNotFoundError, match=r"airflow\.sensors\.sql"):
        exec("from airflow.sensors.sql import SqlSensor", {})  # noqa: S102 - as above


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filepath", "recursive", "is_there"),
    [
        ("in/a.csv", False, True),
        ("in/*.csv", False, True),
        ("in", False, True),
        ("empty", False, False),
        ("in/b.csv", False, False),
        ("**/*.csv", True, True),
        ("in/{{ ti.task_id }}.csv", False, False),
    ],
)
def test_a_file_sensor_waits_for_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filepath: str, recursive: bool, is_there: bool
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "in" / "a.csv").touch()
    monkeypatch.setenv(
        "AIRFLOW_CONN_PLACE", json.dumps({"conn_type": "fs", "extra": {"path": str(tmp_path)}})
    )
    result = of_sensor(FileSensor, filepath=filepath, fs_conn_id="place", recursive=recursive)
    assert result is (TryResult.SUCCESS if is_there else TryResult.RESCHEDULED)


def test_a_file_sensor_needs_no_connection_for_a_path_from_the_root(tmp_path: Path) -> None:
    assert of_sensor(FileSensor, filepath=str(tmp_path)) is TryResult.RESCHEDULED
    (tmp_path / "a").touch()
    assert of_sensor(FileSensor, filepath=str(tmp_path)) is TryResult.SUCCESS
