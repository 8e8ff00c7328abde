"""The worker asks the timetables of a deployed file, each question in a process of its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.schedule.custom import PlannedRun, QuestionKind, TimetableAnswer, TimetableQuestion
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.runner import ask_timetable

START = datetime(2026, 1, 1, tzinfo=UTC)

FILE = """
import os
import time
from datetime import datetime

from airflow import DAG
from airflow.models import Variable
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable


class ByVariable(Timetable):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        hours = Variable.get("hours", default_var=1, deserialize_json=True)
        return DagRunInfo.interval(restriction.earliest, restriction.earliest.add(hours=hours))


class Hangs(ByVariable):
    def next_dagrun_info(self, **arguments):
        print("this takes long", flush=True)
        while True:
            time.sleep(0.1)


class Dies(ByVariable):
    def next_dagrun_info(self, **arguments):
        os._exit(3)


for timetable in (ByVariable(), Hangs(), Dies()):
    globals()[type(timetable).__name__ + "_dag"] = DAG(
        type(timetable).__name__, schedule=timetable, start_date=datetime(2026, 1, 1)
    )
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(FILE)
    return tmp_path


def ask(folder: Path, dag_id: str, **what: Any) -> TimetableAnswer:
    question = TimetableQuestion(dag_id=dag_id, fileloc="own.py", kind=QuestionKind.NEXT_RUN, **what)
    return ask_timetable(folder, MemoryStore().variables)(question)


def test_a_timetable_answers_with_what_its_file_finds(folder: Path) -> None:
    end = START + timedelta(hours=1)
    planned = PlannedRun(start=START, end=end, due=end, run_id="scheduled__2026-01-01T00:00:00+00:00")
    assert ask(folder, "ByVariable") == TimetableAnswer(runs=(planned,))


@pytest.mark.parametrize(
    ("dag_id", "what", "error"),
    [
        ("Hangs", {"time_left": timedelta(seconds=3)}, "its worker has no more time"),
        ("Dies", {}, "its process ended with exit status 3"),
        ("Gone", {}, "own.py does not define the DAG Gone any more"),
    ],
)
def test_what_gives_no_answer_is_told(folder: Path, dag_id: str, what: dict[str, Any], error: str) -> None:
    answer = ask(folder, dag_id, **what)
    assert answer.runs == ()
    assert error in answer.error


def test_a_file_that_is_gone_or_broken_gives_none(folder: Path) -> None:
    (folder / "own.py").write_text("import airflow\nraise ValueError('dag')\n")
    assert "own.py cannot be loaded: line 2: ValueError: dag" in ask(folder, "ByVariable").error
    (folder / "own.py").unlink()
    assert "does not define the DAG" in ask(folder, "ByVariable").error
