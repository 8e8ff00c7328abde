"""The values of a mapped task on their way to a try: all of them, in order, and no more than it reads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.surroundings import AskedXComs, Surroundings
from chalicelib.user_code.xcom_batches import BATCH_CHARACTERS, MOST_OPEN, OpenPulls, values_of
from tests.scripted.one_run import XComsOfOneRun


@dataclass
class MappedXComs(XComsOfOneRun):
    """Values of one mapped task; ``read`` counts those that were taken out."""

    values: list[str]
    read: int = 0

    def push(self, key: str, value: str) -> None:
        raise AssertionError(key)

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        raise AssertionError(task_id)

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        assert (task_id, key) == ("mapped", "return_value")
        for index, value in enumerate(self.values):
            self.read += 1
            yield index, value


@dataclass
class Direct:
    """Requests that are answered in the same process, through JSON as in a pipe."""

    around: Surroundings
    asked: list[str] = field(default_factory=list)

    def ask(self, header: dict[str, Any], body: str = "") -> tuple[dict[str, Any], str]:
        self.asked.append(header["op"])
        answer, text = self.around.answer(json.loads(json.dumps(header)), body)
        return json.loads(json.dumps(answer)), text


def asking(xcoms: MappedXComs) -> tuple[AskedXComs, Direct]:
    around = Surroundings(xcoms=xcoms, variables=MemoryStore().variables, find_previous_success=lambda: None)
    direct = Direct(around)
    return AskedXComs(direct), direct  # type: ignore[arg-type]  # as far as they are used


def test_small_values_come_at_once() -> None:
    xcoms, direct = asking(MappedXComs(['"ü"', "", "3"]))
    assert [*xcoms.pull_all("mapped", "return_value")] == [(0, '"ü"'), (1, ""), (2, "3")]
    assert direct.asked == ["xcom_pull_all"]


def test_of_nothing_comes_nothing() -> None:
    xcoms, direct = asking(MappedXComs([]))
    assert [*xcoms.pull_all("mapped", "return_value")] == []
    assert direct.asked == ["xcom_pull_all"]


def test_large_values_come_as_they_are_read() -> None:
    values = [str(number) * BATCH_CHARACTERS for number in range(4)]
    stored = MappedXComs(values)
    xcoms, direct = asking(stored)
    pulled = xcoms.pull_all("mapped", "return_value")
    assert next(pulled) == (0, values[0])
    assert stored.read == 2
    assert [*pulled] == [(index, values[index]) for index in (1, 2, 3)]
    assert direct.asked == ["xcom_pull_all", *["xcom_pull_more"] * 3]


def test_several_pulls_do_not_mix() -> None:
    values = ["a" * BATCH_CHARACTERS, "b" * BATCH_CHARACTERS, "c"]
    xcoms, _ = asking(MappedXComs(values))
    first, second = (xcoms.pull_all("mapped", "return_value") for _ in range(2))
    expected = list(enumerate(values))
    assert [next(first), next(second), *second] == [expected[0], *expected]
    assert [*first] == expected[1:]


def test_of_many_pulls_that_are_not_read_the_oldest_is_forgotten() -> None:
    xcoms, direct = asking(MappedXComs(["a" * BATCH_CHARACTERS, "b"]))
    pulls = [xcoms.pull_all("mapped", "return_value") for _ in range(MOST_OPEN + 1)]
    for pull in pulls:
        next(pull)
    with pytest.raises(AirflowException, match="xcom_pull_more was asked for wrongly: KeyError"):
        next(pulls[0])
    assert next(pulls[1]) == (1, "b")
    assert direct.asked[-1] == "xcom_pull_more"


def test_a_batch_is_read_back_as_it_was_made() -> None:
    header, text = OpenPulls().first(iter([(3, "abc"), (7, ""), (12, "d")]))
    assert header["more"] is None
    assert [*values_of(header, text)] == [(3, "abc"), (7, ""), (12, "d")]
