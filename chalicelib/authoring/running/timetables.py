"""Answers of the user's own timetables, in a process of its own."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.dates import as_utc, is_localized, pendulum_datetime
from chalicelib.authoring.exceptions import AirflowTimetableInvalid
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.states import DagRunType
from chalicelib.authoring.surroundings.secrets_masker import redact
from chalicelib.authoring.timetables.base import TimeRestriction, Timetable, interval_of
from chalicelib.authoring.timetables.of_schedule import is_custom, rebuilt
from chalicelib.authoring.timetables.rhythmic import RhythmicTimetable
from chalicelib.domain.runs.outcomes import MAX_REASON_LENGTH
from chalicelib.domain.schedule.custom import PlannedRun, QuestionKind, TimetableAnswer, TimetableQuestion
from chalicelib.domain.schedule.timetables import DataInterval, Schedule

log = logging.getLogger("airflow.timetables")

_RUN_TYPES = {
    QuestionKind.NEXT_RUN: DagRunType.SCHEDULED,
    QuestionKind.RANGE: DagRunType.BACKFILL_JOB,
    QuestionKind.BY_HAND: DagRunType.MANUAL,
}


def answer_of(dag: DAG | None, question: TimetableQuestion) -> TimetableAnswer:
    """What the timetable of a loaded DAG answers; whatever it raises is part of the answer.

    As in Airflow's scheduler, what is asked is the timetable that ``deserialize`` makes of what ``serialize``
    gave: it remembers nothing else.
    """
    if dag is None:
        return TimetableAnswer(error=f"{question.fileloc} does not define the DAG {question.dag_id} any more")
    try:
        with finder.importable(dag.dags_folder):
            return TimetableAnswer(runs=tuple(islice(_runs(dag, question), question.limit)))
    except BaseException as error:  # user code may raise anything, SystemExit included
        log.exception("The timetable of %s failed", dag.dag_id)
        text = f"{type(error).__name__}: {_text_of(error)}".removesuffix(": ")
        return TimetableAnswer(error=str(redact(text))[:MAX_REASON_LENGTH])


def following(dag: DAG, interval: DataInterval, now: datetime) -> DataInterval | None:
    """The run that follows another by the DAG's schedule, whatever its dates and ``catchup`` say.

    Where its own timetable fails that is logged, and there is none, as in Airflow.
    """
    if not is_custom(dag.timetable):
        return dag.planning.following(interval, now)
    try:
        return next(_planned(dag, dag.timetable, Schedule(), interval, DagRunType.SCHEDULED), None)
    except Exception:
        log.exception("Failed to fetch run info after data interval %s for DAG %r", interval, dag.dag_id)
        return None


def previous_time(dag: DAG, moment: datetime) -> datetime | None:
    """The last of the schedule's times before a moment; None if it has no data intervals by a rhythm."""
    timetable = dag.timetable
    if is_custom(timetable) and isinstance(timetable, RhythmicTimetable):
        return timetable._get_prev(moment)
    return dag.planning.previous_time(moment)


def _runs(dag: DAG, question: TimetableQuestion) -> Iterator[PlannedRun]:
    timetable = rebuilt(dag.timetable)
    run_type = _RUN_TYPES[question.kind]
    if question.kind is QuestionKind.BY_HAND:
        date = question.start_date
        if date is not None:
            interval = timetable.infer_manual_data_interval(run_after=pendulum_datetime(date))
            yield _run(dag, timetable, date, _checked(interval, "infer_manual_data_interval"), run_type, date)
        return
    within = dag.planning
    if question.kind is QuestionKind.RANGE:
        within = replace(within, start_date=question.start_date, end_date=question.end_date, catchup=True)
    for run in _planned(dag, timetable, within, question.last, run_type):
        if question.kind is QuestionKind.RANGE and within.end_date and run.start > within.end_date:
            return
        yield run


def _planned(
    dag: DAG, timetable: Timetable, within: Schedule, last: DataInterval | None, run_type: DagRunType
) -> Iterator[PlannedRun]:
    """One run after another."""
    restriction = TimeRestriction(
        earliest=within.start_date and pendulum_datetime(within.start_date),
        latest=within.end_date and pendulum_datetime(within.end_date),
        catchup=within.catchup,
    )
    while True:
        info: Any = timetable.next_dagrun_info(
            last_automated_data_interval=None if last is None else interval_of(last), restriction=restriction
        )
        if info is None:
            return
        try:
            due, interval = info.run_after, info.data_interval
        except AttributeError as error:
            raise AirflowTimetableInvalid(
                f"next_dagrun_info() gave {info!r}, which is no DagRunInfo"
            ) from error
        planned = _checked(interval, "next_dagrun_info")
        if planned == last:
            raise AirflowTimetableInvalid(f"next_dagrun_info() gave the run that it was given: {info!r}")
        yield _run(dag, timetable, _aware(due, "next_dagrun_info"), planned, run_type, planned.start)
        last = planned


def _run(
    dag: DAG,
    timetable: Timetable,
    due: datetime,
    interval: DataInterval,
    run_type: DagRunType,
    logical_date: datetime,
) -> PlannedRun:
    """The run, with the id that the timetable gives it."""
    date = {"run_after": due} if dag.is_of_airflow_3 else {"logical_date": logical_date}
    run_id = timetable.generate_run_id(
        run_type=run_type,
        data_interval=interval_of(interval),
        **{name: pendulum_datetime(moment) for name, moment in date.items()},
    )
    if not isinstance(run_id, str) or not run_id:
        raise AirflowTimetableInvalid(f"generate_run_id() gave {run_id!r}, which is no run id")
    return PlannedRun(start=interval.start, end=interval.end, due=due, run_id=run_id)


def _checked(interval: Any, method: str) -> DataInterval:
    try:
        start, end = interval
    except (TypeError, ValueError) as error:
        raise AirflowTimetableInvalid(f"{method}() gave {interval!r}, which is no DataInterval") from error
    checked = DataInterval(start=_aware(start, method), end=_aware(end, method))
    if checked.end < checked.start:
        raise AirflowTimetableInvalid(
            f"{method}() gave a data interval that ends before it starts: {interval!r}"
        )
    return checked


def _aware(moment: Any, method: str) -> datetime:
    if not isinstance(moment, datetime) or not is_localized(moment):
        raise AirflowTimetableInvalid(f"{method}() gave {moment!r}, which is no aware datetime")
    return as_utc(moment)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the user's own __str__
        return ""
