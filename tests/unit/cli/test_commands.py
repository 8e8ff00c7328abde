"""Airflow's commands over an engine in memory."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.end import fail_run
from chalicelib.settings import Settings
from tests.scripted.command_line import run
from tests.scripted.contract_dags import engine_with_contract_dags

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = engine_with_contract_dags(lambda: NOW)
    with bootstrap.use(engine=made, settings=Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})):
        yield made


def output(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("command", [("dags", "trigger"), ("trigger_dag",)])
def test_a_run_is_triggered(engine: Engine, command: tuple[str, ...]) -> None:
    (shown,) = json.loads(
        output(*command, "contract_manual", "-e", "2025-05-06", "-r", "mine", "-c", '{"n": 1}', "-o", "json")
    )
    assert shown["dag_run_id"] == "mine"
    assert shown["conf"] == {"n": "1"}
    found = engine.store.dag_runs.get("contract_manual", datetime(2025, 5, 6, tzinfo=UTC))
    assert found is not None
    assert (found.run_id, found.triggered_by) == ("mine", "command line")


def test_a_run_of_now_has_whole_seconds_unless_asked_otherwise(engine: Engine) -> None:
    assert "manual__2026-01-01T12:30:15+00:00" in output("dags", "trigger", "contract_manual")
    kept = output("dags", "trigger", "contract_manual", "--no-replace-microseconds")
    assert "manual__2026-01-01T12:30:15.123456+00:00" in kept


def test_long_options_have_their_1_10_spelling_too(engine: Engine) -> None:
    said = output("trigger_dag", "contract_manual", "--run_id", "mine", "--exec_date", "2025-05-06")
    assert "mine" in said


@pytest.mark.parametrize("command", [("dags", "state"), ("dag_state",)])
def test_the_state_of_a_run_is_told(engine: Engine, command: tuple[str, ...]) -> None:
    assert output(*command, "contract_manual", "2025-05-06") == "None\n"
    output("dags", "trigger", "contract_manual", "-e", "2025-05-06", "-c", '{"n": 1}')
    assert output(*command, "contract_manual", "2025-05-06") == 'queued, {"n": 1}\n'


def test_runs_are_listed_newest_first(engine: Engine) -> None:
    for day in ("01", "03", "02"):
        output("dags", "trigger", "contract_manual", "-e", f"2025-05-{day}")
    rows = json.loads(output("dags", "list-runs", "-d", "contract_manual", "-s", "2025-05-02", "-o", "json"))
    assert [row["execution_date"][:10] for row in rows] == ["2025-05-03", "2025-05-02"]
    assert output("list_dag_runs", "contract_manual", "--state", "success") == "No data found\n"


@pytest.mark.parametrize("name", ["mine", "2025-05-06"])
def test_a_task_instance_is_found_by_run_id_and_by_date(engine: Engine, name: str) -> None:
    output("dags", "trigger", "contract_manual", "-e", "2025-05-06", "-r", "mine")
    assert output("tasks", "state", "contract_manual", "one", name) == "None\n"
    rows = json.loads(output("tasks", "states-for-dag-run", "contract_manual", name, "-o", "json"))
    assert [(row["task_id"], row["state"]) for row in rows] == [("one", None), ("two", None)]


def test_a_dag_is_paused_and_unpaused(engine: Engine) -> None:
    output("unpause", "contract_manual")
    dags = json.loads(output("dags", "list", "-o", "json"))
    assert {dag["dag_id"] for dag in dags if dag["is_paused"] == "False"} == {"contract_manual"}
    assert json.loads(output("dags", "pause", "contract_manual", "-o", "json")) == [
        {"dag_id": "contract_manual", "is_paused": "True"}
    ]


def test_tasks_are_listed_and_drawn(engine: Engine) -> None:
    assert output("list_tasks", "contract_manual") == "one\ntwo\n"
    tree = ["<DAG: contract_manual>", "    one (EmptyOperator)", "        two (EmptyOperator)"]
    assert output("dags", "show", "contract_manual").splitlines() == tree
    assert output("tasks", "list", "contract_manual", "--tree").splitlines() == tree


def test_a_task_with_several_upstreams_is_drawn_under_each(engine: Engine) -> None:
    lines = output("dags", "show", "contract_branch").splitlines()
    assert [line.split()[0] for line in lines].count("join_any") == 2


def test_a_dag_is_deleted_only_after_a_yes(engine: Engine) -> None:
    refused = run("dags", "delete", "contract_manual", stdin="n\n")
    assert refused.exit_code == 1
    assert "Removed 1 record(s)\n" in run("delete_dag", "contract_manual", stdin="y\n").stdout
    result = run("dags", "delete", "contract_manual", "--yes")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Dag id contract_manual not found. ")


def test_pools_are_set_shown_and_deleted(engine: Engine) -> None:
    assert output("pools", "set", "small", "2", "two slots") == "Pool small created\n"
    assert output("pools", "set", "endless", "-1", "no limit") == "Pool endless created\n"
    assert json.loads(output("pools", "get", "small", "-o", "json")) == [
        {"pool": "small", "slots": "2", "description": "two slots", "include_deferred": "False"}
    ]
    assert output("pools", "delete", "small") == "Pool small deleted\n"
    assert run("pools", "get", "small").stderr == (
        "Error: Pool 'small' doesn't exist. 'pools list' shows those of the stage\n"
    )


def test_pool_of_1_10_does_all_of_it(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "pools.json"
    assert output("pool", "-s", "small", "-1", "no limit") == "Pool small created\n"
    assert "no limit" in output("pool", "-g", "small")
    assert output("pool", "-e", str(file)) == f"Exported 2 pools to {file}\n"
    assert output("pool", "-x", "small") == "Pool small deleted\n"
    assert output("pool", "-i", str(file)) == "Uploaded 2 pool(s)\n"
    assert [row["slots"] for row in json.loads(output("pool", "-o", "json"))] == ["128", "-1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "Invalid json file"),
        ("[]", "has to hold a JSON object"),
        ('{"good": {"slots": 1}, "bad": {"slots": "many"}}', "Failed to update pool(s): bad."),
        ('{" ": {"slots": 1}}', "Pool name shouldn't be empty"),
    ],
)
def test_a_file_of_pools_is_taken_as_a_whole_or_not_at_all(
    engine: Engine, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "pools.json"
    file.write_text(content)
    result = run("pools", "import", str(file))
    assert result.exit_code == 1
    assert said in result.stderr
    assert [pool.name for pool in engine.store.pools.list()] == ["default_pool"]


def test_why_lists_the_checks(engine: Engine) -> None:
    output("dags", "trigger", "contract_manual", "-e", "2025-05-06")
    checks = json.loads(output("why", "contract_manual", "2025-05-06", "-o", "json"))
    assert checks[0]["check"] == "Dag Not Paused"
    assert checks[0]["passed"] == "False"
    of_task = json.loads(output("why", "contract_manual", "2025-05-06", "one", "-o", "json"))
    assert {"check": "Dagrun Running", "passed": "False", "reason": "the run is queued"} in of_task


def test_a_run_is_watched_to_its_end_and_its_failure_is_exit_code_1(engine: Engine) -> None:
    output("dags", "trigger", "contract_manual", "-e", "2025-05-06", "-r", "mine")
    run_of_day = engine.store.dag_runs.get("contract_manual", datetime(2025, 5, 6, tzinfo=UTC))
    assert run_of_day is not None
    fail_run(engine, run_of_day, "for this test", from_states=frozenset({DagRunState.QUEUED}))
    result = run("runs", "watch", "contract_manual", "mine")
    assert (result.exit_code, result.stdout) == (1, "run mine: failed\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dags", "trigger", "other"), "Dag id other not found in DagModel"),
        (("dags", "pause", "other"), "Dag id other not found in DagModel"),
        (("dags", "state", "other", "2025-05-06"), "Dag id other not found in DagModel"),
        (("tasks", "state", "contract_manual", "one", "nothing"), "Dag Run for date nothing not found"),
        (("tasks", "list", "other"), "Dag id other not found in DagModel"),
        (("runs", "watch", "contract_manual", "2025-05-06"), "not found in dag contract_manual"),
        (("pools", "delete", "default_pool"), "default_pool cannot be deleted"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(engine: Engine, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("dags", "trigger", "contract_manual", "-e", "yesterday"),
        ("dags", "trigger", "contract_manual", "-c", "[]"),
        ("pools", "set", "small", "many", ""),
        ("pool", "-s", "small", "-2", ""),
        ("dags", "list-runs"),
        ("nothing",),
    ],
)
def test_wrong_usage_is_exit_code_2(engine: Engine, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_store_that_refuses_is_told_with_what_to_do(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("DynamoDB did not answer")

    monkeypatch.setattr(engine.store.dags, "get", refuse)
    assert run("dags", "trigger", "contract_manual").stderr == (
        "Error: DynamoDB did not answer. Nothing is known to be lost: try again.\n"
    )
