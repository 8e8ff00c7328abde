"""What can be asked about DAGs and their files, over an engine in memory."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from chalicelib.simulation.one_run import Laboratory, WantedRun
from tests.scripted.command_line import run

FILE = """
from datetime import datetime, timedelta
from airflow import DAG, Dataset
from airflow.models.param import Param
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator

with DAG(
    "daily", schedule="@daily", start_date=datetime(2026, 1, 1), tags=["b", "a"], description="each day",
    default_args={"owner": "ada"},
):
    EmptyOperator(task_id="first") >> EmptyOperator(task_id="second", owner="bob")
with DAG("hourly", schedule=timedelta(hours=1), start_date=datetime(2026, 1, 1), max_active_runs=2):
    EmptyOperator(task_id="first", max_active_tis_per_dag=1)
with DAG("wants", schedule=None, params={"n": Param(type="integer")}):
    EmptyOperator(task_id="first")
with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1)):
    each = BashOperator.partial(task_id="each", owner="eve", max_active_tis_per_dagrun=2)
    each.expand(bash_command=["true"])
    EmptyOperator(task_id="alone")
with DAG("never", schedule=None, start_date=datetime(2026, 1, 1)):
    EmptyOperator(task_id="first")
with DAG("when_told", schedule=[Dataset("a")]):
    EmptyOperator(task_id="first")
