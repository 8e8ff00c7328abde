"""Airflow's import names: there while DAG code runs, gone otherwise."""

import importlib
import sys
import types
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from chalicelib.authoring.airflow_names.finder import importable
from chalicelib.authoring.airflow_names.not_offered import NOT_OFFERED
from chalicelib.authoring.airflow_names.provider_modules import PARENTS_OF_MOVED
from chalicelib.authoring.airflow_names.re_exports import names_imported_by
from chalicelib.authoring.airflow_names.tables import MODULES, PACKAGES, sources_of
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.running.context import Context
from tests.unit.authoring.running import FakeXComs, dag_of, run


def imported(statement: str) -> dict[str, object]:
    names: dict[str, object] = {}
    with importable():
        exec(statement, names)  # noqa: S102 - import statements written below
    return names


@pytest.mark.parametrize(
    ("statement", "name", "expected"),
    [
        ("from airflow import DAG", "DAG", DAG),
        ("from airflow.models import DAG", "DAG", DAG),
        ("from airflow.models.dag import DAG", "DAG", DAG),
        ("from airflow.operators.bash import BashOperator", "BashOperator", BashOperator),
        ("from airflow.operators.bash_operator import BashOperator", "BashOperator", BashOperator),
        ("from airflow.operators.dummy_operator import DummyOperator", "DummyOperator", EmptyOperator),
        ("from airflow.operators.dummy import DummyOperator", "DummyOperator", EmptyOperator),
        ("from airflow.models.baseoperator import BaseOperator", "BaseOperator", BaseOperator),
    ],
)
def test_names_lead_to_our_classes(statement: str, name: str, expected: object) -> None:
    assert imported(statement)[name] is expected


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_offered_module_and_name_exists(module: str) -> None:
    with importable():
        loaded = importlib.import_module(module)
        missing = [alias for alias, _, _ in sources_of(module) if alias != "*" and not hasattr(loaded, alias)]
        assert not missing
        exec(f"from {module} import *", {})  # noqa: S102 - a row of our own table


@pytest.mark.parametrize("name", sorted(NOT_OFFERED.keys() - MODULES.keys() - PACKAGES - PARENTS_OF_MOVED))
def test_advice_is_only_given_on_what_is_not_offered(name: str) -> None:
    parent, _, attribute = name.rpartition(".")
    if parent in MODULES:
        with importable():
            assert not hasattr(importlib.import_module(parent), attribute)


@pytest.mark.parametrize(
    ("statement", "name", "expected"),
    [
        ("from airflow import AirflowException", "AirflowException", AirflowException),
        ("from airflow.utils.dates import datetime", "datetime", datetime),
        ("from airflow.models.taskinstance import Context", "Context", Context),
        ("from airflow.operators.bash_operator import BaseOperator", "BaseOperator", BaseOperator),
    ],
)
def test_a_name_is_also_where_airflow_imports_it(statement: str, name: str, expected: object) -> None:
    assert imported(statement)[name] is expected


def test_every_name_that_airflow_imports_has_a_home() -> None:
    for module in sorted(MODULES):
        for name in names_imported_by(module):
            imported(f"from {module} import {name}")


def test_the_modules_beside_airflows_examples_are_found_beside_copies_of_them(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "helper.py").write_text("ANSWER = 42\n")
    example = "from airflow.example_dags.libs.helper import ANSWER"
    with importable(tmp_path):
        names: dict[str, object] = {}
        exec(example, names)  # noqa: S102 - an import statement
        assert names["ANSWER"] == 42
    with importable(), pytest.raises(ModuleNotFoundError, match=r"airflow\.example_dags\.libs"):
        exec(example, {})  # noqa: S102 - as above


