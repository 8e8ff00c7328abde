"""What the port promises of variables, over each store."""

from chalicelib.domain.variables import LARGEST_VALUE, LONGEST_KEY, StoredVariable, checked_variable
from chalicelib.engine.ports.store import Store
from chalicelib.store.dynamodb import DynamoStore
from tests.conformance.faults import LOST, THROTTLED, faults

CITY = StoredVariable(key="city", value="Ulm", description="where it is")


def test_a_variable_is_kept_until_it_is_deleted(store: Store) -> None:
    assert store.variables.get("city") is None
    store.variables.save(CITY)
    assert store.variables.get("city") == CITY
    store.variables.delete("city")
    store.variables.delete("city")
    assert store.variables.get("city") is None


def test_another_value_takes_the_place_of_the_first_with_its_description(store: Store) -> None:
    store.variables.save(CITY)
    store.variables.save(StoredVariable(key="city", value=""))
    assert store.variables.get("city") == StoredVariable(key="city", value="", description=None)


def test_keys_are_told_apart_by_case(store: Store) -> None:
    store.variables.save(CITY)
    assert store.variables.get("City") is None


def test_variables_are_listed(store: Store) -> None:
    snow = StoredVariable(key="日本 ☃", value='{"a": [1, "\N{NULL}"]}')
    for variable in (CITY, snow):
        store.variables.save(variable)
    assert sorted(store.variables.list(), key=lambda variable: variable.key) == [CITY, snow]


def test_the_largest_that_is_taken_fits(store: Store) -> None:
    largest = checked_variable("é" * LONGEST_KEY, "x" * (LARGEST_VALUE - 10), "d" * 10)
    store.variables.save(largest)
    assert store.variables.get(largest.key) == largest


def test_lost_replies_change_nothing(dynamo: DynamoStore) -> None:
    with faults(LOST, THROTTLED, LOST):
        dynamo.variables.save(CITY)
    with faults(THROTTLED, LOST):
        assert dynamo.variables.get("city") == CITY
    with faults(LOST):
        dynamo.variables.delete("city")
    assert dynamo.variables.get("city") is None
