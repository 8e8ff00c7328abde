"""The recorded DAGs with mapped tasks: each try that Airflow 2.10.5 ran, given what it was given there.

Which instances are tried, and into how many a task is expanded, is the engine's to find out; here the record
says it, and the tries have to come to the same ends, lengths and values.
"""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.loading.loader import LoadedFile, load_file
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.running.execution import run_try
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.expansion import length_of
from chalicelib.domain.graph.graph import Task
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from tests.unit.authoring.running import FakeXComs, request_for

FOLDER = Path(__file__).parents[2] / "contract" / "mapped_dags"
SPECS = json.loads((FOLDER / "mapped_dags.json").read_text())
TRIED = {"success", "failed"}
"""States that an instance of these DAGs has by a try (some that are skipped are so by one, too)."""


@pytest.fixture(scope="module")
def dags() -> Mapping[str, DAG]:
    loaded = load_file(FOLDER / "mapped_dags.py", FOLDER)
    assert isinstance(loaded, LoadedFile), loaded
    return {dag.dag_id: dag for dag in loaded.dags}


class Replay:
    """The tries of one run, in the order of its graph."""

    def __init__(self, dag: DAG, states: Mapping[str, Mapping[int, str]]) -> None:
        self.dag = dag
        self.states = states
        self.xcoms = FakeXComs()
        self.outputs: dict[str, int] = {}

    def go(self) -> None:
        graph = graph_from_document(serialize(self.dag, "mapped_dags.py"))
        for task in graph.tasks.values():
            states = self.states[task.task_id]
            length = None if -1 in states else len(states)
            if length is not None and task.expansion is not None:
                assert length == prod(self.levels(task))
                self.outputs[task.task_id] = 0
            for index, state in sorted(states.items()):
                if state in TRIED:
                    outcome = self.try_until_it_ends(task, index, length)
                    assert outcome.result == state, outcome.reason
                    self.outputs[task.task_id] = self.outputs.get(task.task_id, 0) + (
                        outcome.output_length or 0
                    )

    def try_until_it_ends(self, task: Task, index: int, length: int | None) -> TryOutcome:
        self.xcoms.running, self.xcoms.map_index = task.task_id, index
        for number in range(1, task.retries + 2):
            request = request_for(
                self.dag,
                task.task_id,
                map_index=index,
                map_levels=() if length is None else self.levels(task),
                has_gaps=self.has_gaps(task),
                try_number=number,
            )
            outcome = run_try(self.dag, request, self.xcoms)
            if outcome.result is TryResult.SUCCESS:
                break
        return outcome

    def levels(self, task: Task) -> tuple[int, ...]:
        lengths = () if task.expansion is None else task.expansion.lengths
        return tuple(length_of(length, self.outputs) for length in lengths)

    def has_gaps(self, task: Task) -> bool:
        sources = () if task.expansion is None else task.expansion.sources
        return any(
            -1 not in self.states[source] and self.outputs[source] < len(self.states[source])
            for source in sources
        )


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec["dag_id"]))
def test_tries_end_as_recorded(
    spec: dict[str, Any], dags: Mapping[str, DAG], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = tmp_path / "values"
    values.touch()
    monkeypatch.setenv("MAPPED_DAGS_VALUES", str(values))
    states: dict[str, dict[int, str]] = {}
    for task_id, index, state in spec["expect"]["tasks"]:
        states.setdefault(task_id, {})[index] = state
    Replay(dags[spec["dag_id"]], states).go()
    seen = [json.loads(line)[1:] for line in values.read_text().splitlines()]
    expected = [value[-3:] for value in spec["expect"].get("values", [])]
    assert sorted(map(json.dumps, seen)) == sorted(map(json.dumps, expected))
