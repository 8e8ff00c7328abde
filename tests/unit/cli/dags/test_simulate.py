"""``simulate``: a DAG's own tasks under faults."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import updraft

ROOT = Path(__file__).parents[4]
RANDOM_DAGS = ROOT / "tests" / "contract" / "random_dags"
RECORDED = json.loads((RANDOM_DAGS / "random_dags.json").read_text())
MAPPED_DAGS = RANDOM_DAGS.parent / "mapped_dags"
MAPPED = json.loads((MAPPED_DAGS / "mapped_dags.json").read_text())

HEAD = """
    import time
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from airflow import DAG
    from airflow.exceptions import AirflowFailException
    from airflow.operators.python import PythonOperator
    from airflow.sensors.python import PythonSensor
    from airflow.utils import timezone

    begin = datetime(2020, 1, 1, tzinfo=UTC)
    """


def in_folder(folder: Path, body: str) -> Path:
    (folder / "file.py").write_text(dedent(HEAD) + dedent(body))
    return folder


def simulate(dag_id: str, folder: Path, *options: str) -> Result:
    return CliRunner().invoke(updraft, ["simulate", dag_id, "2026-01-01", "-S", str(folder), *options])


def document(result: Result) -> Any:
    return json.loads(result.stdout.splitlines()[-1])


def seeds(result: Result) -> list[dict[str, Any]]:
    return [attempt for attempt in document(result)["seeds"] if attempt["seed"] is not None]


@pytest.mark.parametrize("recorded", RECORDED[:6], ids=lambda recorded: recorded["dag_id"])
def test_dags_that_airflow_ran_end_as_there_under_faults(recorded: dict[str, Any]) -> None:
    result = simulate(recorded["dag_id"], RANDOM_DAGS, "--seeds", "2", "--json")
    assert result.exit_code == 0, result.output
    expected = recorded["expect"]
    for told in (document(result), *seeds(result)):
        assert told["run"] == expected["run"]
        assert {task_id: state for task_id, _, state in told["tasks"]} == expected["tasks"]


@pytest.mark.parametrize("recorded", MAPPED[:4], ids=lambda recorded: recorded["dag_id"])
def test_mapped_tasks_that_airflow_ran_end_as_there_under_faults(recorded: dict[str, Any]) -> None:
    result = simulate(recorded["dag_id"], MAPPED_DAGS, "--seeds", "2", "--json")
    assert result.exit_code == 0, result.output
    expected = recorded["expect"]
    for told in (document(result), *seeds(result)):
        assert (told["run"], sorted(told["tasks"])) == (expected["run"], sorted(expected["tasks"]))


FRAGILE = """
    def load(ti):
        if ti.try_number > 1:
            raise AirflowFailException("half of it is done already")

    with DAG("fragile", schedule=None, start_date=begin):
        PythonOperator(task_id="load", python_callable=load, retries=2)
    """


def test_a_task_that_cannot_be_repeated_is_found(tmp_path: Path) -> None:
    result = simulate("fragile", in_folder(tmp_path, FRAGILE))
    assert result.exit_code == 1
    assert "again without faults: success, as before\n" in result.stdout
    difference = (
        "  load: success without faults, now failed: AirflowFailException: half of it is done already\n"
    )
    assert difference in result.stdout
    assert "NOT AS without faults; load ran 2 times\n" in result.stdout


def test_one_seed_tells_each_step(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, FRAGILE)
    told = simulate("fragile", folder, "--json")
    bad = next(attempt for attempt in seeds(told) if not attempt["same"])
    assert f"--seed {bad['seed']}\n" in told.stderr
    result = simulate("fragile", folder, "--seed", str(bad["seed"]), "--json")
    assert result.exit_code == 1
    assert seeds(result) == [bad]
    killed, repeated = (
        result.stdout.index(text)
        for text in (
            "killed worker: RunTask load, try 1 after its code, before its end\n",
            "load, try 2, ran: failed_for_good (AirflowFailException: half of it is done already)\n",
        )
    )
    assert killed < repeated


def test_a_worker_is_killed_only_as_often_as_the_retries_allow(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        f"""
        def count(ti):
            with Path({str(tmp_path / "tries")!r}).open("a") as file:
                print(ti.task_id, ti.try_number, file=file)

        def fails_once(ti):
            count(ti)
            if ti.try_number == 1:
                raise ValueError("once")

        with DAG("patient", schedule=None, start_date=begin):
            PythonOperator(task_id="precious", python_callable=count) >> [
                PythonOperator(task_id="flaky", python_callable=fails_once, retries=1),
                PythonOperator(task_id="robust", python_callable=count, retries=2),
            ]
        """,
    )
    result = simulate("patient", folder, "--seeds", "15")
    assert result.exit_code == 0, result.output
    assert "Never killed, for they have no retries to spare: precious, flaky.\n" in result.stdout
    tries = (tmp_path / "tries").read_text().split("\n")
    assert tries.count("precious 1") == tries.count("flaky 1") == tries.count("flaky 2") == 17
    assert tries.count("robust 2") > 0


def test_tasks_live_by_the_time_of_the_simulation(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        ready = timezone.utcnow() + timedelta(days=2)
        with DAG("waiting", schedule=None, start_date=begin):
            for mode in ("poke", "reschedule"):
                PythonSensor(
                    task_id=mode,
                    python_callable=lambda: timezone.utcnow() > ready,
                    mode=mode,
                    poke_interval=7200,
                    retries=3,
                )
            PythonOperator(
                task_id="slow",
                python_callable=lambda: time.sleep(20),
                execution_timeout=timedelta(seconds=0.05),
                retries=1,
            )
        """,
    )
    result = simulate("waiting", folder, "--seeds", "3", "--json")
    assert result.exit_code == 0, result.output
    assert document(result)["tasks"] == [
        ["poke", -1, "success"],
        ["reschedule", -1, "success"],
        ["slow", -1, "failed"],
    ]


def test_a_seed_makes_the_same_faults_in_every_process() -> None:
    command = [sys.executable, "-m", "chalicelib", "simulate", "random_003", "2026-01-01"]
    command += ["-S", str(RANDOM_DAGS), "--seed", "5"]
    told = {
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": number}, capture_output=True, check=True
        ).stdout
        for number in ("1", "2")
    }
    assert len(told) == 1


def test_a_run_that_does_not_end_without_faults_either_is_not_simulated(tmp_path: Path) -> None:
    folder = in_folder(
        tmp_path,
        """
        with DAG("stuck", schedule=None, start_date=begin, max_active_tasks=0):
            PythonOperator(task_id="work", python_callable=print)
        """,
    )
    result = simulate("stuck", folder)
    assert result.exit_code == 1
    assert result.stdout == "without faults: running\n"
    assert result.stderr.startswith("Error: Without faults, too, it does not go on: ")


def test_what_cannot_be_simulated_is_one_line(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, "")
    result = simulate("nowhere", folder)
    assert (result.exit_code, result.stdout) == (1, "")
    where = "name another folder or file with --subdir"
    assert result.stderr.endswith(f"No file in {folder} defines it: {where}\n")