"""


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    (tmp_path / "dags.py").write_text(FILE)
    laboratory = Laboratory(tmp_path)
    settings = Settings.from_environ(
        {"UPDRAFT__AWS__STAGE": "dev", "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)}
    )
    with bootstrap.use(engine=laboratory.engine, settings=settings):
        yield laboratory.engine


def rows(*arguments: str) -> list[dict[str, object]]:
    result = run(*arguments, "-o", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_dags_are_listed_with_the_columns_that_are_wanted() -> None:
    assert rows("dags", "list")[0] == {
        "dag_id": "daily",
        "fileloc": "dags.py",
        "owners": ["ada", "bob"],
        "is_paused": "True",
    }
    assert rows("dags", "list", "--columns", "max_active_runs,dag_id")[1] == {
        "max_active_runs": "2",
        "dag_id": "hourly",
    }


def test_columns_that_are_not_known_are_left_out_and_named() -> None:
    result = run("dags", "list", "--columns", "dag_id,pickle_id", "-o", "plain")
    assert result.stdout.splitlines() == [
        "dag_id",
        "daily",
        "hourly",
        "mapped",
        "never",
        "wants",
        "when_told",
    ]
    assert result.stderr.startswith("Ignoring columns that are not known: pickle_id. Known: dag_id, ")


def test_the_details_of_a_dag_have_airflows_names() -> None:
    (daily,) = rows("dags", "details", "daily")
    assert daily == {
        "dag_id": "daily",
        "is_paused": "True",
        "is_active": "True",
        "fileloc": "dags.py",
        "owners": ["ada", "bob"],
        "description": "each day",
        "schedule_interval": {"__type": "CronExpression", "value": "@daily"},
        "timetable_description": "At 00:00",
        "tags": [{"name": "a"}, {"name": "b"}],
        "max_active_tasks": "16",
        "max_active_runs": "16",
        "max_consecutive_failed_dag_runs": "0",
        "has_task_concurrency_limits": "False",
        "next_dagrun": "2026-01-01T00:00:00+00:00",
        "next_dagrun_data_interval_start": "2026-01-01T00:00:00+00:00",
        "next_dagrun_data_interval_end": "2026-01-02T00:00:00+00:00",
        "next_dagrun_create_after": "2026-01-02T00:00:00+00:00",
    }
    (hourly,) = rows("dags", "details", "hourly")
    assert hourly["has_task_concurrency_limits"] == "True"
    assert hourly["schedule_interval"] == {
        "__type": "TimeDelta",
        "days": "0",
        "microseconds": "0",
        "seconds": "3600",
    }
    (told,) = rows("dags", "details", "when_told")
    assert told["schedule_interval"] == {"__type": "CronExpression", "value": "Dataset"}
    (never,) = rows("dags", "details", "never")
    assert (never["schedule_interval"], never["next_dagrun"]) == (None, None)


def test_mapped_tasks_have_owners_and_limits_too() -> None:
    (mapped,) = rows("dags", "details", "mapped")
    assert (mapped["owners"], mapped["has_task_concurrency_limits"]) == (["airflow", "eve"], "True")


def test_details_are_a_property_each_for_people() -> None:
    lines = run("dags", "details", "daily").stdout.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["property_name", "property_value"]
    assert [cell.strip() for cell in lines[2].split("|")] == ["dag_id", "daily"]


@pytest.mark.parametrize("command", [("dags", "next-execution"), ("next_execution",)])
def test_the_next_logical_dates_are_told(command: tuple[str, ...]) -> None:
    result = run(*command, "daily", "-n", "2")
    assert result.stdout == "2026-01-01T00:00:00+00:00\n2026-01-02T00:00:00+00:00\n"
    assert result.stderr == "[INFO] Please be reminded this DAG is PAUSED now.\n"
    without = run(*command, "never")
    assert (without.exit_code, without.stdout) == (0, "None\n")
    assert "[WARN] No following schedule can be found." in without.stderr


def test_the_report_tells_what_each_file_holds_and_how_long_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    (tmp_path / "broken.py").write_text("from airflow import DAG\nraise ValueError('no')\n")
    result = run("dags", "report", "-o", "json")
    assert result.stderr == "broken.py could not be loaded: line 2: ValueError: no\n"
    found = {row["file"]: row for row in json.loads(result.stdout)}
    assert found["/broken.py"]["dag_num"] == "0"
    assert found["/dags.py"]["dags"] == ["daily", "hourly", "mapped", "never", "wants", "when_told"]
    assert (found["/dags.py"]["dag_num"], found["/dags.py"]["task_num"]) == ("6", "8")
    assert found["/dags.py"]["duration"] > "0:00:00"


def test_dags_are_paused_by_a_regular_expression_after_a_yes(engine: Engine) -> None:
    def unpaused() -> list[str]:
        return sorted(dag.dag_id for dag in engine.store.dags.list() if not dag.is_paused)

    refused = run("dags", "unpause", "ly$", "--treat-dag-id-as-regex", stdin="n\n")
    assert (refused.exit_code, unpaused()) == (1, [])
    assert rows("dags", "unpause", "ly$", "--treat-dag-id-as-regex", "-y") == [
        {"dag_id": "daily", "is_paused": "False"},
        {"dag_id": "hourly", "is_paused": "False"},
    ]
    assert unpaused() == ["daily", "hourly"]


@pytest.mark.parametrize(
    ("pattern", "said"), [("(", "'(' is no regular expression"), ("x", "No DAG id fits 'x'")]
)
def test_an_expression_that_fits_nothing_is_said(pattern: str, said: str) -> None:
    for command in (("dags", "pause", "--treat-dag-id-as-regex"), ("tasks", "clear", "-R")):
        result = run(*command, pattern, "--yes")
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr


def test_tasks_of_several_dags_are_cleared(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    for dag_id in ("daily", "hourly"):
        laboratory.run(WantedRun(dag_id=dag_id, execution_date=datetime(2026, 1, 2, tzinfo=UTC)))
    with bootstrap.use(engine=laboratory.engine):
        result = run("tasks", "clear", "ly$", "--dag-regex", "-t", "first", "--dry-run")
    assert result.stdout.splitlines() == [
        "daily 2026-01-02T00:00:00+00:00 first: success",
        "hourly 2026-01-02T00:00:00+00:00 first: success",
    ]


@pytest.mark.parametrize("command", [("tasks", "failed-deps"), ("task_failed_deps",)])
def test_unmet_dependencies_are_told(engine: Engine, command: tuple[str, ...]) -> None:
    assert run("dags", "trigger", "daily", "-e", "2026-01-02").exit_code == 0
    lines = run(*command, "daily", "second", "2026-01-02").stdout.splitlines()
    assert lines[0] == "Task instance dependencies not met:"
    assert "Dagrun Running: the run is queued" in lines
    assert any(line.startswith("Dag Not Paused: the DAG is paused") for line in lines)


def test_a_conf_that_the_params_refuse_triggers_nothing(engine: Engine) -> None:
    refused = run("dags", "trigger", "wants", "--conf", '{"n": "x"}')
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Invalid input for param n: 'x' is not of type 'integer'" in refused.stderr
    assert "Invalid input for param n: No value passed" in run("dags", "trigger", "wants").stderr
    assert list(engine.store.dag_runs.list("wants")) == []
    assert run("dags", "trigger", "wants", "--conf", '{"n": 1}').exit_code == 0


def test_a_task_that_is_over_runs_no_more(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    laboratory.run(WantedRun(dag_id="daily", execution_date=datetime(2026, 1, 2, tzinfo=UTC)))
    with bootstrap.use(engine=laboratory.engine):
        result = run("tasks", "failed-deps", "daily", "first", "2026-01-02")
    assert result.stdout.splitlines() == [
        "Task instance dependencies not met:",
        "Task Instance State: it is success (all_success with upstream states: none)",
    ]
