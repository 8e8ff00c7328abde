"""Backfills: the runs of a range of logical dates, made now, whatever the schedule does by itself."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.errors import DagRunAlreadyExists, InvalidRequest
from chalicelib.domain.messages import BackfillByTimetable, BackfillDag
from chalicelib.domain.runs.dag_runs import DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.custom import interval_and_id
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run_of, dag_to_run, refusal_of_conf

log = logging.getLogger(__name__)

PORTION = 25
"""Runs that one message makes: some 3 requests each, in a handler of 60 s that may get 10 messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillRequest:
    """A wish for the runs of a range of logical dates (aware), both included."""

    dag_id: str
    start_date: datetime
    end_date: datetime
    triggered_by: str
    conf: dict[str, Any] = field(default_factory=dict)
    dates: tuple[datetime, ...] | None = None
    """The logical dates, where the one who asks has them of a timetable of the user's own."""


def backfill(engine: Engine, request: BackfillRequest) -> datetime:
    """Have a run of type ``backfill`` made for each of the schedule's points in the range.

    Returns the first one's logical date. As in Airflow, the DAG's own dates, ``catchup`` and pause do not
    matter, and the points are those of its schedule. Where there is a run already, of whatever type and
    state, it stays as it is. Safe to repeat: runs are made by messages, in portions.
    Raises ``DagNotFound``, and ``InvalidRequest`` for a range without points and for a conf that the DAG's
    params refuse. 1 request and 1 message; as ``create_run`` one more for a DAG with params.
    """
    dag = dag_to_run(engine, request.dag_id)
    if refusal := refusal_of_conf(engine, dag, request.conf):
        raise InvalidRequest(refusal)
    start, end = request.start_date.astimezone(UTC), request.end_date.astimezone(UTC)
    first = next(_dates(engine, dag, request), None)
    if first is None:
        raise _no_dates(request)
    message = BackfillDag(
        dag_id=dag.dag_id,
        generation=dag.generation,
        start_date=start,
        end_date=end,
        conf=engine.store.payloads.keep(f"conf/{engine.new_uid()}.json", json.dumps(request.conf)),
        triggered_by=request.triggered_by,
    )
    engine.send(message)
    return first


def logical_dates(engine: Engine, request: BackfillRequest) -> list[datetime]:
    """The schedule's points in the range of a request, in order: at least one.

    Raises what ``backfill`` raises. 1 request.
    """
    dag = dag_to_run(engine, request.dag_id)
    found = [*_dates(engine, dag, request)]
    if not found:
        raise _no_dates(request)
    return found


def _dates(engine: Engine, dag: Dag, request: BackfillRequest) -> Iterator[datetime]:
    """The logical dates of a request, in order."""
    if request.dates is not None:
        yield from request.dates
        return
    points = dag.schedule.between(request.start_date.astimezone(UTC), request.end_date.astimezone(UTC))
    last: DataInterval | None = None
    while (last := points.advance(last, engine.now())) is not None:
        yield last.logical_date


def _no_dates(request: BackfillRequest) -> InvalidRequest:
    start, end = request.start_date.astimezone(UTC), request.end_date.astimezone(UTC)
    return InvalidRequest(
        f"No run dates were found for the given dates and dag interval: {request.dag_id} from "
        f"{start.isoformat()} to {end.isoformat()}"
    )


def backfill_dag(engine: Engine, message: BackfillDag) -> None:
    """Make a portion of the runs of a range, and send a message for the rest.

    Safe to repeat and to interrupt. Does nothing once the DAG was deleted or lost its file.
    """
    dag = engine.store.dags.get(message.dag_id)
    if dag is None or dag.is_deleted or not dag.is_active or dag.generation != message.generation:
        return
    if dag.schedule.is_custom:
        engine.send(BackfillByTimetable(backfill=message))
        return
    conf = json.loads(engine.store.payloads.read(message.conf))
    points = dag.schedule.between(message.start_date, message.end_date)
    last = message.last
    for _ in range(PORTION):
        following = points.advance(last, engine.now())
        if following is None:
            return
        make_backfill_run(engine, dag, following, message.triggered_by, conf)
        last = following
    engine.send(replace(message, last=last))


def make_backfill_run(
    engine: Engine, dag: Dag, planned: DataInterval, triggered_by: str, conf: dict[str, Any]
) -> None:
    """Make one run of a backfill, unless there is one; one whose id may not be is left out."""
    data_interval, run_id = interval_and_id(planned)
    request = RunRequest(
        dag_id=dag.dag_id,
        execution_date=planned.logical_date,
        run_id=run_id,
        run_type=DagRunType.BACKFILL,
        external_trigger=False,
        triggered_by=triggered_by,
        data_interval=data_interval,
        conf=conf,
    )
    try:
        create_run_of(engine, dag, request)
    except DagRunAlreadyExists:
        return
    except InvalidRequest as error:
        log.warning("a run of a backfill of %s is not made: %s", dag.dag_id, error)
