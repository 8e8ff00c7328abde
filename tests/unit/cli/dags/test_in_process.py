"""``dags test``: DAG files run to their ends in this process, with the states that Airflow recorded."""

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import updraft
from chalicelib.simulation.one_run import Laboratory, WantedRun

RANDOM_DAGS = Path(__file__).parents[3] / "contract" / "random_dags"
RECORDED = json.loads((RANDOM_DAGS / "random_dags.json").read_text())
DATE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    return Laboratory(RANDOM_DAGS)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["dag_id"])
def test_a_dag_of_random_shape_ends_as_airflow_recorded_it(
    laboratory: Laboratory, recorded: dict[str, Any]
) -> None:
    finished = laboratory.run(WantedRun(dag_id=recorded["dag_id"], execution_date=DATE))
    states = {item.task_id: str(item.state) for item in finished.instances}
    assert {"run": str(finished.run.state), "tasks": states} == recorded["expect"]


def dags_test(*arguments: str) -> Result:
    return CliRunner().invoke(updraft, ["dags", "test", *arguments])


def last_line(result: Result) -> Any:
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("state", ["success", "failed"])
def test_the_last_line_and_the_exit_code_tell_how_the_run_ended(state: str) -> None:
    recorded = next(each for each in RECORDED if each["expect"]["run"] == state)
    result = dags_test(recorded["dag_id"], "2026-01-01", "--subdir", str(RANDOM_DAGS), "--json")
    assert result.exit_code == (state == "failed")
    told = last_line(result)
    assert told["run"] == state
    assert {task_id: own for task_id, _, own in told["tasks"]} == recorded["expect"]["tasks"]
    assert {map_index for _, map_index, _ in told["tasks"]} == {-1}


def in_folder(folder: Path, body: str) -> str:
    head = """
        import time
        from datetime import UTC, datetime, timedelta
        from airflow import DAG
        from airflow.operators.empty import EmptyOperator
        from airflow.operators.python import PythonOperator
        from airflow.sensors.python import PythonSensor
        """
    (folder / "file.py").write_text(dedent(head) + dedent(body))
    return str(folder)


def test_a_retry_delay_of_hours_is_skipped(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        def fails_twice(ti):
            if ti.try_number < 3:
                raise ValueError("not yet")

        with DAG("patient", schedule="@daily", start_date=datetime(2020, 1, 1, tzinfo=UTC)):
            PythonOperator(
                task_id="work", python_callable=fails_twice, retries=2, retry_delay=timedelta(hours=5)
            ) >> EmptyOperator(task_id="after")
        """,
    )
    result = dags_test("patient", "--subdir", folder, "--json")
    assert last_line(result) == {
        "run": "success",
        "tasks": [["work", -1, "success"], ["after", -1, "success"]],
    }
    assert "ValueError: not yet" in result.stderr  # the log of a failed try
    assert result.exit_code == 0


def test_a_sensor_that_waits_for_time_takes_none(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        from airflow.sensors.date_time import DateTimeSensor
        from airflow.sensors.time_delta import TimeDeltaSensor
        from airflow.utils import timezone

        def see(data_interval_end, ti):
            assert timezone.utcnow() > data_interval_end + timedelta(hours=30)
            assert ti.start_date > data_interval_end + timedelta(hours=30)

        with DAG("waiting", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC)):
            tomorrow = TimeDeltaSensor(
                task_id="tomorrow", delta=timedelta(days=1), mode="reschedule", poke_interval=600
            )
            later = DateTimeSensor(
                task_id="later",
                target_time="{{ data_interval_end + macros.timedelta(hours=30) }}",
                poke_interval=300,
            )
            soon = TimeDeltaSensor(task_id="soon", delta=timedelta(minutes=1801), poke_interval=1.5)
            tomorrow >> later >> PythonOperator(task_id="see", python_callable=see) >> soon
        """,
    )
    result = dags_test("waiting", "--subdir", folder, "--json")
    assert last_line(result)["tasks"] == [
        [task, -1, "success"] for task in ("tomorrow", "later", "see", "soon")
    ], result.stderr


