"""``variables`` in both of Airflow's spellings, over an engine in memory."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.variables import StoredVariable
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.engines import engine_in_memory


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = engine_in_memory(lambda: datetime.now(UTC))
    with bootstrap.use(engine=made, settings=Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})):
        yield made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(updraft, ["variables", *arguments])


def output(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_variable_is_set_read_listed_and_deleted(engine: Engine) -> None:
    assert output("set", "city", "Ulm", "--description", "where") == "Variable city created\n"
    assert engine.store.variables.get("city") == StoredVariable(key="city", value="Ulm", description="where")
    assert output("get", "city") == "Ulm\n"
    assert json.loads(output("list", "-o", "json")) == [{"key": "city"}]
    assert output("delete", "city") == "Variable city deleted\n"
    assert refused("get", "city") == "Error: Variable city does not exist\n"
    assert output("get", "city", "-d", "Berlin") == "Berlin\n"


def test_the_options_of_1_10_do_the_same(engine: Engine) -> None:
    assert output("-s", "city", "Ulm") == "Variable city created\n"
    output("-s", "sizes", "[1, 2]")
    assert output("-g", "city") == "Ulm\n"
    assert output("-g", "sizes", "-j") == "[1, 2]\n"
    assert output("-g", "no", "-d", "way") == "way\n"
    assert output() == "city\nsizes\n"
    assert output("-x", "city") == "Variable city deleted\n"
    assert output() == "sizes\n"


def test_options_of_1_10_do_not_mix_with_commands(engine: Engine) -> None:
    result = run("-g", "city", "list")
    assert result.exit_code == 2
    assert "Options of 1.10 take no command after them" in result.stderr


def test_the_environment_comes_first(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    output("set", "city", "Ulm")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Bonn")
    assert output("get", "city") == "Bonn\n"


def test_a_value_that_is_no_json_is_not_shown(engine: Engine) -> None:
    output("set", "token", "tolstoy-1869")
    assert refused("get", "token", "--json") == "Error: The value of variable token is no JSON\n"


def test_json_is_kept_as_a_text_of_json(engine: Engine) -> None:
    output("set", "quoted", "Ulm", "--json")
    assert output("get", "quoted") == '"Ulm"\n'
    assert output("get", "quoted", "--json") == "Ulm\n"


@pytest.mark.parametrize(("export", "take"), [("export", "import"), ("-e", "-i")])
def test_what_was_exported_is_imported(engine: Engine, tmp_path: Path, export: str, take: str) -> None:
    file = tmp_path / "variables.json"
    output("set", "city", "Ulm")
    output("set", "sizes", '{"a": [1, 2]}')
    assert output(export, str(file)) == f"2 variables successfully exported to {file}\n"
    assert json.loads(file.read_text()) == {"city": "Ulm", "sizes": {"a": [1, 2]}}
    output("delete", "city")
    assert output(take, str(file)) == "2 of 2 variables successfully updated.\n"
    assert output("get", "sizes", "-j") == "{'a': [1, 2]}\n"
    assert output("get", "city") == "Ulm\n"


def test_an_export_to_standard_output_is_json_and_nothing_else(engine: Engine) -> None:
    output("set", "city", "Ulm")
    result = run("export", "-")
    assert json.loads(result.stdout) == {"city": "Ulm"}
    assert result.stderr == "1 variables successfully exported to -\n"


def test_existing_keys_are_overwritten_skipped_or_refused(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "variables.json"
    file.write_text('{"city": "Bonn", "country": "Germany"}')
    output("set", "city", "Ulm")
    assert (
        refused("import", str(file), "-a", "fail") == "Error: Failed. These keys: ['city'] already exists.\n"
    )
    assert output() == "city\n"
    assert output("import", str(file), "-a", "skip") == (
        "1 of 2 variables successfully updated.\n"
        "The variables with these keys: ['city'] were skipped because they already exists\n"
    )
    assert output("get", "city") == "Ulm\n"
    output("import", str(file))
    assert output("get", "city") == "Bonn\n"


PASSING_ON = """
from datetime import datetime
from airflow import DAG
from airflow.models import Variable
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

with DAG("passing_on", start_date=datetime(2024, 1, 1), schedule=None):
    keep = PythonOperator(task_id="keep", python_callable=lambda: Variable.set("city", "Ulm"))
    keep >> BashOperator(task_id="tell", bash_command="echo {{ var.value.city }} {{ var.value.lake }}")
"""


def test_dags_test_has_variables_of_the_environment_and_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passing_on.py").write_text(PASSING_ON)
    monkeypatch.setenv("AIRFLOW_VAR_LAKE", "Bodensee")
    arguments = ["dags", "test", "passing_on", "2026-01-01", "-v", "-S", str(tmp_path)]
    result = CliRunner().invoke(updraft, arguments)
    assert result.exit_code == 0, result.output
    assert "INFO - Ulm Bodensee\n" in result.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "Missing variables file "),
        ("{", "Invalid variables file "),
        ("[]", "has to hold a JSON object of variables by key"),
        ('{"fine": "1", "": "hidden-value"}', "The key of a variable takes 1 to 250 characters"),
    ],
)
def test_a_file_that_cannot_be_imported_changes_nothing(
    engine: Engine, tmp_path: Path, text: str | None, says: str
) -> None:
    file = tmp_path / "variables.json"
    if text is not None:
        file.write_text(text)
    said = refused("import", str(file))
    assert says in said
    assert "hidden" not in said
    assert list(engine.store.variables.list()) == []
