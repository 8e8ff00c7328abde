"""What ``engine.ports.store.XComs`` promises, over each store."""

import pytest

from chalicelib.domain.payload import INLINE_LIMIT
from chalicelib.engine.ports.store import Store

RUN = "01RUN"
SMALL = '{"a": "ü"}'
LARGE = '"' + "x" * INLINE_LIMIT + '"'


def test_what_was_never_pushed_is_none(store: Store) -> None:
    assert store.xcoms.pull(RUN, "t", -1, "key") is None


@pytest.mark.parametrize("value", [SMALL, "null", '""', LARGE], ids=["small", "null", "empty", "large"])
def test_a_pushed_value_is_pulled(store: Store, value: str) -> None:
    store.xcoms.push(RUN, "t", -1, "return_value", value)
    assert store.xcoms.pull(RUN, "t", -1, "return_value") == value


def test_the_last_value_stays(store: Store) -> None:
    for value in (LARGE, SMALL, LARGE + " ", "1"):
        store.xcoms.push(RUN, "t", -1, "key", value)
        assert store.xcoms.pull(RUN, "t", -1, "key") == value


def test_keys_may_be_any_text(store: Store) -> None:
    keys = ["", "#", "a#b", "a/b", "ключ", "k" * 1100, "k" * 1101, "€" * 400]
    for number, key in enumerate(keys):
        store.xcoms.push(RUN, "t", -1, key, str(number))
    assert [store.xcoms.pull(RUN, "t", -1, key) for key in keys] == [str(n) for n in range(len(keys))]


def test_values_belong_to_their_run_task_and_map_index(store: Store) -> None:
    owners = [(RUN, "t", -1), (RUN, "t", 1), (RUN, "t", 11), (RUN, "t1", -1), ("02RUN", "t", -1)]
    for number, owner in enumerate(owners):
        store.xcoms.push(*owner, "key", str(number))
    store.xcoms.clear(RUN, "t", 1)
    pulled = [store.xcoms.pull(*owner, "key") for owner in owners]
    assert pulled == ["0", None, "2", "3", "4"]


def test_clearing_forgets_all_keys_however_many(store: Store) -> None:
    for number in range(30):
        store.xcoms.push(RUN, "t", -1, f"key{number}", "1")
    store.xcoms.push(RUN, "t", -1, "large", LARGE)
    store.xcoms.clear(RUN, "t", -1)
    store.xcoms.clear(RUN, "t", -1)
    assert all(store.xcoms.pull(RUN, "t", -1, f"key{number}") is None for number in range(30))
    assert store.xcoms.pull(RUN, "t", -1, "large") is None


def test_the_values_of_a_mapped_task_come_by_map_index(store: Store) -> None:
    for index in (10, 2, 0, 1, 100):
        store.xcoms.push(RUN, "t", index, "key", str(index))
        store.xcoms.push(RUN, "t", index, "another", "1")
    store.xcoms.push(RUN, "t", 3, "another", "1")
    store.xcoms.push(RUN, "t", 5, "key", LARGE)
    for stranger in ((RUN, "t", -1), (RUN, "t1", 4), ("02RUN", "t", 4)):
        store.xcoms.push(*stranger, "key", "stranger")
    expected = [(0, "0"), (1, "1"), (2, "2"), (5, LARGE), (10, "10"), (100, "100")]
    assert [*store.xcoms.pull_all(RUN, "t", "key")] == expected
    store.xcoms.clear(RUN, "t", 5)
    assert [index for index, _ in store.xcoms.pull_all(RUN, "t", "key")] == [0, 1, 2, 10, 100]
    assert [*store.xcoms.pull_all(RUN, "t", "nothing")] == []


def test_any_key_of_a_mapped_task_is_found(store: Store) -> None:
    keys = ["", "#", "a#b", "k" * 1101]
    for key in keys:
        store.xcoms.push(RUN, "t", 7, key, f'"{key}"')
    assert [[*store.xcoms.pull_all(RUN, "t", key)] for key in keys] == [[(7, f'"{key}"')] for key in keys]
