"""Commands about a run with mapped tasks, over an engine in memory."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.domain.graph.expansion import Expansion, Literal, OutputOf
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import Expected, TaskInstanceChange
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.settings import Settings
from tests.scripted.command_line import run
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.engines import engine_in_memory

DATE = "2026-01-01T00:00:00+00:00"
SUCCESS, FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED

DAG = ScriptedDag(
    [
        Shape("make", returns=3),
        Shape("each", ("make",), expansion=Expansion(own=OutputOf(task_id="make"))),
        Shape("after", ("each",)),
        Shape("literal", expansion=Expansion(own=Literal(count=2))),
        Shape("later", ("after",), expansion=Expansion(own=OutputOf(task_id="after"))),
    ]
)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    """A run of the DAG: ``each`` was expanded into three instances, two of which are over."""
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = engine_in_memory(lambda: datetime(2026, 3, 1, tzinfo=UTC))
    DAG.save(made.store)
    date = datetime.fromisoformat(DATE)
    created = create_run(
        made, RunRequest(dag_id=DAG.dag_id, execution_date=date, run_id="one", triggered_by="x")
    )
    put(made, created, "make#-1", state=SUCCESS, try_number=1, output_length=3)
    put(made, created, "each#-1", map_length=3)
    put(made, created, "each#0", state=SUCCESS, try_number=1, map_length=3)
    put(made, created, "each#1", state=FAILED, try_number=1, map_length=3)
    put(made, created, "after#-1", state=TaskInstanceState.UPSTREAM_FAILED)
    for key, text in (("each#0", b"of 0\n"), ("each#1", b"of 1\n")):
        made.store.task_logs.save(created.ref, created.run_id, key, 1, text)
    with bootstrap.use(engine=made, settings=Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})):
        yield made


def put(engine: Engine, created: DagRun, key: str, **change: object) -> None:
    expected = Expected(states=frozenset({None}))
    fields = TaskInstanceChange(**change)  # type: ignore[typeddict-item]  # fields
    assert engine.store.task_instances.transition(created.run_uid, key, expected, fields).applied


def states() -> dict[str, str | None]:
    rows = json.loads(run("tasks", "states-for-dag-run", "scripted", "one", "-o", "json").stdout)
    return {f"{row['task_id']}[{row['map_index']}]": row["state"] for row in rows}


@pytest.mark.usefixtures("engine")
def test_the_instances_of_a_run_are_listed_by_map_index() -> None:
    assert states() == {
        "make[]": "success",
        "each[0]": "success",
        "each[1]": "failed",
        "each[2]": None,
        "after[]": "upstream_failed",
        "literal[0]": None,
        "literal[1]": None,
        "later[]": None,
    }


@pytest.mark.parametrize(("task_id", "index", "state"), [("each", "1", "failed"), ("literal", "1", "None")])
@pytest.mark.usefixtures("engine")
def test_the_state_of_one_index_is_told(task_id: str, index: str, state: str) -> None:
    result = run("tasks", "state", "scripted", task_id, DATE, "--map-index", index)
    assert (result.exit_code, result.stdout) == (0, f"{state}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("each",), "No map_index passed to mapped task each: name one with --map-index"),
        (("later",), "No map_index passed to mapped task later: name one with --map-index"),
        (("make", "--map-index", "0"), "map_index passed to non-mapped task make: leave --map-index out"),
        (("each", "--map-index", "3"), "Task each[3] instance for date 2026-01-01 00:00:00+00:00 not found"),
        (
            ("later", "--map-index", "0"),
            "Task later[0] instance for date 2026-01-01 00",
        ),
        (("gone", "--map-index", "0"), "Task gone not found in dag scripted"),
    ],
)
@pytest.mark.parametrize("command", ["state", "failed-deps", "logs"])
@pytest.mark.usefixtures("engine")
def test_what_does_not_name_an_instance_is_refused(
    command: str, arguments: tuple[str, ...], said: str
) -> None:
    task_id, *options = arguments
    result = run("tasks", command, "scripted", task_id, "one", *options)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {said}")


@pytest.mark.usefixtures("engine")
def test_each_index_has_its_log() -> None:
    logs = [run("tasks", "logs", "scripted", "each", "one", "--map-index", index).stdout for index in "01"]
    assert logs == ["of 0\n", "of 1\n"]
    followed = run("tasks", "logs", "scripted", "each", "one", "--map-index", "1", "--follow")
    assert followed.stdout == "of 1\n"


@pytest.mark.usefixtures("engine")
def test_an_index_without_a_log_says_so() -> None:
    result = run("tasks", "logs", "scripted", "each", "one", "--map-index", "2")
    assert result.stderr == "Error: Task each[2] was not tried in run one: it is None\n"


@pytest.mark.usefixtures("engine")
def test_what_keeps_an_index_from_running_is_told() -> None:
    result = run("tasks", "failed-deps", "scripted", "each", "one", "--map-index", "1")
    assert "Task Instance State: it is failed" in result.stdout
    assert run("why", "scripted", DATE, "each", "--map-index", "0").stdout == "each[0] is over.\n"
    result = run("why", "scripted", DATE, "each", "--map-index", "2", "-o", "plain")
    assert "Task Instance State" in result.stdout
    assert run("why", "scripted", DATE, "later").exit_code == 0  # not expanded: the task itself waits
    assert "No map_index passed to mapped task each" in run("why", "scripted", DATE, "each").stderr
    assert "leave --map-index out" in run("why", "scripted", DATE, "make", "--map-index", "0").stderr
    assert "each[3] instance" in run("why", "scripted", DATE, "each", "--map-index", "3").stderr


@pytest.mark.usefixtures("engine")
def test_one_index_is_cleared_and_what_follows_it() -> None:
    arguments = ("tasks", "clear", "scripted", "-t", "^each$", "--yes")
    assert run(*arguments, "--map-index", "7").stdout == "Nothing to clear.\n"
    result = run(*arguments, "--map-index", "1", "--downstream")
    assert result.stdout.splitlines() == [
        f"scripted {DATE} each[1]: failed",
        f"scripted {DATE} after: upstream_failed",
        "2 task instances cleared",
    ]
    assert (states()["each[0]"], states()["each[1]"], states()["after[]"]) == ("success", None, None)


@pytest.mark.usefixtures("engine")
def test_indexes_are_set_and_what_had_failed_after_them_is_cleared() -> None:
    arguments = ("tasks", "set-state", "scripted", "each", "one", "success", "--yes")
    assert "each[3] instance" in run(*arguments, "--map-index", "3").stderr
    result = run(*arguments, "--map-index", "1", "--map-index", "2")
    assert result.stdout.splitlines() == [
        f"scripted {DATE} each[1]: failed",
        f"scripted {DATE} each[2]: None",
        "2 task instances set to success",
    ]
    assert {name: state for name, state in states().items() if name.startswith(("each", "after"))} == {
        "each[0]": "success",
        "each[1]": "success",
        "each[2]": "success",
        "after[]": None,
    }


@pytest.mark.usefixtures("engine")
def test_a_mapped_task_without_an_index_is_set_whole() -> None:
    result = run("tasks", "set-state", "scripted", "each", "one", "skipped", "--yes")
    assert result.stdout.splitlines()[-1] == "3 task instances set to skipped"
    assert [states()[f"each[{index}]"] for index in range(3)] == ["skipped"] * 3


@pytest.mark.usefixtures("engine")
def test_a_run_is_set_with_all_indexes() -> None:
    assert run("dags", "set-state", "scripted", "one", "success", "--yes").exit_code == 0
    assert set(states().values()) == {"success"}


@pytest.mark.usefixtures("engine")
def test_a_run_is_watched_by_instances(engine: Engine) -> None:
    run("dags", "set-state", "scripted", "one", "success", "--yes")
    lines = run("runs", "watch", "scripted", "one").stdout.splitlines()
    assert {"each[0]: success", "each[2]: success", "literal[1]: success", "make: success"} <= set(lines)


@pytest.mark.usefixtures("engine")
def test_a_run_without_mapped_instances_has_no_column_for_them() -> None:
    plain = ScriptedDag([Shape("a")], dag_id="plain")
    plain.save(bootstrap.engine().store)
    run("dags", "trigger", "plain", "-e", "2026-02-01T00:00:00")
    rows = json.loads(run("tasks", "states-for-dag-run", "plain", "2026-02-01", "-o", "json").stdout)
    assert [*rows[0]] == ["dag_id", "execution_date", "task_id", "state", "start_date", "end_date"]
