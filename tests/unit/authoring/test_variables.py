"""Variables as DAG files see them, by Airflow's rules: the environment comes before the store."""

import logging
from collections.abc import Iterator
from pathlib import Path
from threading import RLock

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.surroundings.variables import Variable, VariableAccessor, variables_in
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.variables import LARGEST_VALUE, StoredVariable
from chalicelib.store.memory import MemoryStore
from chalicelib.store.memory.variables import MemoryVariables
from tests.unit.authoring.running import FakeXComs, dag_of, run


@pytest.fixture
def store() -> Iterator[MemoryVariables]:
    variables = MemoryStore().variables
    with variables_in(variables):
        yield variables


def test_the_environment_comes_before_the_store(
    store: MemoryVariables, monkeypatch: pytest.MonkeyPatch
) -> None:
    Variable.set("city", "Ulm")
    assert Variable.get("city") == "Ulm"
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Bonn")
    assert Variable.get("city") == "Bonn"


def test_an_unknown_variable_is_an_error_or_the_default(store: MemoryVariables) -> None:
    with pytest.raises(KeyError, match="Variable city does not exist"):
        Variable.get("city")
    assert Variable.get("city", default_var=None) is None
    assert Variable.get("city", "Ulm", deserialize_json=True) == "Ulm"


def test_a_value_is_kept_as_text_or_as_json(store: MemoryVariables) -> None:
    Variable.set("number", 5)
    Variable.set("list", [1, {"a": None}], description="of things", serialize_json=True)
    assert Variable.get("number") == "5"
    assert Variable.get("list", deserialize_json=True) == [1, {"a": None}]
    stored = store.get("list")
    assert stored is not None
    assert stored.description == "of things"


def test_an_update_keeps_the_description(store: MemoryVariables) -> None:
    Variable.set("city", "Ulm", description="where")
    Variable.update("city", "Bonn")
    assert store.get("city") == StoredVariable(key="city", value="Bonn", description="where")


def test_only_what_is_stored_is_updated(store: MemoryVariables, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="Variable city does not exist"):
        Variable.update("city", "Bonn")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Ulm")
    with pytest.raises(AttributeError, match="does not exist in the Database"):
        Variable.update("city", "Bonn")


def test_a_deletion_says_how_many_there_were(store: MemoryVariables) -> None:
    Variable.set("city", "Ulm")
    assert Variable.delete("city") == 1
    assert Variable.delete("city") == 0


def test_a_default_is_kept_once(store: MemoryVariables) -> None:
    assert Variable.setdefault("limits", {"a": 1}, deserialize_json=True) == {"a": 1}
    assert Variable.setdefault("limits", {"b": 2}, deserialize_json=True) == {"a": 1}
    with pytest.raises(ValueError, match="Default Value must be set"):
        Variable.setdefault("city", None)


def test_a_variable_that_the_environment_hides_is_kept_with_a_warning(
    store: MemoryVariables, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Bonn")
    with caplog.at_level(logging.WARNING):
        Variable.set("city", "Ulm")
    assert "The variable city is set in the environment, which comes first" in caplog.text
    stored = store.get("city")
    assert stored is not None
    assert stored.value == "Ulm"


@pytest.mark.parametrize(("key", "value"), [("", "x"), ("k" * 251, "x"), ("key", "x" * (LARGEST_VALUE + 1))])
def test_what_cannot_be_kept_is_refused_without_being_shown(
    store: MemoryVariables, key: str, value: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Variable.set(key, value)
    assert "xx" not in str(refused.value)
    assert list(store.list()) == []


def test_without_a_store_there_is_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Bonn")
    assert Variable.get("city") == "Bonn"
    assert Variable.get("other", None) is None
    with pytest.raises(AirflowException, match="can only be read here"):
        Variable.set("city", "Ulm")


class Counting(MemoryVariables):
    """Counts what is read."""

    reads = 0

    def get(self, key: str) -> StoredVariable | None:
        self.reads += 1
        return super().get(key)


def test_a_template_reads_what_it_names_once_and_one_that_names_none_reads_nothing(tmp_path: Path) -> None:
    variables = Counting(RLock())
    variables.save(StoredVariable(key="city", value="Ulm"))
    variables.save(StoredVariable(key="sizes", value="[1, 2]"))
    dag = dag_of(
        tmp_path,
        "from datetime import datetime\n"
        "from airflow import DAG\n"
        "from airflow.operators.python import PythonOperator\n"
        "with DAG('x', start_date=datetime(2024, 1, 1), schedule=None):\n"
        "    PythonOperator(task_id='none', python_callable=lambda **_: '{{ ds }}')\n"
        "    PythonOperator(task_id='two', python_callable=lambda *args: args[0],"
        ' op_args=[\'{{ var.value.city }} {{ var.json.sizes[1] }} {{ var.value.get("no", "way") }}\'])\n',
    )
    xcoms = FakeXComs()
    with variables_in(variables):
        assert run(dag, "none", xcoms).result is TryResult.SUCCESS
        assert variables.reads == 0
        assert run(dag, "two", xcoms).result is TryResult.SUCCESS
    assert xcoms.value("two") == "Ulm 2 way"
    assert variables.reads == 3


def test_an_unknown_variable_in_a_template_is_an_error(store: MemoryVariables) -> None:
    with pytest.raises(KeyError, match="Variable city does not exist"):
        _ = VariableAccessor(deserialize_json=False).city
