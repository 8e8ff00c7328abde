from typing import Any

import pytest

from tests.contract.matching import differences, text_fits


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("a", "a"),
        ("at <<datetime>>.", "at 2024-05-06 07:08:09.5+00:00."),
        ("<<datetime0>>", "2024-05-06T07:08:09Z"),
        ("<<int>>", 5),
        ("<<any>>", None),
        ({"a": [1, "<<text>>"]}, {"a": [1, ""]}),
        ({"$contains": [1, 3]}, [1, 2, 3]),
        ({"$has": [3, 1]}, [1, 2, 3]),
        ({"$absent": [{"a": 1}]}, [{"a": 2}]),
        ({"$length": 2}, [1, 2]),
        ({"$one_of": [1, 2]}, 2),
        ({"$subset": {"a": 1}}, {"a": 1, "b": 2}),
    ],
)
def test_what_fits_has_no_differences(wanted: Any, got: Any) -> None:
    assert list(differences(wanted, got)) == []


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("a", "b"),
        ("<<datetime0>>", "2024-05-06T07:08:09.5Z"),
        ("<<string>>", ""),
        ("<<int>>", True),
        ("<<int>>", "5"),
        (1, True),
        (1, 1.0),
        ({"a": 1}, {}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([1], [1, 1]),
        ({"$contains": [3, 1]}, [1, 2, 3]),
        ({"$has": [4]}, [1, 2, 3]),
        ({"$absent": [{"a": 1}]}, [{"a": 1, "b": 2}]),
        ({"$length": 2}, [1]),
        ({"$one_of": [1, 2]}, 3),
        ({"$subset": {"a": 1}}, {"b": 2}),
        ({"$length": 1}, "x"),
    ],
)
def test_what_does_not_fit_is_told(wanted: Any, got: Any) -> None:
    assert list(differences(wanted, got)) != []


def test_sets_are_compared_without_their_order() -> None:
    assert text_fits("<<set:a,b>>", "{'b', 'a'}")
    assert text_fits("<<set:>>", "set()")
    assert not text_fits("<<set:a>>", "{'a', 'b'}")
