"""Runs that a DAG's own timetable names, asked of its file on this machine."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chalicelib.domain.runs.dags import Dag
    from chalicelib.domain.schedule.custom import PlannedRun, TimetableQuestion
    from chalicelib.domain.schedule.timetables import DataInterval
    from chalicelib.engine.engine import Engine

_MOST = 10_000


def coming_runs(
    engine: "Engine", dag: "Dag", folder: Path, coming: "DataInterval | None", count: int
) -> "Sequence[DataInterval]":
    """The next runs of a DAG, of which ``coming`` is the first if the engine knows it.

    As in Airflow the DAG's dates bound the first one only. Raises ``ClickException``.
    """
    from chalicelib.domain.schedule.custom import QuestionKind, TimetableQuestion, interval_and_id

    question = TimetableQuestion(
        dag_id=dag.dag_id, fileloc=dag.fileloc, kind=QuestionKind.NEXT_RUN, last=dag.last_interval
    )
    first = coming or next(iter(_asked(engine, folder, question)), None)
    if first is None:
        return ()
    question = TimetableQuestion(
        dag_id=dag.dag_id,
        fileloc=dag.fileloc,
        kind=QuestionKind.RANGE,
        last=interval_and_id(first)[0],
        limit=count,
    )
    return first, *_asked(engine, folder, question)


def dates_between(
    engine: "Engine", dag: "Dag", folder: Path, start: datetime, end: datetime
) -> tuple[datetime, ...]:
    """The logical dates in a range, both ends included; raises ``ClickException``."""
    from chalicelib.domain.schedule.custom import QuestionKind, TimetableQuestion

    question = TimetableQuestion(
        dag_id=dag.dag_id,
        fileloc=dag.fileloc,
        kind=QuestionKind.RANGE,
        start_date=start,
        end_date=end,
        limit=_MOST,
    )
    return tuple(run.logical_date for run in _asked(engine, folder, question))


def _asked(engine: "Engine", folder: Path, question: "TimetableQuestion") -> "Sequence[PlannedRun]":
    from chalicelib.user_code.runner import ask_timetable

    store = engine.store
    answer = ask_timetable(folder, store.variables, connections=store.connections)(question)
    if answer.error:
        raise click.ClickException(f"The timetable of {question.dag_id} failed: {answer.error}")
    return answer.runs