def test_names_of_both_generations_import() -> None:
    imported(
        "import airflow, airflow.utils.timezone\n"
        "from airflow.decorators import dag, task, task_group\n"
        "from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException\n"
        "from airflow.exceptions import AirflowTaskTimeout\n"
        "from airflow.hooks.base import BaseHook\n"
        "from airflow.lineage import AUTO, apply_lineage, prepare_lineage\n"
        "from airflow.lineage.entities import Column, File, Table, Tag, User\n"
        "from airflow.models import BaseOperator, Connection, Param, Variable\n"
        "from airflow.models.baseoperator import chain, cross_downstream\n"
        "from airflow.models.param import Param\n"
        "from airflow.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator\n"
        "from airflow.operators.python import get_current_context\n"
        "from airflow.operators.python_operator import PythonOperator\n"
        "from airflow.utils.dates import days_ago\n"
        "from airflow.utils.decorators import apply_defaults\n"
        "from airflow.utils.edgemodifier import Label\n"
        "from airflow.utils.task_group import TaskGroup\n"
        "from airflow.utils.trigger_rule import TriggerRule\n"
        "assert airflow.__version__ == '2.10.5'\n"
        "assert airflow.DAG and TriggerRule.ALL_DONE == 'all_done'\n"
        "assert airflow.utils.timezone.datetime(2024, 1, 1).tzinfo\n"
        "assert days_ago(1).tzinfo\n"
    )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "from airflow.providers.foo.bar import Baz",
            "No module named 'airflow.providers.foo.bar': Updraft does not offer it; it is part of "
            "apache-airflow-providers-foo: put it into requirements.txt in the DAGs folder",
        ),
        (
            "import airflow.providers.foo",
            "No module named 'airflow.providers.foo': Updraft does not offer it; it is part of "
            "apache-airflow-providers-foo: put it into requirements.txt in the DAGs folder",
        ),
        (
            "import airflow.operators.nope",
            "No module named 'airflow.operators.nope': Updraft does not offer it; no such name of "
            "Airflow's is known: check its spelling",
        ),
        (
            "from airflow.operator.bash import BashOperator",
            "No module named 'airflow.operator.bash': Updraft does not offer it; is airflow.operators.bash "
            "meant?",
        ),
        (
            "import airflow.observability",
            "No module named 'airflow.observability': Updraft does not offer it; no such name of Airflow's "
            "is known",
        ),
        (
            "from airflow.contrib.operators.ssh_operator import SSHOperator",
            "No module named 'airflow.contrib.operators.ssh_operator': Updraft does not offer it; Airflow 2 "
            "has it as airflow.providers.ssh.operators.ssh, part of apache-airflow-providers-ssh: put it "
            "into requirements.txt in the DAGs folder",
        ),
        (
            "import airflow.www.app",
            "No module named 'airflow.www.app': Updraft does not offer it; there is no webserver: take "
            "pages, views and their security out",
        ),
    ],
)
def test_an_unknown_module_is_named_in_full(statement: str, message: str) -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        imported(statement)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "from airflow.models import Nope",
            "cannot import name 'Nope' from 'airflow.models': Updraft does not offer airflow.models.Nope; it "
            "serves Airflow's own code: do without it, or use Python's library",
        ),
        (
            "from airflow import PythonOperator",
            "cannot import name 'PythonOperator' from 'airflow': Updraft does not offer "
            "airflow.PythonOperator; import it from airflow.operators.python",
        ),
        (
            "from airflow.hooks import SqliteHook",
            "cannot import name 'SqliteHook' from 'airflow.hooks': Updraft does not offer "
            "airflow.hooks.SqliteHook; Airflow 2 has it as airflow.providers.sqlite.hooks.sqlite, part of "
            "apache-airflow-providers-sqlite: put it into requirements.txt in the DAGs folder",
        ),
        (
            "from airflow.operators.bash import BashSensor",
            "cannot import name 'BashSensor' from 'airflow.operators.bash': "
            "Updraft does not offer airflow.operators.bash.BashSensor; import it from airflow.sensors.bash",
        ),
    ],
)
def test_an_unknown_name_of_a_known_module_is_named(statement: str, message: str) -> None:
    with pytest.raises(ImportError) as raised:
        imported(statement)
    assert str(raised.value) == message


def test_looking_for_an_unknown_attribute_is_an_attribute_error() -> None:
    with importable():
        models = importlib.import_module("airflow.models")
        assert not hasattr(models, "Nope")
        assert getattr(models, "_private", None) is None


def test_submodules_are_attributes_without_being_imported() -> None:
    names = imported(
        "import airflow\n"
        "day = airflow.utils.dates.days_ago(1)\n"
        "operator = airflow.operators.bash.BashOperator\n"
        "group = airflow.decorators.task_group\n"
        "import airflow.decorators.task_group\n"
        "assert group is airflow.decorators.task_group\n"
    )
    assert names["operator"] is BashOperator
    assert callable(names["group"])


def test_looking_for_a_module_that_is_not_offered_finds_none() -> None:
    with importable():
        assert find_spec("airflow.providers") is not None
        assert find_spec("airflow.providers.amazon") is None


def test_names_of_airflow_3_lead_to_our_classes() -> None:
    names = imported(
        "from airflow.sdk import DAG, BaseOperator, Variable, chain, dag, task\n"
        "from airflow.sdk.exceptions import AirflowSkipException\n"
        "from airflow.sdk.timezone import datetime\n"
        "from airflow.providers.standard.operators.bash import BashOperator\n"
    )
    assert names["BaseOperator"] is BaseOperator
    assert names["BashOperator"] is BashOperator


def test_outside_the_names_are_gone() -> None:
    imported("import airflow.operators.bash")
    assert not [name for name in sys.modules if name.split(".")[0] == "airflow"]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("airflow.operators.bash")


def test_an_airflow_that_is_installed_is_left_as_it_was() -> None:
    genuine = types.ModuleType("airflow")
    genuine.DAG = "genuine"  # type: ignore[attr-defined]  # modules take any name
    sys.modules["airflow"] = genuine
    try:
        assert imported("from airflow import DAG")["DAG"] is DAG
        assert sys.modules["airflow"] is genuine
    finally:
        del sys.modules["airflow"]


def test_it_may_be_nested(tmp_path: Path) -> None:
    with importable(tmp_path):
        with importable(tmp_path):
            assert str(tmp_path) in sys.path
        assert importlib.import_module("airflow").DAG is DAG
        assert str(tmp_path) in sys.path
    assert str(tmp_path) not in sys.path


def test_a_running_task_may_import_airflow_and_its_folders_modules(tmp_path: Path) -> None:
    (tmp_path / "beside_the_dag.py").write_text("ANSWER = 42\n")
    dag = dag_of(
        tmp_path,
        "from airflow import DAG\n"
        "from airflow.operators.python import PythonOperator\n"
        "def ask():\n"
        "    from airflow.exceptions import AirflowException\n"
        "    from beside_the_dag import ANSWER\n"
        "    return [ANSWER, AirflowException.__name__]\n"
        "with DAG('lazy', schedule=None):\n"
        "    PythonOperator(task_id='ask', python_callable=ask)\n",
    )
    xcoms = FakeXComs()
    run(dag, "ask", xcoms)
    assert xcoms.value("ask") == [42, "AirflowException"]
    sys.modules.pop("beside_the_dag")
