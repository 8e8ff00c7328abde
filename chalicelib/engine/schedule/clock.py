"""Runs that the clock starts.

Each DAG keeps the data interval of its next automated run. The tick sends one message for each DAG whose
next run is due; its handler creates the run (the one way runs are created, so once, however often this
is done) and then moves the DAG on by one conditional write. A message that comes twice, or late, or
after a crash finds the run there and the DAG moved on, or moves it on.

Where a timetable of the user's own decides, a worker asks it: by a message that is sent once the DAG has
moved on, and that the tick has sent again while no answer comes (``engine.worker.timetables``).
"""

import logging
from itertools import islice

from chalicelib.domain.errors import DagRunAlreadyExists, InvalidRequest
from chalicelib.domain.messages import PlanNextRun, ScheduleDag
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.due import asks_its_timetable, reason_to_wait
from chalicelib.domain.schedule.custom import ASK_AGAIN, WAIT_FOR_AN_ANSWER, PlannedRun, interval_and_id
from chalicelib.domain.schedule.timetables import CONTINUOUS, CUSTOM, DataInterval
from chalicelib.engine.engine import Engine
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.ports.store import Write
from chalicelib.engine.runs.create import RunRequest, create_run_of

log = logging.getLogger(__name__)

PORTION = 25
"""Runs that one message makes: some 3 requests each, in a handler of 60 s that may get 10 messages."""

TRIGGERED_BY = "schedule"

_ATTEMPTS = 5
"""How often a plan is made anew because the DAG changed meanwhile; another message goes on then."""


def post_due(engine: Engine, outbox: Outbox) -> None:
    """One message for each DAG whose next run is due; 1 request per MB of them."""
    for dag_id in engine.store.dags.due(engine.now()):
        outbox.post(ScheduleDag(dag_id=dag_id))


def schedule_dag(engine: Engine, message: ScheduleDag) -> None:
    """Make the automated runs of a DAG that are due, as far as ``max_active_runs`` lets them be.

    Safe to repeat and to interrupt. What is left when a portion is made goes by a further message; what
    the limit kept back is made when a run ends.
    """
    dag = engine.store.dags.get(message.dag_id)
    if dag is not None and (message.renew or asks_its_timetable(dag, engine.now())):
        dag = renew(engine, dag)
    if dag is None or reason_to_wait(dag, 0, engine.now()):
        return
    # Counted after the DAG was read: a run that is not its next one any more is among them.
    active_runs = _active_runs(engine, dag)
    for _ in range(PORTION):
        reason = reason_to_wait(dag, active_runs, engine.now())
        if reason:
            _stop(engine, dag, reason)
            return
        moved_on = _make_next_run(engine, dag)
        if moved_on is None:
            return
        dag, active_runs = moved_on, active_runs + 1
    engine.send(ScheduleDag(dag_id=dag.dag_id))


def renew(engine: Engine, dag: Dag) -> Dag | None:
    """Plan the DAG's next run anew, from the last one made; the DAG as it is then.

    For a DAG whose schedule or dates may have changed, and for one without catchup, for which time has
    passed. No request for a DAG that stays as it is.
    """
    for _ in range(_ATTEMPTS):
        if dag.is_deleted or not dag.is_active:
            return dag
        if dag.schedule.expression == CUSTOM:
            write = _ask(engine, dag, _made_already(engine, dag) or dag.last_interval)
        else:
            last, planned = dag.last_interval, _plan(engine, dag, dag.last_interval)
            if planned == dag.next_run and dag.ask_at is None:
                return dag
            made = _made_already(engine, dag)
            if made is not None:
                last, planned = made, _plan(engine, dag, made)
            write = engine.store.dags.set_next_run(dag, planned, last)
        if write.applied or write.item is None:
            return write.item
        dag = write.item
    return dag


def _ask(engine: Engine, dag: Dag, last: DataInterval | None) -> Write[Dag | None]:
    """Forget the plan of a DAG with a timetable of the user's own, and ask that for another one.

    1 request and 1 message. The tick sees to a message or an answer that is lost: the DAG is due again then.
    """
    ask_at = engine.now() + WAIT_FOR_AN_ANSWER
    write = engine.store.dags.set_next_run(dag, None, last, ask_at=ask_at, error=dag.planning_error)
    if write.applied:
        engine.send(PlanNextRun(dag_id=dag.dag_id, generation=dag.generation))
    return write


def coming_run(engine: Engine, dag: Dag) -> DataInterval | None:
    """The data interval of the DAG's next automated run as of now; None if none comes.

    ``Dag.next_run`` is what was planned last: of a DAG without catchup time may have passed it by.
    """
    if dag.schedule.expression == CUSTOM:
        return dag.next_run
    return _plan(engine, dag, dag.last_interval)


def _plan(engine: Engine, dag: Dag, last: DataInterval | None) -> DataInterval | None:
    return dag.schedule.advance(last, engine.now())


