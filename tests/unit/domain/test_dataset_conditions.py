"""Conditions on datasets, by Airflow's expressions."""

from typing import Any

import pytest

from chalicelib.domain.schedule.dataset_conditions import (
    DatasetCondition,
    alias_of,
    alias_reference,
    dataset_reference,
    uri_of,
)

A, B, C = (dataset_reference(uri) for uri in "abc")
A_AND_B_OR_C = {"any": [{"all": ["a", "b"]}, "c"]}


@pytest.mark.parametrize(
    ("expression", "arrived", "is_met"),
    [
        ("a", {A}, True),
        ("a", {B}, False),
        ({"all": ["a", "b"]}, {A}, False),
        ({"all": ["a", "b"]}, {A, B, C}, True),
        ({"any": ["a", "b"]}, {B}, True),
        ({"any": ["a", "b"]}, {C}, False),
        (A_AND_B_OR_C, {C}, True),
        (A_AND_B_OR_C, {B}, False),
        (A_AND_B_OR_C, {A, B}, True),
        ({"alias": "a"}, {A}, False),
        ({"alias": "a"}, {alias_reference("a")}, True),
    ],
)
def test_a_condition_holds_once_what_it_asks_for_has_arrived(
    expression: Any, arrived: set[str], is_met: bool
) -> None:
    assert DatasetCondition.of(expression).is_met(arrived) is is_met


def test_a_condition_names_its_datasets_and_aliases() -> None:
    condition = DatasetCondition.of({"any": [{"all": ["a", {"alias": "x"}]}, "a"]})
    assert condition.references == {A, alias_reference("x")}
    assert condition.expression == {"any": [{"all": ["a", {"alias": "x"}]}, "a"]}


@pytest.mark.parametrize("expression", [None, 1, {"none": []}, {"all": [1]}, {"alias": 2}])
def test_anything_else_is_no_condition(expression: Any) -> None:
    with pytest.raises(ValueError, match="no condition on datasets"):
        DatasetCondition.of(expression)


def test_a_reference_says_what_it_means() -> None:
    assert (uri_of(A), alias_of(A)) == ("a", None)
    assert (uri_of(alias_reference("a")), alias_of(alias_reference("a"))) == (None, "a")
