"""The recorded DAGs, through the loader and the worker: states, tries and values as in Airflow 2.10.5."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import InvalidRequest
from chalicelib.simulation.one_run import FinishedRun, Laboratory, WantedRun

HERE = Path(__file__).parent
DATE = datetime(2024, 1, 1, tzinfo=UTC)


def _recorded(kind: str, *files: str) -> list[dict[str, Any]]:
    return [spec for file in files for spec in json.loads((HERE / kind / f"{file}.json").read_text())]


MAPPED = _recorded("mapped_dags", "mapped_dags", "more_mapped_dags")
RANDOM = _recorded("random_dags", "more_random_dags")
"""Those of ``random_dags.json`` are run by the tests of ``dags test``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """The DAGs of a kind, loaded from one folder."""

    laboratory: Laboratory
    values: Path
    """The file to which reduces append what they got."""

    def run(self, dag_id: str) -> dict[str, Any]:
        """How a run ends, in the form of the recorded cases; ``tries`` above 1."""
        self.values.unlink(missing_ok=True)
        finished = self.laboratory.run(WantedRun(dag_id=dag_id, execution_date=DATE))
        lines = self.values.read_text().splitlines() if self.values.exists() else []
        return {
            "run": str(finished.run.state),
            "tasks": sorted([item.task_id, item.map_index, str(item.state)] for item in finished.instances),
            "tries": sorted(
                [item.task_id, item.map_index, item.try_number]
                for item in finished.instances
                if item.try_number > 1
            ),
            "values": sorted(json.loads(line)[1:] for line in lines),
        }


RecordingOf = Callable[[str, list[dict[str, Any]]], Recording]


@pytest.fixture(scope="module")
def recording_of(tmp_path_factory: pytest.TempPathFactory) -> RecordingOf:
    """Builds a folder of DAGs when it is first asked for, by the builder that the cases came with."""
    made: dict[str, Recording] = {}

    def of(kind: str, specs: list[dict[str, Any]]) -> Recording:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            shutil.copy(HERE / kind / f"{kind}.py", folder)
            (folder / f"{kind}.json").write_text(json.dumps(specs))
            laboratory = Laboratory(folder)
            assert laboratory.failures == ()
            made[kind] = Recording(laboratory=laboratory, values=folder / "values")
        return made[kind]

    return of


@pytest.mark.parametrize("recorded", MAPPED, ids=lambda recorded: recorded["dag_id"])
def test_a_dag_with_mapped_tasks_ends_as_recorded(
    recording_of: RecordingOf, recorded: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recording_of("mapped_dags", MAPPED)
    monkeypatch.setenv("MAPPED_DAGS_VALUES", str(recording.values))
    expected = {"tries": [], "values": [], **recorded["expect"]}
    ended = recording.run(recorded["dag_id"])
    assert ended == {
        name: value if name == "run" else sorted(value, key=_in_order) for name, value in expected.items()
    }


def _in_order(row: list[Any]) -> list[Any]:
    return row[:2]


@pytest.mark.parametrize("recorded", RANDOM, ids=lambda recorded: recorded["dag_id"])
def test_a_dag_of_random_shape_ends_as_recorded(recording_of: RecordingOf, recorded: dict[str, Any]) -> None:
    ended = recording_of("random_dags", RANDOM).run(recorded["dag_id"])
    states = {task_id: state for task_id, _, state in ended["tasks"]}
    assert {"run": ended["run"], "tasks": states} == recorded["expect"]


@pytest.fixture(scope="module")
def faults() -> Laboratory:
    return Laboratory(HERE / "fault_dags")


def _states(finished: FinishedRun) -> dict[str, str]:
    return {item.task_id: str(item.state) for item in finished.instances}


def test_a_group_without_prefix_inside_another_names_its_tasks_alone(faults: Laboratory) -> None:
    finished = faults.run(WantedRun(dag_id="bare_group", execution_date=DATE))
    assert _states(finished) == dict.fromkeys(("first.a", "b", "middle.c", "end"), "success")


@pytest.mark.parametrize(
    ("day", "expected"),
    [(2, {"always", "old"}), (4, {"always"}), (6, {"always", "new", "new2"})],
)
def test_a_run_has_the_tasks_whose_own_dates_allow_it(
    faults: Laboratory, day: int, expected: set[str]
) -> None:
    date = datetime(2024, 1, day, tzinfo=UTC)
    finished = faults.run(WantedRun(dag_id="task_dates", execution_date=date))
    assert _states(finished) == dict.fromkeys(expected, "success")


def test_the_first_failure_skips_what_has_not_begun(faults: Laboratory) -> None:
    finished = faults.run(WantedRun(dag_id="stops_at_once", execution_date=DATE))
    states = _states(finished)
    assert (states["bad"], states["after_bad"], states["slow_next"]) == ("failed", "skipped", "skipped")


@pytest.mark.parametrize(
    ("dag_id", "states"),
    [
        ("native_plain", {"kinds": "success"}),
        ("words", {"make": "success", "read": "success"}),
        ("pairs", {"make": "failed", "read": "upstream_failed"}),
        ("macro_random", {"roll": "success"}),
        ("context_env", {"show": "success"}),
        ("dag_timetable", {"say": "success"}),
    ],
)
def test_templates_and_xcoms_are_airflows(faults: Laboratory, dag_id: str, states: dict[str, str]) -> None:
    assert _states(faults.run(WantedRun(dag_id=dag_id, execution_date=DATE))) == states


def test_a_param_without_a_default_wants_a_value_and_hinders_no_other_dag(faults: Laboratory) -> None:
    fine = faults.run(WantedRun(dag_id="fine", execution_date=DATE))
    assert _states(fine) == {"a": "success"}
    given = faults.run(WantedRun(dag_id="needs_value", execution_date=DATE, conf={"who": "x"}))
    assert _states(given) == {"greet": "success"}
    with pytest.raises(InvalidRequest, match="Invalid input for param who: No value passed"):
        faults.run(WantedRun(dag_id="needs_value", execution_date=DATE + timedelta(days=1)))