def _stop(engine: Engine, dag: Dag, reason: str) -> None:
    if dag.next_run is None or dag.next_run.run_after > engine.now():
        return
    log.info("no further run of %s is made now: %s", dag.dag_id, reason)
    if dag.schedule.catchup:
        return
    # Once there is room, what has become the latest interval by then counts, as in Airflow.
    if dag.schedule.expression == CUSTOM:
        _ask_later(engine, dag, dag.last_interval)
    else:
        renew(engine, dag)


def _active_runs(engine: Engine, dag: Dag) -> int:
    limit = dag.schedule.max_active_runs
    unfinished = engine.store.dag_runs.unfinished(dag.dag_id, expected=limit)
    own = (entry for entry in unfinished if entry.run.generation == dag.generation)
    return sum(1 for _ in islice(own, limit))


def _make_next_run(engine: Engine, dag: Dag) -> Dag | None:
    """Create the DAG's next run and move it on; None if another handler has."""
    planned = dag.next_run
    if dag.schedule.expression == CONTINUOUS:
        planned = _plan(engine, dag, dag.last_interval)  # its interval ends when it is made
    if planned is None:
        return renew(engine, dag)
    if isinstance(planned, PlannedRun):
        return _make_planned_run(engine, dag, planned)
    made = _create(engine, dag, planned)
    write = engine.store.dags.set_next_run(dag, _plan(engine, dag, made), made)
    return write.item if write.applied else None


def _make_planned_run(engine: Engine, dag: Dag, planned: PlannedRun) -> Dag | None:
    """Create the run that the DAG's own timetable has planned, and ask for the next one.

    Where a run has that date already, whatever made it, the schedule goes on behind it, as in Airflow. The
    tick asks then, a little later: so a timetable that names one run over and over cannot keep scheduler and
    workers busy.
    """
    try:
        run = create_run_of(engine, dag, _request(dag, planned))
    except InvalidRequest as error:
        return _put_aside(engine, dag, str(error))
    except DagRunAlreadyExists:
        standing = _run_at(engine, dag, planned)
        if standing is None:
            return _put_aside(engine, dag, f"the run {planned.run_id} is not made: its id is taken")
        return _ask_later(engine, dag, _automated_interval(standing) or planned.interval)
    log.info("created %s of %s", run.run_id, dag.dag_id, extra={"run_id": run.run_id})
    write = _ask(engine, dag, planned.interval)
    return write.item if write.applied else None


def _ask_later(engine: Engine, dag: Dag, last: DataInterval | None) -> Dag | None:
    """Forget the plan of such a DAG, and let the tick ask for another one."""
    later = engine.now() + WAIT_FOR_AN_ANSWER
    return engine.store.dags.set_next_run(dag, None, last, ask_at=later).item


def _put_aside(engine: Engine, dag: Dag, error: str) -> Dag | None:
    log.warning("the timetable of %s failed: %s", dag.dag_id, error)
    again = engine.now() + ASK_AGAIN
    return engine.store.dags.set_next_run(dag, None, dag.last_interval, ask_at=again, error=error).item


def _request(dag: Dag, planned: DataInterval) -> RunRequest:
    data_interval, run_id = interval_and_id(planned)
    return RunRequest(
        dag_id=dag.dag_id,
        execution_date=planned.logical_date,
        run_id=run_id,
        run_type=DagRunType.SCHEDULED,
        external_trigger=False,
        triggered_by=TRIGGERED_BY,
        data_interval=data_interval,
    )


def _create(engine: Engine, dag: Dag, planned: DataInterval) -> DataInterval:
    """Create the automated run of an interval; the interval of the one that is there then."""
    try:
        run = create_run_of(engine, dag, _request(dag, planned))
    except DagRunAlreadyExists:
        return _automated_run(engine, dag, planned) or planned
    log.info("created %s of %s", run.run_id, dag.dag_id, extra={"run_id": run.run_id})
    return planned


def _made_already(engine: Engine, dag: Dag) -> DataInterval | None:
    """The interval of the next run if it exists: its handler has not come to move the DAG on."""
    if dag.next_run is None or dag.next_run.run_after > engine.now():
        return None
    return _automated_run(engine, dag, dag.next_run)


def _automated_run(engine: Engine, dag: Dag, planned: DataInterval) -> DataInterval | None:
    run = _run_at(engine, dag, planned)
    return None if run is None else _automated_interval(run)


def _automated_interval(run: DagRun) -> DataInterval | None:
    if run.run_type is not DagRunType.SCHEDULED:
        return None
    return DataInterval(start=run.data_interval_start, end=run.data_interval_end)


def _run_at(engine: Engine, dag: Dag, planned: DataInterval) -> DagRun | None:
    """The run of the DAG's present life that has the date of a planned one; 1 request."""
    run = engine.store.dag_runs.get(dag.dag_id, planned.logical_date)
    return run if run is not None and run.generation == dag.generation else None
