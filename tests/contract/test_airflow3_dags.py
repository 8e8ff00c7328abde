"""The DAG files of Airflow 3, through the loader and the worker: they end as Airflow 3.3.2 ended them."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.running.xcom_values import from_json
from chalicelib.simulation.one_run import FinishedRun, Laboratory, WantedRun

HERE = Path(__file__).parent / "airflow3"
RECORDED: list[dict[str, Any]] = json.loads((HERE / "airflow3_dags.json").read_text())

_THREE_ONLY = "Airflow 3 alone has what the file imports"

NOT_YET = {
    **dict.fromkeys(("a3_deadline.py", "a3_state_store.py"), _THREE_ONLY),
}
"""Files whose DAGs do not end as recorded, and why."""

LEFT_OUT = {
    ("a3_context", "keys"): "task_state_store is not offered",
    ("a3_context", "others"): "a task cannot count runs and task instances",
    ("a3_xcom_types", "give_decimal"): "Airflow 3 rounds 1.10 to 1.1",
    ("a3_xcom_types", "take_decimal"): "as above",
}
"""Tasks that do not end as recorded, and why."""

ENDS_OTHERWISE = {"a3_context"}
"""DAGs whose run ends otherwise for one of these tasks."""

Played = tuple[Laboratory, FinishedRun, list[str]]
"""A DAG's run, where it ran, and the lines that its callbacks wrote."""

Play = Callable[[dict[str, Any]], Played]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file to which callbacks write."""
    return tmp_path_factory.mktemp("notes") / "notes"


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory, notes: Path) -> Iterator[Play]:
    """Runs a DAG once, in a folder with its file alone, after those that come before it in its file.

    The environment has what any of the files finds in it: one fork server does for all.
    """
    made: dict[str, Laboratory] = {}
    played: dict[str, Played] = {}

    def of(file: str) -> Laboratory:
        if file not in made:
            folder = tmp_path_factory.mktemp(Path(file).stem)
            shutil.copy(HERE / "dags" / file, folder)
            made[file] = Laboratory(folder)
            assert made[file].failures == ()
        return made[file]

    def play(recorded: dict[str, Any]) -> Played:
        of_file = [each for each in RECORDED if each["file"] == recorded["file"]]
        for each in of_file[: of_file.index(recorded) + 1]:
            if each["dag_id"] not in played:
                notes.write_text("")
                laboratory = of(each["file"])
                finished = laboratory.run(_wanted(each))
                played[each["dag_id"]] = laboratory, finished, notes.read_text().splitlines()
        return played[recorded["dag_id"]]

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {item for recorded in RECORDED for item in recorded["env"].items()}:
            patch.setenv(name, value.replace("{file}", str(notes)))
        yield play


def _wanted(recorded: dict[str, Any]) -> WantedRun:
    return WantedRun(
        dag_id=recorded["dag_id"],
        execution_date=datetime.fromisoformat(recorded["logical_date"] or recorded["run_after"]),
        is_undated=recorded["logical_date"] is None,
        run_id=recorded["run_id"],
        conf=recorded["conf"],
    )


@pytest.mark.parametrize(
    "recorded",
    [recorded for recorded in RECORDED if recorded["file"] not in NOT_YET],
    ids=lambda recorded: recorded["dag_id"],
)
def test_a_dag_of_airflow_3_ends_as_recorded(play: Play, recorded: dict[str, Any]) -> None:
    laboratory, finished, lines = play(recorded)
    expected = recorded["expect"]
    instances = {(item.task_id, item.map_index): item for item in finished.instances}
    assert _counted(recorded, [[*key, str(item.state)] for key, item in instances.items()]) == _counted(
        recorded, expected["tasks"]
    )
    assert _counted(recorded, [[*key, item.try_number] for key, item in instances.items()]) == _counted(
        recorded, expected["tries"]
    )
    places = {(row[0], row[1], row[2]) for row in expected["xcoms"]}
    places |= {(*key, "return_value") for key in instances}
    assert _counted(recorded, list(_xcoms(laboratory, finished, places))) == _counted(
        recorded, expected["xcoms"]
    )
    assert sorted(_asset_events(laboratory, finished), key=str) == sorted(expected["assets"], key=str)
    assert lines == expected.get("lines", [])
    if recorded["dag_id"] not in ENDS_OTHERWISE:
        assert finished.run.state == expected["run"]


def test_what_is_left_out_is_recorded() -> None:
    assert NOT_YET.keys() <= {recorded["file"] for recorded in RECORDED}
    assert {*LEFT_OUT} <= {
        (recorded["dag_id"], row[0]) for recorded in RECORDED for row in recorded["expect"]["tasks"]
    }


def _counted(recorded: dict[str, Any], rows: list[list[Any]]) -> list[list[Any]]:
    """The rows of the tasks that are compared, in one order."""
    return sorted(
        (row for row in rows if (recorded["dag_id"], row[0]) not in LEFT_OUT), key=lambda row: row[:3]
    )


def _xcoms(
    laboratory: Laboratory, finished: FinishedRun, places: set[tuple[str, int, str]]
) -> Iterator[list[Any]]:
    for task_id, map_index, key in places:
        text = laboratory.engine.store.xcoms.pull(finished.run.run_uid, task_id, map_index, key)
        if text is not None and text != "null":
            value = from_json(text)
            yield [task_id, map_index, key, type(value).__name__, _plain(value)]


def _asset_events(laboratory: Laboratory, finished: FinishedRun) -> Iterator[list[Any]]:
    store = laboratory.engine.store
    for dataset in store.datasets.list():
        for event in store.dataset_events.list(dataset.uri or ""):
            source = event.source
            if source and (source.dag_id, source.run_id) == (finished.run.dag_id, finished.run.run_id):
                yield [event.name or event.uri, json.loads(event.extra), source.task_id, source.map_index]


def _plain(value: Any) -> Any:
    """A value in the form of the recorded ones."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
