"""``tasks render`` over an engine in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.variables import StoredVariable
from chalicelib.settings import Settings
from chalicelib.simulation.one_run import Laboratory, WantedRun

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

with DAG("letters", schedule="@daily", start_date=datetime(2020, 1, 1), params={"n": 1}):
    count = PythonOperator(task_id="count", python_callable=len, op_args=["four"])
    tell = BashOperator(
        task_id="tell",
        bash_command="echo {{ ti.xcom_pull(task_ids='count') }} {{ params.n }}\\necho {{ run_id }}",
        env={"DAY": "{{ data_interval_start | ds }}"},
    )
    count >> tell
    BashOperator(task_id="wrong", bash_command="echo {{ nothing_of_that_name }}")
    BashOperator(task_id="secret", bash_command="to {{ conn.db.host }} in {{ var.value.city }}")
    BashOperator.partial(task_id="each").expand(bash_command=["echo a", "echo b {{ ti.map_index }}"])
    numbers = PythonOperator(task_id="numbers", python_callable=lambda: [1, 2, 3])
    PythonOperator.partial(task_id="square", python_callable=print).expand(
        op_kwargs=numbers.output.map(lambda n: {"n": n})
    )
"""

RULE = "# " + "-" * 58


@pytest.fixture(autouse=True)
def one_run_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    (tmp_path / "letters.py").write_text(FILE)
    laboratory = Laboratory(tmp_path)
    laboratory.run(
        WantedRun(dag_id="letters", execution_date=datetime(2026, 1, 2, tzinfo=UTC), conf={"n": 5})
    )
    settings = Settings.from_environ(
        {"UPDRAFT__AWS__STAGE": "dev", "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)}
    )
    with bootstrap.use(engine=laboratory.engine, settings=settings):
        yield


def render(*arguments: str, command: tuple[str, ...] = ("tasks", "render")) -> Result:
    return CliRunner().invoke(updraft, [*command, *arguments])


def rendered(command: str, env: str) -> str:
    parts = {"bash_command": command, "env": env, "cwd": "None"}
    return "".join(f"{RULE}\n# property: {name}\n{RULE}\n{value}\n\n" for name, value in parts.items())


@pytest.mark.parametrize("name", ["2026-01-02", "manual__2026-01-02T00:00:00+00:00"])
@pytest.mark.parametrize("command", [("tasks", "render"), ("render",)])
def test_fields_are_shown_as_a_run_saw_them(name: str, command: tuple[str, ...]) -> None:
    result = render("letters", "tell", name, command=command)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == rendered(
        "echo 4 5\necho manual__2026-01-02T00:00:00+00:00", "{'DAY': '2026-01-01'}"
    )


def test_without_a_run_they_are_as_one_for_that_date_would_see_them() -> None:
    assert render("letters", "tell", "2026-03-04").stdout == rendered(
        "echo None 1\necho manual__2026-03-04T00:00:00+00:00", "{'DAY': '2026-03-03'}"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("letters", "wrong", "2026-01-02"), "Task wrong cannot be rendered: UndefinedError: "),
        (("letters", "nowhere", "2026-01-02"), "Task nowhere not found in dag letters"),
        (("letters", "tell", "some_run"), "Dag Run for date some_run not found in dag letters"),
        (("nowhere", "tell", "2026-01-02"), "Dag id nowhere not found in DagModel"),
    ],
)
def test_what_cannot_be_rendered_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = render(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_without_the_dag_is_said(tmp_path: Path) -> None:
    (tmp_path / "letters.py").write_text(dedent(FILE).replace('"letters"', '"other"'))
    assert render("letters", "tell", "2026-01-02").stderr == (
        "Error: Task tell cannot be rendered: letters.py does not define the DAG letters any more\n"
    )


def test_an_instance_of_a_mapped_task_is_rendered_with_what_it_is_given() -> None:
    for date in ("2026-01-02", "2026-03-03"):  # of no run
        assert rendered("echo b 1", "None") in render("letters", "each", date, "--map-index", "1").stdout
    assert "'op_args'" not in render("letters", "square", "2026-01-02", "--map-index", "2").stdout
    assert "{'n': 3}" in render("letters", "square", "2026-01-02", "--map-index", "2").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("each", "2026-01-02"), "No map_index passed to mapped task each"),
        (("tell", "2026-01-02", "--map-index", "0"), "map_index passed to non-mapped task tell"),
        (("square", "2026-03-03", "--map-index", "0"), "Task square[0] cannot be rendered"),
    ],
)
def test_what_cannot_be_rendered_of_a_mapped_task_is_told(arguments: tuple[str, ...], said: str) -> None:
    result = render("letters", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr


def test_stored_variables_and_connections_are_found() -> None:
    store = bootstrap.engine().store
    store.connections.save(StoredConnection(conn_id="db", host="db.example"))
    store.variables.save(StoredVariable(key="city", value="Ulm"))
    assert "to db.example in Ulm\n" in render("letters", "secret", "2026-01-02").stdout
