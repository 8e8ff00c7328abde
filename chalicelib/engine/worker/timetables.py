"""Questions to timetables of the user's own, in a worker: with the DAG file loaded, and the answer kept.

Each is answered by one conditional write, so a question that comes twice, late or after another one changes
nothing. A timetable that raises, or takes too long, holds up no other DAG. It is asked again later for its
DAG's next run, and for the rest of a backfill, as long as a file defines the DAG; a run by hand that it gives
no data interval fails.
"""

import json
import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.domain.messages import (
    BackfillByTimetable,
    BackfillDag,
    InferInterval,
    PlanNextRun,
    ScheduleDag,
    StartRun,
    TimetableMessage,
)
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.due import is_waiting_for_an_answer
from chalicelib.domain.schedule.custom import (
    ASK_AGAIN,
    TIME_FOR_AN_ANSWER,
    QuestionKind,
    TimetableAnswer,
    TimetableQuestion,
)
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.lookup import find_run
from chalicelib.engine.ports.worker import AskTimetable
from chalicelib.engine.runs.end import fail_run
from chalicelib.engine.schedule.backfill import PORTION, make_backfill_run

log = logging.getLogger(__name__)

_QUEUED = frozenset({DagRunState.QUEUED})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asking:
    """What a question is asked with."""

    engine: Engine
    ask: AskTimetable
    time_left: timedelta

    def of(self, dag: Dag, kind: QuestionKind, **what: object) -> TimetableAnswer:
        question = TimetableQuestion(dag_id=dag.dag_id, fileloc=dag.fileloc, kind=kind)
        answer = self.ask(replace(question, time_left=self.time_left, **what))  # type: ignore[arg-type]
        if answer.error:
            log.warning("the timetable of %s failed: %s", dag.dag_id, answer.error)
        return answer


def ask_timetable(
    engine: Engine, message: TimetableMessage, ask: AskTimetable, time_left: timedelta | None = None
) -> None:
    """Handle a message that needs the timetable of a DAG; safe to repeat.

    ``time_left`` is the invocation's.
    """
    asking = _Asking(
        engine=engine, ask=ask, time_left=min(time_left or TIME_FOR_AN_ANSWER, TIME_FOR_AN_ANSWER)
    )
    match message:
        case PlanNextRun():
            _plan_next_run(asking, message)
        case InferInterval():
            _infer_interval(asking, message)
        case BackfillByTimetable():
            _backfill(asking, message.backfill)


def _plan_next_run(asking: _Asking, message: PlanNextRun) -> None:
    """1 request before the question, 1 after it, and 1 message if the run is due."""
    engine = asking.engine
    dag = _dag(engine, message.dag_id, message.generation)
    if dag is None or not is_waiting_for_an_answer(dag, engine.now()):
        return
    answer = asking.of(dag, QuestionKind.NEXT_RUN, last=dag.last_interval)
    planned = answer.runs[0] if answer.runs else None
    write = engine.store.dags.set_next_run(
        dag,
        planned,
        dag.last_interval,
        ask_at=None if planned else engine.now() + ASK_AGAIN,
        error=answer.error or None,
    )
    if write.applied and planned and planned.run_after <= engine.now() and not dag.is_paused:
        engine.send(ScheduleDag(dag_id=dag.dag_id))


def _infer_interval(asking: _Asking, message: InferInterval) -> None:
    """1 request before the question, 1 after it, and 1 message."""
    engine = asking.engine
    found = find_run(engine, message.run)
    if found is None or found[1].state is not DagRunState.QUEUED:
        return
    dag, run = found
    if run.is_interval_owed:
        answer = asking.of(dag, QuestionKind.BY_HAND, start_date=run.execution_date)
        if not answer.runs:
            _fail_unless_answered(engine, run, answer.error)
            return
        interval = answer.runs[0].interval
        change = DagRunChange(
            data_interval_start=interval.start, data_interval_end=interval.end, is_interval_owed=False
        )
        engine.store.dag_runs.transition(run.ref, _QUEUED, change)
    engine.send(StartRun(run=run.ref))


def _fail_unless_answered(engine: Engine, run: DagRun, error: str) -> None:
    """Fail a run that has no data interval, unless another answer has come since the question was asked."""
    found = find_run(engine, run.ref)
    if found is not None and found[1].is_interval_owed:
        fail_run(engine, run, f"its timetable gives it no data interval: {error}", from_states=_QUEUED)


def _backfill(asking: _Asking, backfill: BackfillDag) -> None:
    """A portion of a backfill's runs, and a message for the rest."""
    engine = asking.engine
    dag = _dag(engine, backfill.dag_id, backfill.generation)
    if dag is None:
        return
    answer = asking.of(
        dag,
        QuestionKind.RANGE,
        start_date=backfill.start_date,
        end_date=backfill.end_date,
        last=backfill.last,
        limit=PORTION,
    )
    conf = json.loads(engine.store.payloads.read(backfill.conf))
    for planned in answer.runs:
        make_backfill_run(engine, dag, planned, backfill.triggered_by, conf)
    if answer.error:
        engine.send(BackfillByTimetable(backfill=backfill), int(ASK_AGAIN.total_seconds()))
    elif len(answer.runs) == PORTION:
        engine.send(replace(backfill, last=answer.runs[-1].interval))


def _dag(engine: Engine, dag_id: str, generation: int) -> Dag | None:
    dag = engine.store.dags.get(dag_id)
    is_there = dag is not None and not dag.is_deleted and dag.is_active and dag.generation == generation
    return dag if is_there else None
