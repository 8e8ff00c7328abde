"""Params: their values by Airflow's rules and texts, and what a DAG's document says of them."""

import json
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException, ParamValidationError
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.params import Param, ParamsDict
from chalicelib.authoring.model.task_group import TaskGroup
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.domain.params import refusal_of, rules_of_document, violation

RECORDED = json.loads((Path(__file__).parent / "airflow_params.json").read_text())
"""Values, schemas, and why Airflow 2.10.5 refused each value (None: it took it)."""

DAY = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("value", "schema", "refusal"), RECORDED, ids=map(str, range(len(RECORDED))))
def test_a_value_is_taken_or_refused_in_airflows_words(
    value: Any, schema: dict[str, Any], refusal: str | None
) -> None:
    assert violation(value, schema) == refusal


def test_a_reference_to_another_machine_is_not_followed() -> None:
    assert violation(1, {"$ref": "http://127.0.0.1:9/schema.json"}) == (
        "Unresolvable: http://127.0.0.1:9/schema.json"
    )


def test_a_param_resolves_to_its_value() -> None:
    assert Param(7.0, type="integer", minimum=7).resolve() == 7
    assert Param(None, type=["null", "string"]).resolve() is None
    assert Param({1, 2}).resolve() == {1, 2}, "Airflow 2 takes what JSON does not know"
    assert Param(4, schema={"type": "string"}).schema == {"type": "string"}


def test_a_param_without_a_value_is_refused() -> None:
    with pytest.raises(ParamValidationError, match="No value passed and Param has no default value"):
        Param(type="string").resolve()
    assert Param(type="string").resolve(suppress_exception=True) is None
    assert not Param(None).has_value


def test_a_wrong_value_is_refused_when_it_is_set_and_changes_nothing() -> None:
    params = ParamsDict({"n": Param(1, type="integer")})
    with pytest.raises(ParamValidationError, match="Invalid input for param n: 'x' is not of"):
        params["n"] = "x"
    assert params["n"] == 1
    forgiving = ParamsDict({"n": Param(1, type="integer")}, suppress_exception=True)
    forgiving.update({"n": "x", "more": 2})
    assert forgiving.validate() == {"n": 1, "more": 2}


def test_params_of_one_dict_take_the_place_of_those_of_another() -> None:
    params = ParamsDict({"n": Param(1, type="integer")})
    params.update(ParamsDict({"n": Param("x", type="string")}))
    assert params["n"] == "x"
    assert [(name, param.value) for name, param in params.items()] == [("n", "x")]
    assert [param.schema for param in params.values()] == [{"type": "string"}]


def test_a_copy_of_a_param_is_one_of_its_own() -> None:
    param = Param(1, "how many", type="integer")
    other = copy(param)
    other.resolve(2)
    assert (param.value, other.value, other.description) == (1, 2, "how many")
    assert other.dump() == {
        "__class": "airflow.models.param.Param",
        "value": 2,
        "description": "how many",
        "schema": {"type": "integer"},
    }


def test_tasks_have_the_params_around_them_and_their_own() -> None:
    default_args = {"params": {"b": 2}}
    with DAG("d", schedule=None, params={"a": Param(1, type="integer")}, default_args=default_args) as dag:
        task = EmptyOperator(task_id="t", params={"c": 3, "a": 9})
        with TaskGroup("g", default_args={"params": {"d": 4}}):
            inner = EmptyOperator(task_id="u")
    assert dag.params.dump() == {"a": 1, "b": 2}
    assert task.params.dump() == {"a": 9, "b": 2, "c": 3}
    assert inner.params.dump() == {"a": 1, "b": 2, "d": 4}
    with pytest.raises(ParamValidationError, match="Invalid input for param a"), dag:
        EmptyOperator(task_id="wrong", params={"a": "x"})


def a_dag(schedule: str | None = None) -> DAG:
    params = {
        "n": Param(5, "how many", type="integer"),
        "who": Param(type="string"),
        "bad": Param("x", type="integer"),
        "moment": DAY,
        "plain": {"d": [1]},
    }
    return DAG("d", schedule=schedule, start_date=DAY, params=params)


def test_the_document_says_what_a_conf_may_be() -> None:
    document = serialize(a_dag(), "x.py")
    assert json.loads(json.dumps(document)) == document
    assert {name: (param["value"], bool(param["refusal"])) for name, param in document["params"].items()} == {
        "n": (5, False),
        "who": (None, True),
        "bad": ("x", True),
        "moment": ("2024-01-01 00:00:00+00:00", False),
        "plain": ({"d": [1]}, False),
    }
    assert document["params"]["n"] == {
        "value": 5,
        "description": "how many",
        "schema": {"type": "integer"},
        "refusal": None,
    }


@pytest.mark.parametrize(
    ("conf", "begins"),
    [
        ({}, "Invalid input for param who: No value passed and Param has no default value"),
        ({"who": "me"}, "Invalid input for param bad: 'x' is not of type 'integer'"),
        ({"who": "me", "bad": 1, "more": {}}, None),
        ({"bad": "y", "who": 3}, "Invalid input for param bad: 'y' is not of type 'integer'"),
        ({"who": 3, "bad": "y"}, "Invalid input for param who: 3 is not of type 'string'"),
        ({"n": None}, "Invalid input for param n: None is not of type 'integer'"),
    ],
)
def test_a_conf_is_refused_for_its_own_values_first(conf: dict[str, Any], begins: str | None) -> None:
    found = refusal_of(rules_of_document(serialize(a_dag(), "x.py")), conf)
    assert (found or "").partition("\n")[0] == (begins or "")


def test_a_dag_without_a_schedule_may_have_params_without_values() -> None:
    a_dag().validate()
    with pytest.raises(AirflowException, match="DAG is not allowed to define a Schedule, if there are any"):
        a_dag("@daily").validate()
