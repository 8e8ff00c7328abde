"""``-S``: commands about the files of a folder or one file, without a server, as Airflow's 2.10.5 answer."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.scripted.command_line import run

GOOD = """
    from datetime import datetime, timedelta, timezone
    from airflow import DAG
    from airflow.decorators import task
    from airflow.exceptions import AirflowSkipException
    from airflow.operators.bash import BashOperator
    from airflow.operators.python import PythonOperator
    from airflow.sensors.python import PythonSensor

    def told(what):
        return lambda context: print("callback of", what)

    def fail():
        raise ValueError("boom")

    def skip():
        raise AirflowSkipException("not today")

    with DAG(
        "good",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule="@daily",
        catchup=False,
        params={"who": "you"},
        default_args={"retries": 2, "on_retry_callback": told("retry")},
    ):
        hello = BashOperator(task_id="hello", bash_command="echo {{ params.who }} {{ ds }} $EXTRA")
        hello >> PythonOperator(task_id="fail", python_callable=fail)
        PythonOperator(task_id="skip", python_callable=skip)
        PythonSensor(task_id="looks_once", python_callable=lambda: False, mode="reschedule")

        @task
        def add(x):
            print("x is", x)

        @task
        def numbers():
            return [1]

        add.expand(x=[1, 2, 3])
        add.override(task_id="add_output").expand(x=numbers())
    """
BROKEN = {
    "deadly.py": ("import os\nos._exit(3)  # airflow dag", "loading it ended the process (exit code 3)"),
    "endless.py": (
        "import time  # airflow dag\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass",
        "took longer than 0:00:03 to load",
    ),
    "leaves.py": ("import sys, airflow  # dag\nsys.exit(3)", "line 2: SystemExit: 3"),
    "package.py": (
        "from airflow import DAG\nimport snowflake.connector",
        "line 2: ModuleNotFoundError: No module named 'snowflake'; put snowflake-connector-python into "
        "requirements.txt in the DAGs folder, or the module snowflake into that folder or the plugins folder",
    ),
    "twice.py": (
        "from airflow import DAG\ndag = DAG('good')",
        "AirflowDagDuplicatedIdException: the DAG good is defined in good.py too",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of DAG files, and no server, account or configuration anywhere."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UPDRAFT__LOCAL__STATE_DIR", str(tmp_path / "nowhere"))
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "good.py").write_text(dedent(GOOD))
    return folder


def lines(*arguments: str, exit_code: int = 0) -> list[str]:
    result = run(*arguments)
    assert result.exit_code == exit_code, result.output
    assert result.stdout, result.stderr
    return result.stdout.splitlines()


def test_files_that_end_or_hold_up_their_process_stop_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", "3")  # slow machines load the others, too
    monkeypatch.setattr("chalicelib.user_code.documents_apart._PATIENCE_SECONDS", 1.0)
    for name, (text, _) in BROKEN.items():
        (folder / name).write_text(text)
    (told,) = lines("dags", "list-import-errors", "-S", str(folder), "-o", "json", exit_code=1)
    assert json.loads(told) == [
        {"filepath": str(folder / name), "error": error} for name, (_, error) in sorted(BROKEN.items())
    ]
    listed = run("dags", "list", "-S", str(folder), "-o", "plain")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["dag_id", "good"]
    assert listed.stderr.startswith("Error: Failed to load all files. For details, run ")


def test_a_file_alone_is_looked_at_alone(folder: Path) -> None:
    (folder / "broken.py").write_text("from airflow import DAG\n1 / 0")
    assert lines("dags", "list-import-errors", "-S", str(folder / "good.py")) == ["No data found"]
    (told,) = lines("dags", "list", "-S", str(folder / "good.py"), "-o", "json")
    assert json.loads(told) == [
        {"dag_id": "good", "fileloc": str(folder / "good.py"), "owners": ["airflow"], "is_paused": None}
    ]


def test_a_file_in_the_dags_folder_imports_from_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    (folder / "team").mkdir()
    (folder / "team" / "names.py").write_text("NAME = 'teams'")
    (folder / "team" / "file.py").write_text(
        "from airflow import DAG\nfrom team.names import NAME\ndag = DAG(NAME)"
    )
    for place in ("team", "team/file.py"):
        rows = json.loads(lines("dags", "list", "-S", str(folder / place), "-o", "json")[0])
        assert [row["dag_id"] for row in rows] == ["teams"]


@pytest.mark.parametrize(
    "command",
    [("tasks", "list", "good", "-S"), ("list_tasks", "good", "-sd"), ("dags", "show", "good", "-S")],
)
def test_tasks_are_listed_and_drawn(folder: Path, command: tuple[str, ...]) -> None:
    assert "hello" in "".join(lines(*command, str(folder / "good.py")))


def test_a_dag_that_is_not_there_is_told_with_what_could_not_be_loaded(folder: Path) -> None:
    (folder / "broken.py").write_text("from airflow import DAG\n1 / 0")
    result = run("tasks", "list", "nowhere", "-S", str(folder))
    assert result.exit_code == 1
    assert "broken.py could not be loaded: line 2: ZeroDivisionError" in result.stderr
    assert "Dag 'nowhere' could not be found; either it does not exist or it failed to parse" in result.stderr


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = run("dags", "list-import-errors", "-S", str(tmp_path / "nowhere"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no DAGs folder" in result.stderr


def test_templates_are_rendered(folder: Path) -> None:
    rendered = lines("tasks", "render", "good", "hello", "2025-01-01", "-S", str(folder))
    assert "echo you 2025-01-01 $EXTRA" in rendered


def tasks_test(folder: Path, *arguments: str, exit_code: int = 0) -> str:
    result = run("tasks", "test", "good", *arguments, "-S", str(folder))
    assert result.exit_code == exit_code, result.output
    return result.output


@pytest.mark.parametrize("date", ["2026-01-02", "2025-01-01"])
def test_one_task_runs_also_before_the_start_date(folder: Path, date: str) -> None:
    given = ("-t", '{"who": "me"}', "--env-vars", '{"EXTRA": "more"}')
    assert f"me {date} more\n" in tasks_test(folder, "hello", date, *given)


def test_the_1_10_spelling_runs_one_task(folder: Path) -> None:
    result = run("test", "good", "hello", "2026-01-02", "-sd", str(folder), "-tp", '{"who": "me"}')
    assert "me 2026-01-02" in result.stdout


def test_a_task_that_fails_is_tried_once_and_its_callbacks_are_called(folder: Path) -> None:
    told = tasks_test(folder, "fail", "2026-01-02", exit_code=1)
    assert told.count("ValueError: boom") == 1
    assert "callback of retry" in told
    assert told.endswith("fail: up_for_retry\n")


@pytest.mark.parametrize(("task_id", "state"), [("skip", "skipped"), ("looks_once", "up_for_reschedule")])
def test_a_skip_and_one_poke_are_no_failures(folder: Path, task_id: str, state: str) -> None:
    assert tasks_test(folder, task_id, "2026-01-02").endswith(f"{task_id}: {state}\n")


def test_of_a_mapped_task_one_instance_runs(folder: Path) -> None:
    told = tasks_test(folder, "add", "2026-01-02", "--map-index", "1")
    assert "x is 2" in told
    assert "x is 1" not in told
    assert told.endswith("add[1]: success\n")


def test_what_a_task_is_mapped_over_is_not_there_without_its_run(folder: Path) -> None:
    told = tasks_test(folder, "add_output", "2026-01-02", "--map-index", "1", exit_code=1)
    assert told.endswith("add_output[1]: up_for_retry\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("add",), "No map_index passed to mapped task add"),
        (("hello", "--map-index", "1"), "map_index passed to non-mapped task hello"),
        (("add", "--map-index", "3"), "add has no map_index 3"),
        (("nothing",), "Task nothing not found"),
    ],
)
def test_what_cannot_be_run_is_told(folder: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in tasks_test(folder, *arguments, exit_code=1)


def test_a_dry_run_renders_only(folder: Path) -> None:
    told = tasks_test(folder, "hello", "2025-01-02", "--dry-run")
    assert "echo you 2025-01-02 $EXTRA" in told
    assert "Running command" not in told


def test_a_run_before_the_start_date_has_no_tasks(folder: Path) -> None:
    told = lines("dags", "test", "good", "2025-01-01", "-S", str(folder), "--json")
    assert json.loads(told[-1]) == {"run": "success", "tasks": []}


def test_tasks_that_a_pattern_fits_succeed_without_being_run(folder: Path) -> None:
    pattern = ("--mark-success-pattern", "fail|looks_.*|add_outpu")  # it has to fit as a whole
    told = lines("dags", "test", "good", "2026-01-02", "-S", str(folder), "--json", *pattern)
    states = {(task_id, index): state for task_id, index, state in json.loads(told[-1])["tasks"]}
    assert json.loads(told[-1])["run"] == "success"
    assert (states["fail", -1], states["looks_once", -1], states["add_output", 0]) == ("success",) * 3
