"""The values of a mapped task on their way to a try: all of them, in order, and no more than it reads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.domain.runs.outcomes import InstanceFacts
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.states import TaskInstanceState
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.surroundings import AskedXComs, Surroundings, asked_task_instances
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
    around = Surroundings(xcoms=xcoms, variables=MemoryStore().variables)
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


@dataclass
class XComsOfRuns(MappedXComs):
    """The XComs of several runs, by the uid of the run."""

    run_uid: str = "own"
    uids: tuple[str, ...] = ("late", "early")
    sources: list[XComSource] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        return f"{self.run_uid} {task_id} {key}"

    def elsewhere(self, source: XComSource) -> Iterator["XComsOfRuns"]:
        self.sources.append(source)
        for run_uid in self.uids:
            self.looked_at.append(run_uid)
            yield self.of_run(run_uid)

    def of_run(self, run_uid: str) -> "XComsOfRuns":
        return replace(self, run_uid=run_uid)


def test_values_of_other_runs_are_asked_for_by_run() -> None:
    of_worker = XComsOfRuns(['"m"'])
    xcoms, direct = asking(of_worker)
    source = XComSource(dag_id="other", run_id="r", include_prior_dates=True)
    found = [
        [run.pull("t", "k"), list(run.pull_all("mapped", "return_value"))] for run in xcoms.elsewhere(source)
    ]
    assert found == [["late t k", [(0, '"m"')]], ["early t k", [(0, '"m"')]]]
    assert of_worker.sources == [source]
    assert direct.asked == ["xcom_runs", *["xcom_pull", "xcom_pull_all"] * 2]


def test_no_more_runs_are_looked_for_than_are_asked_for() -> None:
    of_worker = XComsOfRuns([], uids=tuple(f"{number:026d}" for number in range(100)))
    xcoms, direct = asking(of_worker)
    runs = xcoms.elsewhere(XComSource(dag_id="other", run_id="r", include_prior_dates=True))
    first = next(iter(runs))
    assert (first.pull("t", "k"), len(of_worker.looked_at)) == (f"{0:026d} t k", 11)
    assert sum(1 for _ in runs) == 99
    assert direct.asked == ["xcom_runs", "xcom_pull", "xcom_pull_more"]


def test_task_instances_of_the_run_are_asked_for() -> None:
    facts = InstanceFacts(
        task_id="a",
        map_index=2,
        state=TaskInstanceState.FAILED,
        try_number=3,
        max_tries=2,
        queued_at=datetime(2024, 1, 1, tzinfo=UTC),
        duration=1.5,
    )
    around = Surroundings(
        xcoms=MappedXComs([]), variables=MemoryStore().variables, find_task_instances=lambda: (facts,)
    )
    assert asked_task_instances(Direct(around)) == (facts,)  # type: ignore[arg-type]  # as above
