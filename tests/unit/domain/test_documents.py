"""Dataclasses survive JSON, and what is none of theirs is refused."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from chalicelib.domain.json_codec import NOT_SENT, plain, typed


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Inner:
    name: str


@dataclass(frozen=True, kw_only=True)
class Outer:
    moment: datetime
    colour: Colour
    length: float
    inner: tuple[Inner, ...]
    names: frozenset[str]
    conf: dict[str, Any]
    maybe: datetime | None
    other: Inner | None = None
    count: int = 7
    private: object = field(default=None, metadata=NOT_SENT)


OUTER = Outer(
    moment=datetime(2026, 1, 1, tzinfo=UTC),
    colour=Colour.RED,
    length=1.5,
    inner=(Inner(name="a"), Inner(name="b")),
    names=frozenset({"x"}),
    conf={"deep": [1, None]},
    maybe=None,
)


def document(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(plain(OUTER)))
    return {**made, **changes}


def test_a_value_comes_back_as_it_was() -> None:
    assert typed(Outer, document()) == OUTER
    assert "private" not in document()
    assert "maybe" not in document()


def test_unknown_fields_are_ignored_and_whole_numbers_are_numbers() -> None:
    assert typed(Outer, document(new=1, length=2)).length == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"moment": "2026-01-01T00:00:00"},
        {"moment": "soon"},
        {"colour": "blue"},
        {"length": "1"},
        {"length": True},
        {"count": True},
        {"inner": {"name": "a"}},
        {"inner": [{}]},
        {"names": [1]},
        {"conf": []},
        {"other": 1},
        {"moment": None},
    ],
    ids=str,
)
def test_what_is_no_such_value_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        typed(Outer, document(**wrong))