def test_a_sensor_that_waits_in_vain_comes_to_its_timeout_at_once(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        with DAG("waiting", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC)):
            for mode in ("poke", "reschedule"):
                PythonSensor(
                    task_id=mode, python_callable=lambda: False, timeout=86400, poke_interval=3600, mode=mode
                )
        """,
    )
    result = dags_test("waiting", "--subdir", folder, "--json")
    assert last_line(result)["tasks"] == [["poke", -1, "failed"], ["reschedule", -1, "failed"]]
    assert "exceeds the specified timeout of 86400" in result.stderr
    assert "--real-time" in result.stderr


def test_a_sensor_really_waits_in_real_time_also_after_a_jump(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        with DAG("waiting", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC)):
            ready_at = time.monotonic() + 2
            def fails_once(ti):
                if ti.try_number < 2:
                    raise ValueError("once")
            PythonOperator(
                task_id="flaky", python_callable=fails_once, retries=1, retry_delay=timedelta(days=1)
            ) >> PythonSensor(
                task_id="sense",
                python_callable=lambda: time.monotonic() > ready_at,
                poke_interval=0.5,
                timeout=60,
                mode="reschedule",
            )
        """,
    )
    result = dags_test("waiting", "--subdir", folder, "--json", "--real-time")
    assert last_line(result)["tasks"] == [["flaky", -1, "success"], ["sense", -1, "success"]]


def test_pools_and_future_dates_hold_nothing_back(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        def succeed(dag_run, params):
            assert dag_run.conf == {"n": 1}

        with DAG("pooled", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC)):
            PythonOperator(task_id="work", python_callable=succeed, pool="nowhere", pool_slots=9)
        """,
    )
    result = dags_test("pooled", "2999-01-01", "-S", str(tmp_path / "file.py"), "-c", '{"n": 1}', "--json")
    assert last_line(result) == {"run": "success", "tasks": [["work", -1, "success"]]}, folder


def test_callbacks_are_called(tmp_path: Path) -> None:
    told = tmp_path / "told"
    folder = in_folder(
        tmp_path,
        f"""
        from pathlib import Path
        def tell(context):
            with Path({str(told)!r}).open("a") as file:
                print(context["dag_run"].run_id, file=file)

        with DAG(
            "calling", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC), on_success_callback=tell
        ):
            EmptyOperator(task_id="work", on_success_callback=tell)
            PythonOperator(task_id="real", python_callable=print, on_success_callback=tell)
        """,
    )
    assert dags_test("calling", "2026-01-01", "-S", folder).exit_code == 0
    assert set(told.read_text().split()) == {"manual__2026-01-01T00:00:00+00:00"}


def test_what_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from airflow import DAG\nraise ValueError('broken')\n")
    result = dags_test("nowhere", "-S", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "broken.py could not be loaded: line 2: ValueError: broken",
        "Error: Dag 'nowhere' could not be found; either it does not exist or it failed to parse. "
        f"No file in {tmp_path} defines it: name another folder or file with --subdir",
    ]


@pytest.mark.parametrize("command", [("dags", "test"), ("simulate",)])
def test_ctrl_c_in_the_middle_of_a_task_ends_the_command(tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = in_folder(
        tmp_path,
        f"""
        import os, signal

        def press_ctrl_c():
            os.kill({os.getpid()}, signal.SIGINT)  # the command's process: the try's is out of its reach
            time.sleep(600)

        with DAG("long", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC)):
            PythonOperator(task_id="work", python_callable=press_ctrl_c, retries=5)
        """,
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its jobs ignore it
    try:
        result = CliRunner().invoke(updraft, [*command, "long", "-S", folder])
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "Aborted!"
    assert "success" not in result.output
