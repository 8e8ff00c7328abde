"""Runs that a DAG's own timetable names, asked of its file on this machine."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.dags.dag_files import files_of

if TYPE_CHECKING:
    from chalicelib.domain.runs.dags import Dag
    from chalicelib.domain.schedule.custom import PlannedRun
    from chalicelib.domain.schedule.timetables import DataInterval
    from chalicelib.engine.engine import Engine

_MOST = 10_000


def runs_after(
    engine: "Engine", dag: "Dag", last: "DataInterval | None", count: int, *, folder: Path | None
) -> "Sequence[PlannedRun]":
    """The runs that follow another, whatever the DAG's dates say; raises ``ClickException``.

    ``folder`` has the DAG's file; None: the DAGs folder.
    """
    return _asked(engine, dag, folder, last=last, limit=count)


def dates_between(engine: "Engine", dag: "Dag", start: datetime, end: datetime) -> tuple[datetime, ...]:
    """The logical dates in a range, both ends included; raises ``ClickException``."""
    runs = _asked(engine, dag, None, start_date=start, end_date=end, limit=_MOST)
    return tuple(run.logical_date for run in runs)


def _asked(engine: "Engine", dag: "Dag", folder: Path | None, **what: Any) -> "Sequence[PlannedRun]":
    from chalicelib.authoring.loading.loader import DagFileError, dag_of_file
    from chalicelib.authoring.running.timetables import answer_of
    from chalicelib.authoring.surroundings.variables import variables_in
    from chalicelib.domain.schedule.custom import QuestionKind, TimetableQuestion

    question = TimetableQuestion(dag_id=dag.dag_id, fileloc=dag.fileloc, kind=QuestionKind.RANGE, **what)
    with variables_in(engine.store.variables):
        try:
            answer = answer_of(
                dag_of_file(dag.dag_id, dag.fileloc, folder or files_of(None).folder), question
            )
        except DagFileError as error:
            raise click.ClickException(str(error)) from error
    if answer.error:
        raise click.ClickException(f"The timetable of {dag.dag_id} failed: {answer.error}")
    return answer.runs
