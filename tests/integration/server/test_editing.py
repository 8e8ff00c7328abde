"""DAG files that change while the server runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.server.server import Server, running
from tests.waiting import wait_for

HEAD = """
import pathlib
import time
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def wait_for_gate(dag_run):
    while not pathlib.Path(dag_run.conf["gate"]).exists():
        time.sleep(0.02)


with DAG({dag_id!r}, schedule=None, start_date=datetime(2024, 1, 1), default_args={{"retries": 0}}):
    first = PythonOperator(task_id="first", python_callable=lambda: None)
"""
SECOND = """
    first >> PythonOperator(task_id="second", python_callable=lambda: print("the second"))
"""
GATE = """
    gate = PythonOperator(task_id="gate", python_callable=wait_for_gate)
"""
AFTER_THE_GATE = """
    later = PythonOperator(task_id="later", python_callable=lambda: None)
    needs_later = PythonOperator(task_id="needs_later", python_callable=lambda: None)
    cleanup = PythonOperator(task_id="cleanup", python_callable=lambda: None, trigger_rule="all_done")
"""
EDGES = """
    gate >> later >> [needs_later, cleanup]
"""
WITHOUT_LATER = """
    needs_later = PythonOperator(task_id="needs_later", python_callable=lambda: None)
    cleanup = PythonOperator(task_id="cleanup", python_callable=lambda: None, trigger_rule="all_done")
    gate >> [needs_later, cleanup]
"""
GREETING = """
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator
from greetings import GREETING

with DAG("greeting", schedule=None, start_date=datetime(2024, 1, 1), default_args={"retries": 0}):
    PythonOperator(task_id="greet", python_callable=lambda: print(GREETING), doc=GREETING)
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dags")


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plugins")


@pytest.fixture(scope="module")
def editing(tmp_path_factory: pytest.TempPathFactory, dags: Path, plugins: Path) -> Iterator[Server]:
    (dags / "growing.py").write_text(HEAD.format(dag_id="growing"))
    (dags / "shrinking.py").write_text(HEAD.format(dag_id="shrinking") + GATE + AFTER_THE_GATE + EDGES)
    (dags / "greeting.py").write_text(GREETING)
    (plugins / "greetings.py").write_text("GREETING = 'good morning'\n")
    settings = {
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
    }
    with running(tmp_path_factory.mktemp("editing"), dags, **settings) as server:
        yield server


def test_a_plugin_that_changes_changes_the_dags_that_use_it(editing: Server, plugins: Path) -> None:
    run = editing.api.trigger("greeting")
    assert run.ends() == "success"
    assert "good morning" in editing.command_line("tasks", "logs", "greeting", "greet", run.execution_date)

    (plugins / "greetings.py").write_text("GREETING = 'good evening'\n")
    wait_for(lambda: editing.api.get("/dags/greeting/tasks/greet")["doc"] == "good evening")

    run = editing.api.trigger("greeting")
    assert run.ends() == "success"
    assert "good evening" in editing.command_line("tasks", "logs", "greeting", "greet", run.execution_date)


def test_a_task_added_to_a_file_is_in_the_next_run(editing: Server, dags: Path) -> None:
    before = editing.api.trigger("growing")
    assert before.ends() == "success"

    (dags / "growing.py").write_text(HEAD.format(dag_id="growing") + SECOND)
    wait_for(lambda: editing.api.exists("/dags/growing/tasks/second"))

    after = editing.api.trigger("growing")
    assert after.ends() == "success"
    assert after.states("first", "second") == {"first": "success", "second": "success"}
    assert "the second" in editing.command_line("tasks", "logs", "growing", "second", after.execution_date)


def test_a_task_removed_from_a_file_ends_removed_in_a_run_of_before(
    editing: Server, dags: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    run = editing.api.trigger("shrinking", conf={"gate": str(gate)})
    run.waits_until("gate", "running")

    (dags / "shrinking.py").write_text(HEAD.format(dag_id="shrinking") + GATE + WITHOUT_LATER)
    wait_for(lambda: not editing.api.exists("/dags/shrinking/tasks/later"))
    gate.touch()

    assert run.ends() == "failed"
    assert run.states("gate", "later", "needs_later", "cleanup") == {
        "gate": "success",
        "later": "removed",
        "needs_later": "upstream_failed",
        "cleanup": "success",
    }


def test_a_file_that_breaks_is_told_once_and_its_dags_stay_as_they_were(editing: Server, dags: Path) -> None:
    sound = (dags / "growing.py").read_text()
    (dags / "growing.py").write_text(sound + "\nimport no_such_module\n")
    wait_for(lambda: "no_such_module" in editing.output)
    (line,) = [line for line in editing.output.splitlines() if "no_such_module" in line]
    assert line.startswith(f"Broken DAG file {dags}/growing.py: line ")
    assert editing.api.exists("/dags/growing/tasks/first")

    (dags / "growing.py").write_text(sound)
    wait_for(lambda: editing.api.trigger("growing").ends() == "success")
