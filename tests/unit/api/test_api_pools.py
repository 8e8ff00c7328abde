from typing import Any

import pytest

from tests.scripted.in_process_api import InProcessApi

POOL = {"name": "p", "slots": 3, "description": "three"}


def test_a_pool_is_created_changed_and_keeps_its_id(api: InProcessApi) -> None:
    created = api.post("/pools", POOL)
    changed = api.post("/pools", {**POOL, "slots": 5, "description": None, "include_deferred": True})
    assert created.body == {
        "id": created.body["id"],
        "pool": "p",
        "slots": 3,
        "description": "three",
        "include_deferred": False,
    }
    assert changed.body == {
        "id": created.body["id"],
        "pool": "p",
        "slots": 5,
        "description": None,
        "include_deferred": True,
    }
    assert api.get("/pools/p").body == changed.body
    assert api.get("/pools").body == [changed.body]


@pytest.mark.parametrize(
    ("slots", "kept"),
    [
        ("7", 7),
        (" 8 ", 8),
        (2.7, 2),
        (True, 1),
        (0, 0),
        (-1, -1),
        (-5, -5),
        (2**31 - 1, 2**31 - 1),
        (-(2**31), -(2**31)),
    ],
)
def test_slots_are_whatever_python_takes_for_a_whole_number(api: InProcessApi, slots: Any, kept: int) -> None:
    assert api.post("/pools", {**POOL, "slots": slots}).body["slots"] == kept


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, "Pool name shouldn't be empty"),
        ({"name": "  \t"}, "Pool name shouldn't be empty"),
        ({"name": None}, "Pool name shouldn't be empty"),
        ({"name": 0}, "Pool name shouldn't be empty"),
        ({"name": []}, "Pool name shouldn't be empty"),
        ({"slots": "x" * 300}, f"Bad value for `slots`: {'x' * 300}"),
        ({"name": "", "slots": "many"}, "Pool name shouldn't be empty"),
        ({"slots": "many"}, "Bad value for `slots`: many"),
        ({"slots": "2.7"}, "Bad value for `slots`: 2.7"),
        ({"slots": ""}, "Bad value for `slots`: "),
        ({"name": "x" * 257, "slots": "many"}, "Bad value for `slots`: many"),
        ({"name": "x" * 257}, "Pool name can't be more than 256 characters"),
    ],
)
def test_refusals_have_airflows_words_and_order(
    api: InProcessApi, fields: dict[str, Any], error: str
) -> None:
    answer = api.post("/pools", {**POOL, **fields})
    assert (answer.status, answer.body) == (400, {"error": error})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": 5}, "name"),
        ({"name": ["p"]}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"slots": None}, "slots"),
        ({"slots": [1]}, "slots"),
        ({"slots": {}}, "slots"),
        ({"slots": 99999999999}, "slots"),
        ({"slots": -99999999999}, "slots"),
        ({"slots": float("nan")}, "slots"),
        ({"slots": float("inf")}, "slots"),
        ({"slots": "9" * 5000}, "slots"),
        ({"description": 5}, "description"),
        ({"description": "\ud800"}, "description"),
        ({"description": "x" * 20_000}, "description"),
        ({"include_deferred": "yes"}, "include_deferred"),
        ({"include_deferred": None}, "include_deferred"),
    ],
)
def test_what_airflow_fails_on_is_refused_and_named(
    api: InProcessApi, fields: dict[str, Any], named: str
) -> None:
    answer = api.post("/pools", {**POOL, **fields})
    assert answer.status == 400
    assert named in answer.body["error"]
    assert api.get("/pools").body == []


@pytest.mark.parametrize("missing", sorted(POOL))
def test_a_missing_field_is_named(api: InProcessApi, missing: str) -> None:
    answer = api.post("/pools", {name: value for name, value in POOL.items() if name != missing})
    assert (answer.status, answer.body) == (400, {"error": f"Missing in the body: {missing}"})


def test_a_pool_that_is_not_there_is_told_by_its_name(api: InProcessApi) -> None:
    answer = api.get("/pools/it's")
    assert (answer.status, answer.body) == (404, {"error": "Pool 'it's' doesn't exist"})


def test_a_blank_name_is_refused_in_the_path_too(api: InProcessApi) -> None:
    answer = api.get("/pools/%20")
    assert (answer.status, answer.body) == (400, {"error": "Pool name shouldn't be empty"})
